//! A state taken apart, for a change that concerns few of its lines.

use std::ops::Range;

use serde::de::IgnoredAny;

use super::super::document;
use super::super::place::Prepared;
use super::super::text::Text;
use super::Sieve;
use super::line::{ClaimLine, InstanceLine};

/// A state's text in the parts that a change around some places leaves alone, and the one it may change.
#[derive(Debug)]
pub struct Parts<'a> {
    /// The excerpt, without bystanders: instances that do not ask, hold none of the claims in it, and lost nothing.
    pub near: String,
    /// The bystanders.
    pub bystanders: Vec<Run<'a>>,
    /// What the excerpt leaves out of the claims.
    pub elsewhere: Vec<Run<'a>>,
    /// Holder and id of each claim in there.
    pub held: Vec<(&'a str, &'a str)>,
    /// From the context to the end.
    pub context: &'a str,
}

/// Entries on lines that follow each other.
#[derive(Debug)]
pub struct Run<'a> {
    /// How many entries of the excerpt stand before them.
    pub after: usize,
    /// The lines, without the comma and the line break at the end.
    pub lines: &'a str,
}

impl<'a> Parts<'a> {
    /// Takes a text apart, for an actor. None where it is not laid out as we write it: where a line among the claims is not
    /// one whole claim, or the context is not the last section, on lines of its own. Of what `we_wrote` only that is looked
    /// at which others may have put in between.
    pub fn of(text: &'a str, places: &[Prepared<'_>], actor: Option<&str>, we_wrote: bool) -> Option<Parts<'a>> {
        let (mut claims, mut held): (Vec<Range<usize>>, _) = (Vec::new(), Vec::new());
        let mut sieve = Sieve { shortens: false, ..Sieve::new(places) };
        let context = sieve.sift(text, |line, claim| {
            let holder = if we_wrote { claim.holder() } else { claim.holder_as_written() };
            let Some(holder) = holder else { return false };
            held.push((holder, claim.id));
            match claims.last_mut() {
                Some(run) if run.end == line.start => run.end = line.end,
                _ => claims.push(line),
            }
            true
        })?;
        let context = &text[context..];
        let (instances_at, claims_at) = (sieve.instances_at, sieve.claims_at);
        let kept = sieve.finish()?;
        if !(we_wrote || is_json(&format!("{{{context}")) && is_clear(&kept, claims_at)) {
            return None;
        }
        let bystanders = bystanders(&kept, instances_at, claims_at, actor).unwrap_or_default();
        let near = without(kept, &bystanders);
        let left_out: usize = bystanders.iter().map(|(line, _)| line.len()).sum();
        (!we_wrote || is_clear(&near, claims_at - left_out)).then(|| Parts {
            near,
            // Before the claims, what was kept is the text.
            bystanders: bystanders.into_iter().map(|(line, after)| Run { after, lines: entry(&text[line]) }).collect(),
            elsewhere: claims.into_iter().map(|lines| Run { after: 0, lines: entry(&text[lines]) }).collect(),
            held,
            context,
        })
    }
}

/// Whether there is one section of claims, that begins at `claims_at`, and each line of it is one whole entry: then only the
/// state's claims were looked at as claims.
fn is_clear(kept: &str, claims_at: usize) -> bool {
    let (head, rest) = kept.split_at(claims_at);
    let Some(nearby) = rest.strip_prefix("\"claims\":{\n") else { return false };
    let mut claims = nearby.split_once("\n}").unwrap_or_default().0.lines();
    is_json(&format!("{head}\"\":0}}"))
        && claims.all(|line| is_member(entry(line)))
        && !nearby.contains("\n\"claims\":{\n")
}

/// The lines of bystanders in what was kept, and how many others stand before each. None where that is not laid out to the
/// letter as we write a state without a queue.
fn bystanders(
    kept: &str,
    instances_at: usize,
    claims_at: usize,
    actor: Option<&str>,
) -> Option<Vec<(Range<usize>, usize)>> {
    let instances = kept.get(instances_at..claims_at)?.strip_suffix("},\n")?;
    let claims = kept[claims_at..].strip_prefix("\"claims\":{\n")?;
    let (claims, rest) = claims.split_once("\n},\n\"waiters\":[],\n")?;
    if rest != "\"context\":[]}" && !is_json(&format!("{{{rest}")) {
        return None;
    }
    let mut asked: Vec<Text<'_>> = actor.into_iter().map(Text::from).collect();
    for line in claims.lines() {
        asked.extend(holders(entry(line))?);
    }
    let mut bystanders = Vec::new();
    let (mut end, mut others) = (instances_at, 0);
    for line in instances.split_inclusive('\n') {
        let start = end;
        end += line.len();
        let instance = InstanceLine::of(entry(line));
        if instance.is_none() && !is_member(entry(line)) {
            return None;
        }
        // The last one has no comma that could go with it.
        let is_bystander = |instance: InstanceLine<'_>| !asked.iter().any(|id| *id == *instance.id);
        if instance.is_some_and(is_bystander) && line.ends_with(",\n") {
            bystanders.push((start..end, others));
        } else {
            others += 1;
        }
    }
    is_json(&format!("{}}}}}", &kept[..instances_at])).then_some(bystanders)
}

/// A text without some of its lines.
fn without(text: String, lines: &[(Range<usize>, usize)]) -> String {
    if lines.is_empty() {
        return text;
    }
    let starts = [0].into_iter().chain(lines.iter().map(|(line, _)| line.end));
    let ends = lines.iter().map(|(line, _)| line.start).chain([text.len()]);
    starts.zip(ends).map(|(start, end)| &text[start..end]).collect()
}

/// Who holds the claim, or claims, on a line.
fn holders(line: &str) -> Option<Vec<Text<'_>>> {
    if let Some(holder) = ClaimLine::of(line).and_then(|claim| claim.holder_as_written()) {
        return Some(vec![holder.into()]);
    }
    let text = format!("{{\"claims\":{{{line}}}}}");
    let claims = document::read(&text).ok()?.claims;
    Some(claims.into_iter().map(|claim| claim.instance_id.to_static()).collect())
}

/// A line without what separates it from the next.
fn entry(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix(',').unwrap_or(line)
}

/// Whether a line is one member of an object and nothing else.
fn is_member(line: &str) -> bool {
    is_json(&format!("{{{line}}}"))
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}
