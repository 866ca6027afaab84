//! Lines as we write them.

use std::str::FromStr;

// Not by way of `memchr::memchr`: to ask the processor what it can do takes longer than a check among few claims.
#[cfg(target_arch = "aarch64")]
use memchr::arch::aarch64::neon::memchr::One;
#[cfg(target_arch = "x86_64")]
use memchr::arch::x86_64::sse2::memchr::One;

use super::super::place::Prepared;

/// A line that begins and ends as we write a claim.
pub(super) struct ClaimLine<'l> {
    pub(super) id: &'l str,
    kind: &'l str,
    target: &'l str,
    project: &'l str,
    /// Everything but the id.
    fields: &'l str,
    /// What follows the place.
    rest: &'l str,
}

impl<'l> ClaimLine<'l> {
    /// Takes the line without what separates it from the next.
    pub(super) fn of(line: &'l str) -> Option<ClaimLine<'l>> {
        let (id, fields) = string(line.strip_suffix('}')?)?;
        let mut rest = Fields(fields);
        let kind = rest.string(":{\"type\":")?;
        let target = rest.string(",\"target\":")?;
        let project = rest.string(",\"project\":")?;
        Some(ClaimLine { id, kind, target, project, fields, rest: rest.0 })
    }

    /// Whether what follows these names no other place.
    pub(super) fn is_clear(&self) -> bool {
        !may_name_place(self.rest.as_bytes())
    }

    pub(super) fn is_apart_from(&self, places: &[Prepared<'_>]) -> bool {
        places.iter().all(|place| place.is_clearly_apart(self.kind, self.target, self.project))
    }

    /// The holder, where the line is what we write.
    pub(super) fn holder(&self) -> Option<&'l str> {
        Fields(self.rest).string(",\"instanceId\":")
    }

    /// The holder, where the line is to the letter what we write of a claim, and so certainly is JSON, whole and clear.
    pub(super) fn holder_as_written(&self) -> Option<&'l str> {
        let is_odd = |byte: u8| (byte < b' ') | (byte == b'\\');
        if self.id.bytes().chain(self.fields.bytes()).fold(false, |odd, byte| odd | is_odd(byte)) {
            return None;
        }
        let mut rest = Fields(self.rest);
        let holder = rest.string(",\"instanceId\":")?;
        rest.string(",\"id\":")?;
        rest.text(",\"exclusive\":")?;
        rest.text("true").or_else(|| rest.text("false"))?;
        rest.string(",\"claimedAt\":")?;
        rest.optional_number::<u64>(",\"fence\":")?;
        rest.optional_string(",\"reason\":")?;
        rest.optional_string(",\"repository\":")?;
        rest.text(",\"foldsCase\":true").unwrap_or_default();
        rest.optional_string(",\"expiresAt\":")?;
        rest.optional_number::<u64>(",\"expiresMonotonicMs\":")?;
        rest.text(",\"auto\":true").unwrap_or_default();
        rest.0.is_empty().then_some(holder)
    }
}

/// A line that begins and ends as we write an instance that lost nothing and was not evicted.
pub(super) struct InstanceLine<'l> {
    pub(super) id: &'l str,
}

impl<'l> InstanceLine<'l> {
    /// Takes the line without what separates it from the next.
    pub(super) fn of(line: &'l str) -> Option<InstanceLine<'l>> {
        let (id, fields) = string(line.strip_suffix('}')?)?;
        let mut rest = Fields(fields);
        rest.string(":{\"id\":")?;
        rest.string(",\"tool\":")?;
        rest.string(",\"project\":")?;
        rest.string(",\"status\":")?;
        rest.string_or_null(",\"currentTask\":")?;
        rest.string_or_null(",\"beadsIssue\":")?;
        rest.string(",\"startedAt\":")?;
        rest.string(",\"lastHeartbeat\":")?;
        rest.plain_list(HELD)?;
        rest.optional_string(",\"session\":")?;
        rest.optional_string(",\"host\":")?;
        rest.optional_string(",\"bootId\":")?;
        rest.optional_string(",\"pidNamespace\":")?;
        rest.optional_number::<u32>(",\"pid\":")?;
        rest.optional_number::<u64>(",\"processStart\":")?;
        rest.optional_number::<u32>(",\"parentPid\":")?;
        rest.optional_number::<u64>(",\"parentStart\":")?;
        rest.optional_number::<u64>(",\"heartbeatMonotonicMs\":")?;
        rest.optional_string(",\"heartbeatStamp\":")?;
        rest.text(",\"hooks\":true").unwrap_or_default();
        rest.optional_string(",\"turnSince\":")?;
        rest.optional_number::<u64>(",\"newsRevision\":")?;
        // Only spelled without escapes is it what it looks like.
        (rest.0.is_empty() && !id.contains('\\')).then_some(InstanceLine { id })
    }
}

/// The ids of the claims of an instance. The original scripts kept them there, and nothing of ours reads them.
const HELD: &str = ",\"claims\":[";

/// Where they stand in its line.
pub(super) fn held_ids(line: &str) -> Option<std::ops::Range<usize>> {
    let start = line.as_bytes().windows(HELD.len()).position(|window| window == HELD.as_bytes())?;
    let mut rest = Fields(&line[start..]);
    let length = rest.plain_list(HELD)?.len();
    let start = start + HELD.len();
    Some(start..start + length)
}

/// What is left of a line while it is compared, field by field, to what we write.
struct Fields<'l>(&'l str);

impl<'l> Fields<'l> {
    fn text(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    fn string(&mut self, name: &str) -> Option<&'l str> {
        self.text(name)?;
        let (value, rest) = string(self.0)?;
        self.0 = rest;
        Some(value)
    }

    fn string_or_null(&mut self, name: &str) -> Option<()> {
        self.text(name)?;
        self.text("null").or_else(|| self.string("").map(drop))
    }

    fn optional_string(&mut self, name: &str) -> Option<()> {
        if self.0.starts_with(name) { self.string(name).map(drop) } else { Some(()) }
    }

    fn optional_number<N: FromStr>(&mut self, name: &str) -> Option<()> {
        let Some(value) = self.0.strip_prefix(name) else { return Some(()) };
        let digits = value.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = value.split_at(digits);
        self.0 = rest;
        (number.parse::<N>().is_ok() && (digits == 1 || !number.starts_with('0'))).then_some(())
    }

    /// Words of letters and digits in quotes: where this is JSON at all, a list of strings and nothing else.
    fn plain_list(&mut self, name: &str) -> Option<&'l str> {
        self.text(name)?;
        let (list, rest) = self.0.split_at(find(b']', self.0)?);
        self.0 = &rest[1..];
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() | (byte == b'"') | (byte == b',');
        list.bytes().fold(true, |plain, byte| plain & is_plain(byte)).then_some(list)
    }
}

/// The string that a text begins with, as far as it has no escapes, and what follows it.
fn string(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('"')?;
    let end = find(b'"', text)?;
    Some((&text[..end], &text[end + 1..]))
}

#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
pub(super) fn find(byte: u8, text: &str) -> Option<usize> {
    One::new(byte)?.find(text.as_bytes())
}

#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
pub(super) fn find(byte: u8, text: &str) -> Option<usize> {
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
