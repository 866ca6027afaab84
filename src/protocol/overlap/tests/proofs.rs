//! Randomised comparisons. A failure prints its seed and the smallest case it was reduced to.

use super::super::{Area, Glob, covers, overlaps};
use super::generate::{Kind, Random, Spec};
use super::oracle::{contains, find, globset, matcher};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

fn cases(default: usize) -> usize {
    setting("AIO_PROOF_CASES").unwrap_or(default)
}

/// Never zero, which xorshift cannot leave.
fn seed() -> u64 {
    setting("AIO_PROOF_SEED").unwrap_or(0x9E37_79B9_7F4A_7C15).max(1)
}

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn accepts_what_globset_accepts() {
    let mut random = Random(seed());
    for _ in 0..cases(20_000) {
        let text = if random.below(2) == 0 { random.soup() } else { random.pattern() };
        let theirs = globset(&text, false);
        assert_eq!(Glob::read(&text).is_ok(), theirs.is_ok(), "{text:?}: {theirs:?}");
        assert_eq!(Glob::parse(&text).is_ok(), theirs.is_ok(), "{text:?}: {theirs:?}");
    }
}

#[test]
fn matches_what_globset_matches() {
    let mut random = Random(seed());
    let mut hits = 0;
    for _ in 0..cases(20_000) / 10 {
        let text = random.pattern();
        let Ok(glob) = Glob::read(&text) else { continue };
        for fold in [false, true] {
            let theirs = matcher(&text, fold);
            for _ in 0..40 {
                let path = if fold { random.bytes().to_ascii_lowercase() } else { random.bytes() };
                let expected = theirs.is_match(OsStr::from_bytes(&path));
                hits += usize::from(expected);
                assert_eq!(glob.matches(&path, fold), expected, "{text:?} on {path:?}, fold {fold}, seed {}", seed());
                assert!(!expected || fold || path.starts_with(glob.literal_prefix()), "{text:?} on {path:?}");
            }
        }
    }
    assert!(hits > 0, "no generated path matched");
}

#[derive(Clone, Debug)]
struct Case {
    a: Spec,
    b: Spec,
    fold: bool,
    /// Also ask globset's matchers about short paths. They take long to build.
    thorough: bool,
}

impl Case {
    fn draw(random: &mut Random) -> Case {
        let (fold, thorough) = (random.below(4) == 0, random.below(16) == 0);
        let (a, mut b) = (random.spec(), random.spec());
        if random.below(2) == 0 {
            b.path = a.path.clone();
        }
        if random.below(16) == 0 {
            b.kind = a.kind.clone();
        }
        Case { a, b, fold, thorough }
    }

    fn smaller(&self) -> Vec<Case> {
        let a = self.a.smaller().into_iter().map(|a| Case { a, ..self.clone() });
        let b = self.b.smaller().into_iter().map(|b| Case { b, ..self.clone() });
        a.chain(b).collect()
    }

    fn check(&self) -> Result<bool, String> {
        let (a, b) = (self.a.area(), self.b.area());
        let ours = overlaps(&a, &b, self.fold);
        let common = find(&self.a, &self.b, self.fold, |a, b| a && b);
        expect(ours == common.is_some(), || format!("overlaps is {ours}, common path {common:?}"))?;
        expect(overlaps(&b, &a, self.fold) == ours, || "not symmetric".to_owned())?;
        self.check_covers()?;
        if self.thorough {
            self.check_witness(common.as_deref())?;
            self.check_short_paths(ours)?;
        }
        Ok(ours)
    }

    fn check_covers(&self) -> Result<(), String> {
        let ours = covers(&self.a.area(), &self.b.area(), self.fold);
        let stray = find(&self.a, &self.b, self.fold, |a, b| b && !a);
        expect(!(ours && stray.is_some()), || format!("covers, but not {stray:?}"))?;
        let exact = matches!((self.a.area(), self.b.area()), (_, Area::File(_)) | (Area::Directory(_), _));
        expect(!exact || ours == stray.is_none(), || format!("covers is {ours}, stray path {stray:?}"))
    }

    /// What the regex engine found, globset's matchers must confirm.
    fn check_witness(&self, common: Option<&[u8]>) -> Result<(), String> {
        let Some(path) = common.and_then(|path| std::str::from_utf8(path).ok()) else { return Ok(()) };
        let both = contains(&self.a, path, self.fold) && contains(&self.b, path, self.fold);
        expect(both, || format!("{path:?} is not in both"))
    }

    /// One-sided: a common path beyond these would not be seen.
    fn check_short_paths(&self, ours: bool) -> Result<(), String> {
        let names = ["a", "b", "ab", ".a", "é", "...", "c"];
        let one = names.iter().map(|x| format!("/{x}"));
        let two = names.iter().flat_map(|x| names.iter().map(move |y| format!("/{x}/{y}")));
        for path in one.chain(two).chain(["/".to_owned()]) {
            let both = contains(&self.a, &path, self.fold) && contains(&self.b, &path, self.fold);
            expect(ours || !both, || format!("overlaps is false, but {path:?} is in both"))?;
        }
        Ok(())
    }
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// The smallest failing case that leaving things out leads to.
fn reduce(mut case: Case) -> Case {
    while let Some(smaller) = case.smaller().into_iter().find(|smaller| smaller.check().is_err()) {
        case = smaller;
    }
    case
}

#[test]
fn overlap_and_cover_are_decided_exactly() {
    let mut random = Random(seed());
    let (total, mut overlapping, mut patterns) = (cases(20_000), 0, 0);
    for _ in 0..total {
        let case = Case::draw(&mut random);
        patterns += usize::from(matches!((&case.a.kind, &case.b.kind), (Kind::Pattern(_), Kind::Pattern(_))));
        match case.check() {
            Ok(ours) => overlapping += usize::from(ours),
            Err(_) => {
                let small = reduce(case);
                panic!("seed {}: {small:?}: {:?}", seed(), small.check());
            }
        }
    }
    println!("{total} pairs, {patterns} of two patterns, {overlapping} overlap");
    assert!(
        overlapping * 20 > total && overlapping * 20 < total * 19,
        "{overlapping} of {total} overlap: too one-sided"
    );
}
