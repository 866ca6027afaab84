//! The part of a state that a question about some places needs: what makes a check cheap among ten thousand claims.
//!
//! Our writers give every entry a line of its own, and no JSON string contains a line break. So a line that begins and
//! ends as they write a claim is one whole member of the object it stands in, and when its place is clearly elsewhere it
//! can be left out unread. The context, which comes last, is left out as well. What remains is shorter JSON of the same
//! structure, for the ordinary reader; whatever looks different (a hand edit, another program's writing) remains too.
//!
//! Read with the same places, the text and its excerpt come to the same, which the tests hold it to.

use std::io::{self, BufRead};

// Not by way of `memchr::memchr`: to ask the processor what it can do takes longer than a check among few claims.
#[cfg(target_arch = "aarch64")]
use memchr::arch::aarch64::neon::memchr::One;
#[cfg(target_arch = "x86_64")]
use memchr::arch::x86_64::sse2::memchr::One;

use super::place::{Place, Prepared};
use super::state::Claim;

/// The lines of a state that may concern `places`, and all that belong to no claim. None where that takes the whole text:
/// because something follows the context, or it is not UTF-8.
///
/// # Errors
/// When the text cannot be read.
pub fn excerpt(text: &mut impl BufRead, places: &[Prepared<'_>]) -> io::Result<Option<String>> {
    let mut kept: Vec<u8> = Vec::new();
    let mut in_claims = false;
    loop {
        if in_claims {
            let passed = elsewhere(text.fill_buf()?, places);
            text.consume(passed);
        }
        let start = kept.len();
        if text.read_until(b'\n', &mut kept)? == 0 {
            break;
        }
        match &kept[start..] {
            b"\"claims\":{\n" => in_claims = true,
            b"}\n" | b"},\n" => in_claims = false,
            b"\"context\":[\n" => {
                if !ends_within(text)? {
                    return Ok(None);
                }
                kept.extend_from_slice(b"]}");
                break;
            }
            [line @ .., b'\n'] if in_claims && is_elsewhere(line, places) => kept.truncate(start),
            _ => {}
        }
    }
    Ok(String::from_utf8(kept).ok())
}

/// Whether a claim overlaps or shadows one of the places.
pub fn concerns(claim: &Claim<'_>, places: &[Prepared<'_>]) -> bool {
    let at = Place::from(claim);
    places.iter().any(|place| place.overlaps(&at) || place.shadows(&at))
}

/// How many bytes at the beginning of a text are whole lines of claims that are clearly elsewhere.
fn elsewhere(text: &[u8], places: &[Prepared<'_>]) -> usize {
    let mut rest = text;
    while let Some((line, after)) = split(b'\n', rest)
        && is_elsewhere(line, places)
    {
        rest = after;
    }
    text.len() - rest.len()
}

/// Whether a line is one whole claim, and on a place clearly apart from all of these.
fn is_elsewhere(line: &[u8], places: &[Prepared<'_>]) -> bool {
    place_of(line)
        .is_some_and(|(kind, target, project)| places.iter().all(|place| place.is_clearly_apart(kind, target, project)))
}

/// Kind, target and project of a claim that stands on one line as we write it.
fn place_of(line: &[u8]) -> Option<(&str, &str, &str)> {
    let (_id, fields) = string(line.strip_suffix(b"},")?)?;
    let (kind, rest) = string(fields.strip_prefix(b":{\"type\":")?)?;
    let (target, rest) = string(rest.strip_prefix(b",\"target\":")?)?;
    let (project, rest) = string(rest.strip_prefix(b",\"project\":")?)?;
    if may_name_place(rest) {
        return None;
    }
    Some((str::from_utf8(kind).ok()?, str::from_utf8(target).ok()?, str::from_utf8(project).ok()?))
}

/// The string that a text begins with, as far as it has no escapes, and what follows it.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    split(b'"', text.strip_prefix(b"\"")?)
}

/// The text before the first `end`, and what follows it.
fn split(end: u8, text: &[u8]) -> Option<(&[u8], &[u8])> {
    let position = One::new(end)?.find(text)?;
    Some((&text[..position], &text[position + 1..]))
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

/// Whether the array that has just begun is the last member around it: no bracket that may end it is followed by another
/// name.
fn ends_within(text: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let ahead = text.fill_buf()?;
        if ahead.is_empty() {
            return Ok(true);
        }
        let bracket = split(b']', ahead).map(|(before, _)| before.len() + 1);
        let passed = bracket.unwrap_or(ahead.len());
        text.consume(passed);
        if bracket.is_some() && next_visible(text)? == Some(b',') {
            text.consume(1);
            if next_visible(text)? == Some(b'"') {
                return Ok(false);
            }
        }
    }
}

/// The byte after any white space, which is consumed.
fn next_visible(text: &mut impl BufRead) -> io::Result<Option<u8>> {
    loop {
        let ahead = text.fill_buf()?;
        let blank = ahead.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let (next, at_end) = (ahead.get(blank).copied(), ahead.is_empty());
        text.consume(blank);
        if next.is_some() || at_end {
            return Ok(next);
        }
    }
}

#[cfg(test)]
mod tests;
