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

use serde::de::IgnoredAny;

use self::line::{ClaimLine, InstanceLine, find, held_ids};
use super::document;
use super::place::{Place, Prepared};
use super::state::Claim;
use super::text::Text;

mod line;

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
}

/// Who holds the claim that stands on a line, or several.
fn holders(line: &str) -> Option<Vec<Text<'_>>> {
    if let Some(holder) = ClaimLine::of(line).and_then(|claim| claim.holder_as_written()) {
        return Some(vec![holder.into()]);
    }
    let text = format!("{{\"claims\":{{{line}}}}}");
    let claims = document::read(&text).ok()?.claims;
    Some(claims.into_iter().map(|claim| claim.instance_id.to_static()).collect())
}

/// An instance that has nothing to do with a question.
struct Bystander {
    line: Range<usize>,
    /// How many others stand before it.
    after: usize,
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
        Sieve { places, kept: String::new(), instances_at: 0, claims_at: 0, section: Section::Other, shortens: true }
    }

    /// Takes in the next lines, all of them whole.
    pub fn pass(&mut self, lines: &str) {
        self.sift(lines, |_, claim| claim.is_clear());
    }

    /// What is left of the text, without bystanders where those can be told: instances that hold none of the claims that
    /// are left, lost nothing, and of which `is_bystander` says so, seeing id and last heartbeat. None where the answer
    /// takes all of the text, because something follows the context.
    pub fn finish(self, is_bystander: impl Fn(&str, &str) -> bool) -> Option<String> {
        let bystanders = self.bystanders(is_bystander).unwrap_or_default();
        self.finish_without(&bystanders)
    }

    fn finish_without(self, bystanders: &[Bystander]) -> Option<String> {
        if self.section == Section::Context(Context::Passed) {
            return None;
        }
        if bystanders.is_empty() {
            return Some(self.kept);
        }
        let starts = [0].into_iter().chain(bystanders.iter().map(|bystander| bystander.line.end));
        let ends = bystanders.iter().map(|bystander| bystander.line.start).chain([self.kept.len()]);
        Some(starts.zip(ends).map(|(start, end)| &self.kept[start..end]).collect())
    }

    /// Who they are. None where what was kept is not laid out to the letter as we write a state without a queue.
    fn bystanders(&self, is_bystander: impl Fn(&str, &str) -> bool) -> Option<Vec<Bystander>> {
        let head = self.kept.get(..self.instances_at)?;
        let instances = self.kept.get(self.instances_at..self.claims_at)?.strip_suffix("},\n")?;
        let claims = self.kept[self.claims_at..].strip_prefix("\"claims\":{\n")?;
        let claims = claims.strip_suffix("\n},\n\"waiters\":[],\n\"context\":[]}")?;
        let holders: Vec<Text<'_>> =
            claims.lines().map(|line| holders(entry(line))).collect::<Option<Vec<_>>>()?.concat();
        let mut bystanders = Vec::new();
        let (mut end, mut others) = (self.instances_at, 0);
        for line in instances.split_inclusive('\n') {
            let start = end;
            end += line.len();
            let instance = InstanceLine::of(entry(line));
            if instance.is_none() && !is_member(entry(line)) {
                return None;
            }
            // The last one has no comma that could go with it.
            let instance = instance
                .filter(|instance| line.ends_with(",\n") && !holders.iter().any(|holder| *holder == *instance.id));
            if instance.is_some_and(|instance| is_bystander(instance.id, instance.last_heartbeat)) {
                bystanders.push(Bystander { line: start..end, after: others });
            } else {
                others += 1;
            }
        }
        is_json(&format!("{head}}}}}")).then_some(bystanders)
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
                "}\n" | "},\n" => self.section = Section::Other,
                "\"context\":[\n" | "\"context\":[]\n" => {
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

/// A state's text in the parts that a change around some places leaves alone, and the one it may change.
#[derive(Debug)]
pub struct Parts<'a> {
    /// The excerpt.
    pub near: String,
    /// The bystanders that it leaves out.
    pub bystanders: Vec<Run<'a>>,
    /// What it leaves out of the claims.
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
    /// Takes a text apart. None where it is not laid out as we write it: where a line among the claims is not one whole
    /// claim, or the context is not the last section, on lines of its own; all but the latter is believed of what
    /// `we_wrote`. For `is_bystander` see [`Sieve::finish`].
    pub fn of(
        text: &'a str,
        places: &[Prepared<'_>],
        we_wrote: bool,
        is_bystander: impl Fn(&str, &str) -> bool,
    ) -> Option<Parts<'a>> {
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
        // The only lines that were looked at as claims are those of the state, each of which is whole.
        let (head, nearby) = sieve.kept.split_at_checked(sieve.claims_at)?;
        let nearby = nearby.strip_prefix("\"claims\":{\n")?;
        let is_clear = || {
            let mut lines = nearby.split_once("\n}").unwrap_or_default().0.lines();
            is_json(&format!("{head}\"\":0}}"))
                && lines.all(|line| is_member(entry(line)))
                && !nearby.contains("\n\"claims\":{\n")
                && is_json(&format!("{{{context}"))
        };
        if !(we_wrote || is_clear()) {
            return None;
        }
        let elsewhere = claims.into_iter().map(|lines| Run { after: 0, lines: entry(&text[lines]) }).collect();
        let bystanders = sieve.bystanders(is_bystander).unwrap_or_default();
        let near = sieve.finish_without(&bystanders)?;
        // Before the claims, what was kept is the text.
        let run = |bystander: Bystander| Run { after: bystander.after, lines: entry(&text[bystander.line]) };
        let bystanders = bystanders.into_iter().map(run).collect();
        Some(Parts { near, bystanders, elsewhere, held, context })
    }
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

#[cfg(test)]
mod tests;
