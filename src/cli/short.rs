//! Short forms of `aio start`: a letter, perhaps `p` or `pp`, perhaps `--`.
//!
//! They are lengthened before anything else reads the line, so that nothing else knows of them.

use std::ffi::OsString;

use clap::Command;

use super::verb_position;

/// The agents, and the short forms of each, in the order of the manners. A test holds the letters to `fleet::agents`.
const FORMS: [(&str, [&str; 6]); 4] = [
    ("codex", ["c", "cp", "cpp", "c--", "cp--", "cpp--"]),
    ("claude", ["l", "lp", "lpp", "l--", "lp--", "lpp--"]),
    ("gemini", ["g", "gp", "gpp", "g--", "gp--", "gpp--"]),
    ("amp", ["a", "ap", "app", "a--", "ap--", "app--"]),
];
/// The options that they stand for, and in words.
const MANNERS: [(&[&str], &str); 6] = [
    (&[], "here"),
    (&["--prefill"], "here, with a prompt that is not sent"),
    (&["--send"], "here, with a prompt that is sent"),
    (&["--worktree"], "in a new worktree"),
    (&["--prefill", "--worktree"], "in a new worktree, with a prompt that is not sent"),
    (&["--send", "--worktree"], "in a new worktree, with a prompt that is sent"),
];

pub(super) const HELP: &str = "\
Here it is as it always is with you, and asks as it always asks; in a worktree of its own it edits and runs commands \
without asking, and is a job: aio jobs, diff, merge and remove know it.

Short forms:
  aio c          aio start codex; so also l claude, g gemini, a amp
  aio c \"...\"    with a prompt, which is sent
  aio cp \"...\"   aio start codex --prefill: the prompt is written where you type, and not sent
  aio cpp \"...\"  aio start codex --send
  aio c--        aio start codex --worktree; so also cp-- and cpp--";

/// The line with a short form written out.
pub fn lengthened(mut args: Vec<OsString>) -> Vec<OsString> {
    let Some(position) = verb_position(&args) else { return args };
    if let Some((agent, options)) = args[position].to_str().and_then(meaning) {
        let words = ["start"].into_iter().chain(options.iter().copied()).chain([agent]);
        args.splice(position..=position, words.map(OsString::from));
    }
    args
}

fn meaning(word: &str) -> Option<(&'static str, &'static [&'static str])> {
    let place = |forms: &[&str; 6]| forms.iter().position(|form| *form == word);
    FORMS.iter().find_map(|(agent, forms)| Some((*agent, MANNERS[place(forms)?].0)))
}

/// The tree as shells are to complete it.
pub fn with_short_forms(tree: Command) -> Command {
    let of = |(agent, forms): &(&str, [&'static str; 6])| {
        let named = |(form, (_, words)): (&&'static str, &(&[&str], &str))| {
            Command::new(*form).about(format!("Start {agent} {words}"))
        };
        forms.iter().zip(&MANNERS).map(named).collect::<Vec<_>>()
    };
    tree.subcommands(FORMS.iter().flat_map(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &str) -> Vec<OsString> {
        words.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn a_short_form_is_what_it_stands_for() {
        for (short, long) in [
            ("aio c", "aio start codex"),
            ("aio l Fix it", "aio start claude Fix it"),
            ("aio gp x", "aio start --prefill gemini x"),
            ("aio app", "aio start --send amp"),
            ("aio --json c-- c", "aio --json start --worktree codex c"),
            ("aio --as x lpp-- c --target y", "aio --as x start --send --worktree claude c --target y"),
            ("aio cp-- x", "aio start --prefill --worktree codex x"),
        ] {
            assert_eq!(lengthened(line(short)), line(long));
            assert!(super::super::parse(line(long)).is_ok(), "{long}");
        }
    }

    #[test]
    fn anything_else_stays_as_it_was_typed() {
        for words in ["aio", "aio x", "aio cl", "aio c-", "aio cppp", "aio claim a", "aio check c", "aio é"] {
            assert_eq!(lengthened(line(words)), line(words));
        }
    }

    #[test]
    fn letters_are_those_of_the_agents() {
        let known =
            crate::fleet::agents::AGENTS.iter().filter_map(|agent| Some((agent.letter?.to_string(), agent.name)));
        let ours = FORMS.iter().map(|(agent, forms)| (forms[0].to_owned(), *agent));
        assert_eq!(ours.collect::<Vec<_>>(), known.collect::<Vec<_>>());
    }
}
