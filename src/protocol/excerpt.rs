//! The part of a state that a question about some places needs: what makes a check cheap among ten thousand claims.
//!
//! Our writers give every entry a line of its own, and no JSON string contains a line break. So a line that begins and
//! ends as they write a claim is one whole member of the object it stands in, and when its place is clearly elsewhere it
//! can be left out unread. The context, which comes last, is left out as well. What remains is shorter JSON of the same
//! structure, for the ordinary reader; whatever looks different (a hand edit, another program's writing) remains too.
//!
//! Read with the same places, the text and its excerpt come to the same, which the tests hold it to.

use std::io::{self, BufRead, Seek, SeekFrom};
use std::ops::Range;

// Not by way of `memchr::memchr`: to ask the processor what it can do takes longer than a check among few claims.
#[cfg(target_arch = "aarch64")]
use memchr::arch::aarch64::neon::memchr::One;
#[cfg(target_arch = "x86_64")]
use memchr::arch::x86_64::sse2::memchr::One;

use super::place::{Place, Prepared};
use super::state::Claim;

/// How we end a context that has entries, and with it the text.
const END: &[u8] = b"}\n]\n}\n";

/// The lines of a state that may concern `places`, and all that belong to no claim. None where that takes the whole text:
/// because something may follow the context, or it is not UTF-8.
///
/// # Errors
/// When the text cannot be read.
pub fn excerpt(text: &mut (impl BufRead + Seek), places: &[Prepared<'_>]) -> io::Result<Option<String>> {
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
                let mut end = Vec::new();
                text.seek(SeekFrom::End(-(END.len() as i64)))?;
                text.read_to_end(&mut end)?;
                if end != END {
                    return Ok(None);
                }
                kept.extend_from_slice(b"]}");
                break;
            }
            [line @ .., b'\n'] if in_claims && is_elsewhere(line, places) => kept.truncate(start),
            line if !in_claims => {
                if let Some(ids) = held_ids(line) {
                    kept.drain(start + ids.start..start + ids.end);
                }
            }
            _ => {}
        }
    }
    Ok(String::from_utf8(kept).ok())
}

/// Where the ids of the claims of an instance stand in its line. The original scripts kept them there, and nothing of ours
/// reads them. Between brackets, words of letters and digits in quotes are a list of strings and nothing else.
fn held_ids(line: &[u8]) -> Option<Range<usize>> {
    const LIST: &[u8] = b",\"claims\":[";
    let start = line.windows(LIST.len()).position(|window| window == LIST)? + LIST.len();
    let (ids, _) = split(b']', &line[start..])?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() | (byte == b'"') | (byte == b',');
    ids.iter().fold(true, |plain, byte| plain & is_plain(*byte)).then(|| start..start + ids.len())
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
    let claim = str::from_utf8(line).ok().and_then(place_of);
    claim
        .is_some_and(|(kind, target, project)| places.iter().all(|place| place.is_clearly_apart(kind, target, project)))
}

/// Kind, target and project of a claim that stands on one line as we write it.
fn place_of(line: &str) -> Option<(&str, &str, &str)> {
    let (_id, fields) = string(line.strip_suffix("},")?)?;
    let (kind, rest) = string(fields.strip_prefix(":{\"type\":")?)?;
    let (target, rest) = string(rest.strip_prefix(",\"target\":")?)?;
    let (project, rest) = string(rest.strip_prefix(",\"project\":")?)?;
    (!may_name_place(rest.as_bytes())).then_some((kind, target, project))
}

/// The string that a text begins with, as far as it has no escapes, and what follows it.
fn string(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('"')?;
    let end = One::new(b'"')?.find(text.as_bytes())?;
    Some((&text[..end], &text[end + 1..]))
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

#[cfg(test)]
mod tests;
