//! The part of a state that a question about some places needs: what makes a check cheap among ten thousand claims.
//!
//! Our writers give every entry a line of its own, and no JSON string contains a line break. So a line that begins and
//! ends as they write a claim is one whole member of the object it stands in, and when its place is clearly elsewhere it
//! can be left out unread. The context, which comes last, is left out as well. What remains is shorter JSON of the same
//! structure, for the ordinary reader; whatever looks different (a hand edit, another program's writing) remains too.
//!
//! Read with the same places, the text and its excerpt come to the same, which the tests hold it to.

use std::io::{self, BufRead, Cursor, Seek, SeekFrom};
use std::ops::Range;

// Not by way of `memchr::memchr`: to ask the processor what it can do takes longer than a check among few claims.
#[cfg(target_arch = "aarch64")]
use memchr::arch::aarch64::neon::memchr::One;
#[cfg(target_arch = "x86_64")]
use memchr::arch::x86_64::sse2::memchr::One;

use serde::de::IgnoredAny;

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
    Ok(sift(text, |line| is_elsewhere(line, places), |_| {})?.map(|sifted| sifted.kept))
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
        let mut runs = Vec::new();
        let can_leave = |line: &[u8]| {
            is_elsewhere(line, places) && str::from_utf8(line).is_ok_and(|line| holder_and_id(line).is_some())
        };
        let Sifted { kept: near, context } = sift(&mut Cursor::new(text), can_leave, |run| runs.push(run)).ok()??;
        let elsewhere = runs.into_iter().map(|run| text.get(run)).collect::<Option<Vec<_>>>()?;
        let lines = elsewhere.iter().flat_map(|run| run.split_terminator('\n'));
        let held = lines.map(holder_and_id).collect::<Option<Vec<_>>>()?;
        let (head, nearby) = near.split_once("\n\"claims\":{\n")?;
        let claims = nearby.split_once("\n}")?.0;
        let are_whole = is_json(&format!("{head}\"\":0}}")) && claims.lines().all(is_whole);
        are_whole.then_some(Parts { elsewhere, held, context: text.get(context?..)?, near })
    }
}

/// Whether a line is one member of an object and nothing else.
fn is_whole(line: &str) -> bool {
    is_json(&format!("{{{}}}", line.strip_suffix(',').unwrap_or(line)))
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The instance and the id of a claim that stands on one line as we write it, and is certainly whole: it has no braces but
/// those around its fields.
fn holder_and_id(line: &str) -> Option<(&str, &str)> {
    let braces = line.bytes().fold(0, |count, byte| count + u32::from((byte == b'{') | (byte == b'}')));
    let claim = ClaimLine::of(line).filter(|_| braces == 2)?;
    let (holder, _) = string(claim.rest.strip_prefix(",\"instanceId\":")?)?;
    (!holder.contains('\\') && !claim.id.contains('\\')).then_some((holder, claim.id))
}

/// What is left of a text, and where in it the context began.
struct Sifted {
    kept: String,
    context: Option<usize>,
}

/// Leaves out, of the lines among the claims, those that `can_leave` allows; `leave` is told where they stood, in bytes.
fn sift(
    text: &mut (impl BufRead + Seek),
    can_leave: impl Fn(&[u8]) -> bool,
    mut leave: impl FnMut(Range<usize>),
) -> io::Result<Option<Sifted>> {
    let (mut kept, mut position, mut context, mut in_claims) = (Vec::new(), 0, None, false);
    loop {
        if in_claims {
            let passed = length_of_run(text.fill_buf()?, &can_leave);
            if passed > 0 {
                text.consume(passed);
                leave(position..position + passed);
                position += passed;
            }
        }
        let start = kept.len();
        let length = text.read_until(b'\n', &mut kept)?;
        match &kept[start..] {
            [] => break,
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
                context = Some(position);
                break;
            }
            [line @ .., b'\n'] if in_claims && can_leave(line) => {
                kept.truncate(start);
                leave(position..position + length);
            }
            line if !in_claims => {
                if let Some(ids) = held_ids(line) {
                    kept.drain(start + ids.start..start + ids.end);
                }
            }
            _ => {}
        }
        position += length;
    }
    Ok(String::from_utf8(kept).ok().map(|kept| Sifted { kept, context }))
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

/// How many bytes at the beginning of a text are whole lines that can be left out.
fn length_of_run(text: &[u8], can_leave: impl Fn(&[u8]) -> bool) -> usize {
    let mut rest = text;
    while let Some((line, after)) = split(b'\n', rest)
        && can_leave(line)
    {
        rest = after;
    }
    text.len() - rest.len()
}

/// Whether a line is one whole claim, and on a place clearly apart from all of these.
fn is_elsewhere(line: &[u8], places: &[Prepared<'_>]) -> bool {
    let claim = str::from_utf8(line).ok().and_then(ClaimLine::of);
    claim
        .is_some_and(|claim| places.iter().all(|place| place.is_clearly_apart(claim.kind, claim.target, claim.project)))
}

/// A claim that stands on one line as we write it, without the line's end.
struct ClaimLine<'l> {
    id: &'l str,
    kind: &'l str,
    target: &'l str,
    project: &'l str,
    /// What follows these. It names no other place.
    rest: &'l str,
}

impl<'l> ClaimLine<'l> {
    fn of(line: &'l str) -> Option<ClaimLine<'l>> {
        let (id, fields) = string(line.strip_suffix("},")?)?;
        let (kind, rest) = string(fields.strip_prefix(":{\"type\":")?)?;
        let (target, rest) = string(rest.strip_prefix(",\"target\":")?)?;
        let (project, rest) = string(rest.strip_prefix(",\"project\":")?)?;
        (!may_name_place(rest.as_bytes())).then_some(ClaimLine { id, kind, target, project, rest })
    }
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
