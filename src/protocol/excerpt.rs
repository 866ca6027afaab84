//! The part of a state that a question about some places needs: what makes a check cheap among ten thousand claims.
//!
//! Our writers give every entry a line of its own, and no JSON string contains a line break. So a line that begins and
//! ends as they write a claim is one whole member of the object it stands in, and when its place is clearly elsewhere it
//! can be left out unread. The context, which we write last, is left out as well. What remains is shorter JSON of the same
//! structure, for the ordinary reader; whatever looks different (a hand edit, another program's writing) remains too. Should
//! a line not be whole after all, what remains is no JSON, and the whole text is read instead.
//!
//! Read with the same places, the text and its excerpt come to the same, and so does what is written around a place and
//! what is written of the whole; the tests hold it to that on edits of every kind.

use std::ops::Range;

pub use self::parts::{Parts, Run};

use self::line::{ClaimLine, find, held_ids};
use super::place::{Place, Prepared};
use super::state::Claim;

mod line;
mod parts;

/// Whether a claim overlaps or shadows one of the places.
pub fn concerns(claim: &Claim<'_>, places: &[Prepared<'_>]) -> bool {
    let at = Place::from(claim);
    places.iter().any(|place| place.overlaps(&at) || place.shadows(&at))
}

/// Makes an excerpt of a text that comes in pieces.
#[derive(Debug)]
pub struct Sieve<'p> {
    places: &'p [Prepared<'p>],
    kept: String,
    /// Where in there the instances begin, and where the claims do.
    instances_at: usize,
    claims_at: usize,
    section: Section,
    /// Whether lines lose what nothing of ours reads. What is written again keeps it: it may be others'.
    shortens: bool,
    /// Whether the context is kept.
    remembers: bool,
}

/// Where in a text the sieve stands.
#[derive(Debug, PartialEq, Eq)]
enum Section {
    /// Before or after the claims.
    Other,
    Claims,
    /// Among jobs, which no place concerns.
    Jobs,
    Context(Context),
}

/// In the context, which can end only with a bracket. A name after that and a comma is another section.
#[derive(Debug, PartialEq, Eq)]
enum Context {
    Within,
    AfterBracket,
    AfterComma,
    /// Something may follow it.
    Passed,
}

impl<'p> Sieve<'p> {
    /// Keeps what may concern these places.
    pub fn new(places: &'p [Prepared<'p>]) -> Self {
        Sieve {
            places,
            kept: String::new(),
            instances_at: 0,
            claims_at: 0,
            section: Section::Other,
            shortens: true,
            remembers: false,
        }
    }

    /// Keeps everything but claims.
    pub fn but_claims() -> Self {
        Sieve { remembers: true, ..Sieve::new(&[]) }
    }

    /// Takes in the next lines, all of them whole.
    pub fn pass(&mut self, lines: &str) {
        self.sift(lines, |_, claim| claim.is_clear());
    }

    /// What is left of the text. None where it takes all of it, because something follows the context.
    pub fn finish(self) -> Option<String> {
        (self.section != Section::Context(Context::Passed)).then_some(self.kept)
    }

    /// As [`Sieve::pass`], where `leave` may refuse to leave out a claim that is elsewhere. Says where the context begins.
    fn sift<'a>(
        &mut self,
        lines: &'a str,
        mut leave: impl FnMut(Range<usize>, &ClaimLine<'a>) -> bool,
    ) -> Option<usize> {
        let mut end = 0;
        while end < lines.len() {
            if let Section::Context(context) = &mut self.section {
                context.pass(&lines[end..]);
                return None;
            }
            let start = end;
            end += find(b'\n', &lines[start..]).map_or(lines.len() - start, |position| position + 1);
            let line = &lines[start..end];
            match line {
                "\"instances\":{\n" if self.instances_at == 0 => self.instances_at = self.kept.len() + line.len(),
                "\"claims\":{\n" => {
                    self.section = Section::Claims;
                    if self.claims_at == 0 {
                        self.claims_at = self.kept.len();
                    }
                }
                "\"jobs\":[\n" if self.shortens => {
                    self.section = Section::Jobs;
                    continue;
                }
                "]\n" | "],\n" if self.section == Section::Jobs => {
                    self.section = Section::Other;
                    continue;
                }
                _ if self.section == Section::Jobs => continue,
                "}\n" | "},\n" => self.section = Section::Other,
                "\"context\":[\n" | "\"context\":[]\n" if !self.remembers => {
                    let mut context = Context::Within;
                    context.pass(&lines[start..]);
                    self.section = Section::Context(context);
                    self.kept.push_str("\"context\":[]}");
                    return Some(start);
                }
                _ if self.section == Section::Claims => {
                    let claim = line.strip_suffix(",\n").and_then(ClaimLine::of);
                    let claim = claim.filter(|claim| claim.is_apart_from(self.places));
                    if claim.is_some_and(|claim| leave(start..end, &claim)) {
                        continue;
                    }
                }
                _ => {
                    if let Some(ids) = held_ids(line).filter(|_| self.shortens) {
                        self.kept.push_str(&line[..ids.start]);
                        self.kept.push_str(&line[ids.end..]);
                        continue;
                    }
                }
            }
            self.kept.push_str(line);
        }
        None
    }
}

impl Context {
    /// Looks for a bracket with a comma and a name after it. Words may have that too; then the whole text is read for
    /// nothing, which does no harm.
    fn pass(&mut self, mut text: &str) {
        while *self != Context::Passed {
            if *self == Context::Within {
                let Some(bracket) = find(b']', text) else { return };
                text = &text[bracket + 1..];
                *self = Context::AfterBracket;
            }
            text = text.trim_ascii_start();
            let Some(next) = text.as_bytes().first() else { return };
            *self = match (&*self, next) {
                (Context::AfterBracket, b',') => {
                    text = &text[1..];
                    Context::AfterComma
                }
                (Context::AfterComma, b'"') => Context::Passed,
                _ => Context::Within,
            };
        }
    }
}

#[cfg(test)]
mod tests;
