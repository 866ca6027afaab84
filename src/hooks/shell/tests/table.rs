//! `cases.txt`, line by line.

use super::{lines, told};

struct Case {
    line: usize,
    command: String,
    expected: Vec<String>,
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (index, text) in include_str!("cases.txt").lines().enumerate() {
        match (text.split_at_checked(2), cases.last_mut()) {
            (Some(("$ ", command)), _) => {
                cases.push(Case { line: index + 1, command: command.to_owned(), expected: Vec::new() });
            }
            (Some(("> ", more)), Some(case)) => case.command += &format!("\n{more}"),
            (Some(("  ", expected)), Some(case)) => case.expected.push(expected.to_owned()),
            _ => assert!(text.is_empty() || text.starts_with('#'), "line {}: {text:?}", index + 1),
        }
    }
    cases
}

#[test]
fn every_command_touches_what_the_table_says() {
    let mut wrong = Vec::new();
    for Case { line, command, expected } in cases() {
        let actual = lines(&told(&command));
        if actual != expected {
            wrong.push(format!("line {line}: {command}\n    expected {expected:?}\n    but got  {actual:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_table_is_as_large_as_it_should_be() {
    let cases = cases();
    let silent = cases.iter().filter(|case| case.expected.is_empty()).count();
    assert!(cases.len() >= 400 && silent >= 200, "{} cases, {silent} of them touch nothing", cases.len());
}

/// What holds for one command holds for the same command among others that do nothing.
#[test]
fn commands_around_it_change_nothing() {
    for Case { line, command, expected } in cases() {
        let surrounded = [format!("true\n{command}"), format!("echo 'x > y'; {command}"), format!("{{\n{command}\n}}")];
        for surrounded in surrounded.iter().filter(|_| !expected.is_empty()) {
            assert_eq!(lines(&told(surrounded)), expected, "line {line}: {surrounded}");
        }
    }
}
