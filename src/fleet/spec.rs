//! How many agents of which profile: `c:3 l:1 g my-profile:2`.

use super::profile::{self, Profile};
use crate::error::Failure;
use crate::protocol::id;

/// The most of one profile.
const MOST_EACH: u32 = 50;
/// The most of all together.
const MOST: u32 = 200;

/// How many agents of one profile.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which.
    pub profile: Profile,
    /// At least 1.
    pub count: u32,
}

/// Reads the words at the beginning that ask for agents, and says how many words they are; what follows is a task. What
/// asks for one profile twice adds up. `own` are the person's profiles.
///
/// A profile's letter or name alone asks for one; `word:number` is always meant so.
///
/// # Errors
/// A number that is none or too large, and a profile that there is not.
pub fn parse<W: AsRef<str>>(words: &[W], own: &[Profile]) -> Result<(Vec<Wanted>, usize), Failure> {
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut length = 0;
    for word in words {
        let Some(more) = read(word.as_ref(), own)? else { break };
        length += 1;
        match wanted.iter_mut().find(|known| known.profile.name == more.profile.name) {
            Some(known) => known.count = known.count.saturating_add(more.count),
            None => wanted.push(more),
        }
    }
    if let Some(many) = wanted.iter().find(|wanted| wanted.count > MOST_EACH) {
        return Err(too_many(&format!("{} agents of {}", many.count, many.profile.name), MOST_EACH));
    }
    match wanted.iter().map(|wanted| wanted.count).sum::<u32>() {
        ..=MOST => Ok((wanted, length)),
        sum => Err(too_many(&format!("{sum} agents in all"), MOST)),
    }
}

/// What one word asks for; none where it is a word of a task.
fn read(word: &str, own: &[Profile]) -> Result<Option<Wanted>, Failure> {
    let Some((name, number)) = word.split_once(':') else {
        return Ok(profile::find(own, word).map(|profile| Wanted { profile, count: 1 }));
    };
    match profile::find(own, name) {
        Some(profile) => Ok(Some(Wanted { profile, count: count(word, number)? })),
        None if is_number(number) && id::is_tool_name(name) => {
            let names: Vec<String> = profile::all(own).into_iter().map(|profile| profile.name).collect();
            let message = format!("no profile {name:?}: there are {}", names.join(", "));
            Err(Failure::usage(message).hint("add it to config.toml as [profiles.NAME], or put the task in quotes"))
        }
        None => Ok(None),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn count(word: &str, number: &str) -> Result<u32, Failure> {
    let count = Some(number).filter(|number| is_number(number)).and_then(|number| number.parse().ok());
    count.filter(|count| (1..=MOST_EACH).contains(count)).ok_or_else(|| {
        Failure::usage(format!("{word:?} asks for no number of agents from 1 to {MOST_EACH}"))
            .hint("write the profile, a colon and a number: c:3")
    })
}

fn too_many(what: &str, most: u32) -> Failure {
    Failure::usage(format!("{what} are too many: at most {most}")).hint("ask for fewer, or launch the rest later")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::*;

    fn own() -> Vec<Profile> {
        let table = "agent = \"claude\"".parse().unwrap();
        vec![profile::from_table("my-profile", &table).unwrap()]
    }

    /// The counts as text, and how many words they were; or what is wrong.
    fn parsed(line: &str) -> Result<(String, usize), String> {
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        let (wanted, length) = parse(&words, &own()).map_err(|failure| failure.message)?;
        let counts = wanted.iter().map(|Wanted { profile, count }| format!("{}={count}", profile.name));
        Ok((counts.collect::<Vec<_>>().join(" "), length))
    }

    #[test]
    fn agents_are_counted() {
        for (line, counts, length) in [
            ("c:3 l:1 g claude:2 my-profile:1", "codex=3 claude=3 gemini=1 my-profile=1", 5),
            ("a opencode copilot:50", "amp=1 opencode=1 copilot=50", 3),
            ("c:50 l:50 g:50 a:50", "codex=50 claude=50 gemini=50 amp=50", 4),
            ("c:007", "codex=7", 1),
            ("", "", 0),
        ] {
            assert_eq!(parsed(line), Ok((counts.to_owned(), length)), "{line}");
        }
    }

    #[test]
    fn a_task_begins_with_the_first_other_word() {
        for (line, counts, length) in [
            ("c:2 fix the bug in c:3", "codex=2", 1),
            ("fix c:2", "", 0),
            ("l https://example.org/1", "claude=1", 1),
            ("l Note: be quick", "claude=1", 1),
            ("l NOTE:12", "claude=1", 1),
            ("l :3", "claude=1", 1),
            ("l 3", "claude=1", 1),
        ] {
            assert_eq!(parsed(line), Ok((counts.to_owned(), length)), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_an_error() {
        for (line, words) in [
            ("c:0", "\"c:0\" asks for no number of agents from 1 to 50"),
            ("c:51", "\"c:51\" asks for no number"),
            ("c:", "\"c:\" asks for no number"),
            ("c:x", "\"c:x\" asks for no number"),
            ("c:+1", "\"c:+1\" asks for no number"),
            ("c:1:2", "\"c:1:2\" asks for no number"),
            ("c:99999999999999999999", "\"c:99999999999999999999\" asks for no number"),
            ("l:1 cc:3", "no profile \"cc\": there are codex, claude, gemini, amp, copilot, opencode, my-profile"),
            ("c:30 codex:30", "60 agents of codex are too many: at most 50"),
            ("c:50 l:50 g:50 a:50 copilot", "201 agents in all are too many: at most 200"),
        ] {
            let reason = parsed(line).unwrap_err();
            assert!(reason.starts_with(words), "{reason}");
        }
    }
}
