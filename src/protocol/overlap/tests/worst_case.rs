//! Measures hostile pairs. The bound is loose, since a loaded machine must not fail it.

use super::super::{Area, Glob, MAX_PATTERN_BYTES, covers, overlaps};
use std::time::Instant;

fn filled(unit: &str, end: &str) -> Glob {
    let units = (MAX_PATTERN_BYTES - end.len()) / unit.len();
    let text = unit.repeat(units) + end;
    Glob::parse(&text).expect("within the caps")
}

fn hostile() -> Vec<Glob> {
    let one_star =
        |end: &str| Glob::parse(&format!("*{}{end}", "a".repeat(MAX_PATTERN_BYTES - 2))).expect("within the caps");
    vec![
        filled("*?", "x"),
        filled("*?", "y"),
        filled("**/*/", "x"),
        filled("*a", "x"),
        filled("?", ""),
        filled("[!x]*", "y"),
        filled("[./a]*", "x"),
        filled("{*,?}", "x"),
        filled("{a,*,{?,*a}}", "x"),
        Glob::parse(&"*\u{1D160}".repeat(39)).expect("within the caps"),
        one_star("x"),
        one_star("y"),
        Glob::parse(&format!("**/{}x", "[./a]".repeat(100))).expect("within the caps"),
        Glob::parse(&format!("{{{}}}x", vec!["*?"; 168].join(","))).expect("within the caps"),
        Glob::parse(&format!("**{}x", "\u{1D160}".repeat(41))).expect("within the caps"),
    ]
}

#[test]
fn any_two_accepted_patterns_are_compared_quickly() {
    let mut worst = (0, String::new());
    for p in hostile() {
        for q in hostile() {
            for fold in [false, true] {
                let (a, b) = (Area::Pattern { base: b"/", glob: &p }, Area::Pattern { base: b"/", glob: &q });
                let began = Instant::now();
                std::hint::black_box(overlaps(&a, &b, fold));
                let took = began.elapsed().as_micros();
                if took > worst.0 {
                    worst = (took, format!("{:.20} and {:.20}, fold {fold}", p.text(), q.text()));
                }
            }
        }
    }
    println!("worst pair: {} µs: {}", worst.0, worst.1);
    assert!(worst.0 < 2_000_000, "{worst:?}");
}

#[test]
fn a_long_path_against_a_hostile_pattern_is_quick() {
    let path = format!("/{}", "a".repeat(4000));
    let mut worst = [0; 3];
    for glob in hostile() {
        let pattern = Area::Pattern { base: b"/", glob: &glob };
        let (file, directory) = (Area::File(path.as_bytes()), Area::Directory(path.as_bytes()));
        let questions: [&dyn Fn() -> bool; 3] =
            [&|| overlaps(&pattern, &file, false), &|| overlaps(&pattern, &directory, false), &|| {
                covers(&directory, &pattern, false)
            }];
        for (slowest, question) in worst.iter_mut().zip(questions) {
            let began = Instant::now();
            std::hint::black_box(question());
            *slowest = began.elapsed().as_micros().max(*slowest);
        }
    }
    println!("worst path, µs: in file, in directory, covered by directory: {worst:?}");
    assert!(worst.iter().all(|&took| took < 2_000_000), "{worst:?}");
}
