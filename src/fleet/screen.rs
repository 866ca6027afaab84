//! What an agent's screen shows, from its text.
//!
//! A screen is a hint, never a receipt: it says that something is asked, not who asked; that work goes on, not on what. Where an
//! agent's hooks tell, they are believed first. What is not recognised is [`Shows::Unknown`], and nothing follows from it. Only
//! the last lines count, because an agent may write above whatever it likes.

mod draft;
mod replay;

pub(super) use draft::draft;
pub use replay::{USUAL_SIZE, replayed};

use super::stream::{Limit, limit};

/// A dialog ends with the words by which it is known, and a line or two.
const OF_A_DIALOG: usize = 3;
/// Where an agent says that it works, above a prompt of a few lines.
const OF_WORK: usize = 8;
/// What a turn ended with, above the prompt.
const OF_AN_END: usize = 7;
/// A dialog's question stands so far above its end at most.
const TO_A_QUESTION: usize = 12;
const LONGEST_QUESTION: usize = 200;

/// The words of one agent's screens, in lower case.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// At the end of whatever asks: to trust a folder, for a permission, for a choice.
    pub asks: &'static [&'static str],
    /// While it works.
    pub works: &'static [&'static str],
    /// At a prompt that is free. None where no screen of it was ever seen.
    pub prompt: &'static [&'static str],
    /// What its prompt begins with, whatever stands in it.
    pub marks: &'static [&'static str],
}

/// What a screen shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shows {
    /// It asks this. Enter would answer it.
    Question(String),
    /// It works.
    Work,
    /// Its last turn ended at this limit.
    Limit(Limit),
    /// It waits at its prompt.
    Prompt,
    /// Nothing that is known.
    #[default]
    Unknown,
}

/// What a screen shows, to those who know by which words (in lower case) this agent tells of a limit.
pub fn read(words: &Words, limits: &[&str], screen: &str) -> Shows {
    let lines: Vec<&str> = screen.lines().map(plain).filter(|line| !line.is_empty()).collect();
    let last = |count: usize| &lines[lines.len().saturating_sub(count)..];
    let has = |lines: &[&str], phrases: &[&str]| lines.iter().any(|line| tells(line, phrases));
    if has(last(OF_A_DIALOG), words.asks) {
        return Shows::Question(question(last(TO_A_QUESTION)));
    }
    if has(last(OF_WORK), words.works) {
        return Shows::Work;
    }
    match limit(limits, &last(OF_AN_END).join("\n")) {
        Some(limit) => Shows::Limit(limit),
        None if has(last(OF_A_DIALOG), words.prompt) => Shows::Prompt,
        None => Shows::Unknown,
    }
}

/// Whether what was drawn just now has words that a dialog or a limit has, so that the screen is worth a look. A cheap guess:
/// what moves the cursor is passed over, and so are blanks, because programs jump over those.
pub fn is_worth_a_look(words: &Words, limits: &[&str], drawn: &[u8]) -> bool {
    has_words(words.asks, drawn) || has_words(limits, drawn)
}

/// Whether what was drawn has one of these phrases.
pub fn has_words(phrases: &[&str], drawn: &[u8]) -> bool {
    let drawn = squeezed(&String::from_utf8_lossy(drawn));
    phrases.iter().any(|phrase| drawn.contains(&squeezed(phrase)))
}

fn tells(line: &str, phrases: &[&str]) -> bool {
    let line = line.to_lowercase();
    phrases.iter().any(|phrase| line.contains(phrase))
}

/// The last sentence that asks; without one, the last words.
fn question(lines: &[&str]) -> String {
    let asking = lines.iter().rev().find_map(|line| line.split_once('?').map(|(asks, _)| format!("{asks}?")));
    let text = asking.unwrap_or_else(|| lines.last().copied().unwrap_or_default().to_owned());
    text.chars().take(LONGEST_QUESTION).collect()
}

/// A line without its frame or bullet, and without what stands in a panel beside it.
fn plain(line: &str) -> &str {
    let inner = line.trim_matches(|c: char| c.is_whitespace() || is_frame(c) || "●⎿■✕⚠".contains(c));
    inner.split('│').next().unwrap_or_default().trim_end()
}

fn is_frame(c: char) -> bool {
    ('\u{2500}'..='\u{257f}').contains(&c)
}

/// Without blanks and escape sequences, in lower case.
fn squeezed(text: &str) -> String {
    let mut rest = text.chars();
    let mut left = String::with_capacity(text.len());
    while let Some(c) = rest.next() {
        match c {
            '\x1b' if rest.as_str().starts_with('[') => {
                rest.next();
                rest.find(|c| ('@'..='~').contains(c));
            }
            c if c.is_whitespace() || c.is_control() => {}
            c => left.extend(c.to_lowercase()),
        }
    }
    left
}

#[cfg(test)]
mod tests;
