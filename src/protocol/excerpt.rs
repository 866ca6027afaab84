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

// Not by way of `memchr::memchr`: to ask the processor what it can do takes longer than a check among few claims.
#[cfg(target_arch = "aarch64")]
use memchr::arch::aarch64::neon::memchr::One;
#[cfg(target_arch = "x86_64")]
use memchr::arch::x86_64::sse2::memchr::One;
use serde::de::IgnoredAny;

use super::place::{Place, Prepared};
use super::state::Claim;

/// How we end the context, and with it the text. A text that ends otherwise may have something after it.
pub const END: &[u8] = b"]\n}\n";

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
    in_claims: bool,
    /// Whether lines lose what nothing of ours reads. What is written again keeps it: it may be others'.
    shortens: bool,
}

impl<'p> Sieve<'p> {
    /// Keeps what may concern these places.
    pub fn new(places: &'p [Prepared<'p>]) -> Self {
        Sieve { places, kept: String::new(), in_claims: false, shortens: true }
    }

    /// Takes in the next lines, all of them whole. Says whether the context begins among them: then nothing after them can
    /// matter, provided that the text has our [`END`].
    pub fn pass(&mut self, lines: &str) -> bool {
        self.sift(lines, |_, _| true).is_some()
    }

    /// What is left of the text.
    pub fn finish(self) -> String {
        self.kept
    }

    /// As [`Sieve::pass`], where `leave` may refuse to leave out a claim that is elsewhere. Says where the context begins.
    fn sift<'a>(
        &mut self,
        lines: &'a str,
        mut leave: impl FnMut(Range<usize>, &ClaimLine<'a>) -> bool,
    ) -> Option<usize> {
        let mut end = 0;
        while end < lines.len() {
            let start = end;
            end += find(b'\n', &lines[start..]).map_or(lines.len() - start, |position| position + 1);
            let line = &lines[start..end];
            match line {
                "\"claims\":{\n" => self.in_claims = true,
                "}\n" | "},\n" => self.in_claims = false,
                "\"context\":[\n" | "\"context\":[]\n" => {
                    self.kept.push_str("\"context\":[]}");
                    return Some(start);
                }
                _ if self.in_claims => {
                    let claim = ClaimLine::of(line).filter(|claim| claim.is_apart_from(self.places));
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

/// A state's text in the parts that a change around some places leaves alone, and the one it may change.
#[derive(Debug)]
pub struct Parts<'a> {
    /// The excerpt.
    pub near: String,
    /// What it leaves out of the claims: runs of whole lines, each with a comma at its end.
    pub elsewhere: Vec<&'a str>,
    /// Holder and id of each claim in there.
    pub held: Vec<(&'a str, &'a str)>,
    /// From the context to the end.
    pub context: &'a str,
}

impl<'a> Parts<'a> {
    /// Takes a text apart. None where it is not laid out as we write it: where a line among the claims is not one whole
    /// claim, or the context does not follow on lines of its own.
    pub fn of(text: &'a str, places: &[Prepared<'_>]) -> Option<Parts<'a>> {
        let (mut runs, mut held): (Vec<Range<usize>>, _) = (Vec::new(), Vec::new());
        let mut sieve = Sieve { shortens: false, ..Sieve::new(places) };
        let context = sieve.sift(text, |line, claim| {
            let Some(holder) = claim.holder().filter(|_| claim.is_whole()) else { return false };
            held.push((holder, claim.id));
            match runs.last_mut() {
                Some(run) if run.end == line.start => run.end = line.end,
                _ => runs.push(line),
            }
            true
        })?;
        let near = sieve.finish();
        let (head, nearby) = near.split_once("\n\"claims\":{\n")?;
        let claims = nearby.split_once("\n}")?.0;
        let are_whole = is_json(&format!("{head}\"\":0}}")) && claims.lines().all(is_member);
        let elsewhere = runs.into_iter().map(|run| &text[run]).collect();
        let parts = Parts { near, elsewhere, held, context: &text[context..] };
        (are_whole && text.as_bytes().ends_with(END)).then_some(parts)
    }
}

/// Whether a line is one member of an object and nothing else.
fn is_member(line: &str) -> bool {
    is_json(&format!("{{{}}}", line.strip_suffix(',').unwrap_or(line)))
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Where the ids of the claims of an instance stand in its line. The original scripts kept them there, and nothing of ours
/// reads them. Between brackets, words of letters and digits in quotes are a list of strings and nothing else.
fn held_ids(line: &str) -> Option<Range<usize>> {
    const LIST: &[u8] = b",\"claims\":[";
    let start = line.as_bytes().windows(LIST.len()).position(|window| window == LIST)? + LIST.len();
    let length = find(b']', &line[start..])?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() | (byte == b'"') | (byte == b',');
    let ids = line[start..start + length].bytes();
    ids.fold(true, |plain, byte| plain & is_plain(byte)).then_some(start..start + length)
}

/// A line that begins and ends as we write a claim that others follow.
struct ClaimLine<'l> {
    id: &'l str,
    kind: &'l str,
    target: &'l str,
    project: &'l str,
    /// What follows these. It names no other place.
    rest: &'l str,
    /// Everything but the id.
    fields: &'l str,
}

impl<'l> ClaimLine<'l> {
    fn of(line: &'l str) -> Option<ClaimLine<'l>> {
        let (id, fields) = string(line.strip_suffix("},\n")?)?;
        let (kind, rest) = string(fields.strip_prefix(":{\"type\":")?)?;
        let (target, rest) = string(rest.strip_prefix(",\"target\":")?)?;
        let (project, rest) = string(rest.strip_prefix(",\"project\":")?)?;
        (!may_name_place(rest.as_bytes())).then_some(ClaimLine { id, kind, target, project, rest, fields })
    }

    fn is_apart_from(&self, places: &[Prepared<'_>]) -> bool {
        places.iter().all(|place| place.is_clearly_apart(self.kind, self.target, self.project))
    }

    /// Whether the line is certainly one whole claim: it has no braces but those around its fields.
    fn is_whole(&self) -> bool {
        let braces = self.fields.bytes().fold(0, |count, byte| count + u32::from((byte == b'{') | (byte == b'}')));
        braces == 1
    }

    fn holder(&self) -> Option<&'l str> {
        let (holder, _) = string(self.rest.strip_prefix(",\"instanceId\":")?)?;
        (!holder.contains('\\') && !self.id.contains('\\')).then_some(holder)
    }
}

/// The string that a text begins with, as far as it has no escapes, and what follows it.
fn string(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('"')?;
    let end = find(b'"', text)?;
    Some((&text[..end], &text[end + 1..]))
}

#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
fn find(byte: u8, text: &str) -> Option<usize> {
    One::new(byte)?.find(text.as_bytes())
}

#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
fn find(byte: u8, text: &str) -> Option<usize> {
    text.bytes().position(|other| other == byte)
}

/// Whether further fields may be called `type`, `target` or `project`, however that is spelled: the last would count. A
/// string right after a colon is a value.
fn may_name_place(fields: &[u8]) -> bool {
    let from = |offset: usize| fields.get(offset..).unwrap_or_default();
    let is_name = |before: u8, quote: u8, first: u8| {
        (before != b':') & (quote == b'"') & ((first == b't') | (first == b'p') | (first == b'\\'))
    };
    let triples = fields.iter().zip(from(1)).zip(from(2));
    // Without a way out, several bytes are looked at in one step.
    triples.fold(false, |found, ((before, quote), first)| found | is_name(*before, *quote, *first))
}

#[cfg(test)]
mod tests;
