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
    section: Section,
    /// Whether lines lose what nothing of ours reads. What is written again keeps it: it may be others'.
    shortens: bool,
}

/// Where in a text the sieve stands.
#[derive(Debug, PartialEq, Eq)]
enum Section {
    /// Before or after the claims.
    Other,
    Claims,
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
        Sieve { places, kept: String::new(), section: Section::Other, shortens: true }
    }

    /// Takes in the next lines, all of them whole.
    pub fn pass(&mut self, lines: &str) {
        self.sift(lines, |_, _| true);
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
                "\"claims\":{\n" => self.section = Section::Claims,
                "}\n" | "},\n" => self.section = Section::Other,
                "\"context\":[\n" | "\"context\":[]\n" => {
                    let mut context = Context::Within;
                    context.pass(&lines[start..]);
                    self.section = Section::Context(context);
                    self.kept.push_str("\"context\":[]}");
                    return Some(start);
                }
                _ if self.section == Section::Claims => {
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
    /// claim, or the context is not the last section, on lines of its own.
    pub fn of(text: &'a str, places: &[Prepared<'_>]) -> Option<Parts<'a>> {
        let (mut runs, mut held): (Vec<Range<usize>>, _) = (Vec::new(), Vec::new());
        let mut sieve = Sieve { shortens: false, ..Sieve::new(places) };
        let context = sieve.sift(text, |line, claim| {
            let Some(holder) = claim.holder_as_written() else { return false };
            held.push((holder, claim.id));
            match runs.last_mut() {
                Some(run) if run.end == line.start => run.end = line.end,
                _ => runs.push(line),
            }
            true
        })?;
        let near = sieve.finish()?;
        // The only lines that were looked at as claims are those of the state, each of which is whole.
        let (head, nearby) = near.split_once("\n\"claims\":{\n")?;
        let claims = nearby.split_once("\n}")?.0;
        let is_clear = is_json(&format!("{head}\"\":0}}"))
            && claims.lines().all(is_member)
            && !nearby.contains("\n\"claims\":{\n");
        let elsewhere = runs.into_iter().map(|run| &text[run]).collect();
        let context = &text[context..];
        (is_clear && is_json(&format!("{{{context}"))).then_some(Parts { near, elsewhere, held, context })
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

    /// The holder, where the line is to the letter what we write of a claim, and so certainly is JSON, and whole.
    fn holder_as_written(&self) -> Option<&'l str> {
        let is_odd = |byte: u8| (byte < b' ') | (byte == b'\\');
        if self.id.bytes().chain(self.fields.bytes()).fold(false, |odd, byte| odd | is_odd(byte)) {
            return None;
        }
        let (holder, rest) = string(self.rest.strip_prefix(",\"instanceId\":")?)?;
        let (_, rest) = string(rest.strip_prefix(",\"id\":")?)?;
        let rest = rest.strip_prefix(",\"exclusive\":")?;
        let rest = rest.strip_prefix("true").or_else(|| rest.strip_prefix("false"))?;
        let (_, rest) = string(rest.strip_prefix(",\"claimedAt\":")?)?;
        let rest = after_optional(rest, ",\"fence\":", number)?;
        let rest = after_optional(rest, ",\"reason\":", string)?;
        let rest = after_optional(rest, ",\"repository\":", string)?;
        let rest = rest.strip_prefix(",\"foldsCase\":true").unwrap_or(rest);
        let rest = after_optional(rest, ",\"expiresAt\":", string)?;
        let rest = after_optional(rest, ",\"expiresMonotonicMs\":", number)?;
        rest.is_empty().then_some(holder)
    }
}

/// What follows a field that may be there or not; none where its value is not what `value` takes.
fn after_optional<'l>(
    text: &'l str,
    name: &str,
    value: impl Fn(&'l str) -> Option<(&'l str, &'l str)>,
) -> Option<&'l str> {
    text.strip_prefix(name).map_or(Some(text), |text| Some(value(text)?.1))
}

/// The number that a text begins with, and what follows it.
fn number(text: &str) -> Option<(&str, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    (number.parse::<u64>().is_ok() && (digits == 1 || !number.starts_with('0'))).then_some((number, rest))
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
