//! What would be changed, file by file, before anything is.

use std::path::{Path, PathBuf};

use super::agents::Agent;
use super::file::{Original, leftovers, missing_folders, real};
use super::manifest::{COPIES, FOLDER, Manifest};
use super::part::{Part, Placed, parts_of};
use super::{Scope, World};

/// The mark that some programs begin a text with.
const BOM: &str = "\u{feff}";

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Put in, or renew.
    PutIn,
    /// Take out.
    TakeOut,
}

/// All that would be done.
#[derive(Debug, Default)]
pub struct Plan {
    /// The files that would be changed.
    pub changes: Vec<Change>,
    /// The files that cannot be.
    pub problems: Vec<Problem>,
    /// What a killed writer of ours left behind beside the files.
    pub leftovers: Vec<PathBuf>,
}

/// One file that would be changed.
#[derive(Debug)]
pub struct Change {
    /// The agents whose file it is.
    pub agents: Vec<&'static str>,
    /// The file, by the name that the agent knows.
    pub path: PathBuf,
    /// What is done to it, in words.
    pub words: Vec<String>,
    /// Whether it says what an agent may do, which is asked for by itself.
    pub is_trust: bool,
    pub(super) original: Original,
    /// None where the file goes.
    pub(super) after: Option<Vec<u8>>,
    /// What it would be without us; none where nothing would be left.
    pub(super) without: Option<Vec<u8>>,
    pub(super) folders: Vec<PathBuf>,
}

/// A file that is left alone, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The agent whose file it is.
    pub agent: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

impl Problem {
    /// The problem, in words.
    pub fn in_words(&self) -> String {
        format!("{} was left alone: {}", self.path.display(), self.reason)
    }
}

impl Change {
    /// The text before and after, for whoever wants to see the difference.
    pub fn texts(&self) -> (String, String) {
        let text = |bytes: &Option<Vec<u8>>| String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned();
        (text(&self.original.bytes), text(&self.after))
    }

    /// Whether the file goes.
    pub fn is_removal(&self) -> bool {
        self.after.is_none()
    }
}

/// What all agents have in one file.
struct Shared {
    path: PathBuf,
    real: PathBuf,
    parts: Vec<Placed>,
}

/// Plans for some agents.
pub fn plan(world: &World<'_>, scope: &Scope, agents: &[&'static Agent], direction: Direction) -> Plan {
    let manifest = Manifest::load(&world.dir);
    let own = world.dir.join(FOLDER);
    let mut plan = Plan {
        leftovers: [&own, &own.join(COPIES)].into_iter().flat_map(|own| leftovers(own)).collect(),
        ..Plan::default()
    };
    for shared in by_file(world, scope, agents) {
        let first = shared.parts[0].agent;
        plan.leftovers.extend(shared.real.parent().map(leftovers).unwrap_or_default());
        match change(&shared, &manifest, world, direction) {
            Ok(change) => plan.changes.extend(change),
            Err(reason) => plan.problems.push(Problem { agent: first, path: shared.path, reason }),
        }
    }
    // A file that says what may run is of no use before the file that says what runs.
    plan.changes.sort_by_key(|change| change.is_trust);
    plan
}

/// The parts of some agents, those of one file together, whatever the names it has.
fn by_file(world: &World<'_>, scope: &Scope, agents: &[&'static Agent]) -> Vec<Shared> {
    let mut files: Vec<Shared> = Vec::new();
    for placed in agents.iter().flat_map(|agent| parts_of(agent, world, scope, &text_at)) {
        let real = real(&placed.path);
        match files.iter_mut().find(|shared| shared.real == real) {
            Some(shared) => shared.parts.push(placed),
            None => files.push(Shared { path: placed.path.clone(), real, parts: vec![placed] }),
        }
    }
    files
}

/// A file's text for whoever only looks; what cannot be read is empty.
pub(super) fn text_at(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.strip_prefix(BOM).map(str::to_owned).unwrap_or(text)
}

/// What would be done to a file; none where nothing is to do.
fn change(
    shared: &Shared,
    manifest: &Manifest,
    world: &World<'_>,
    direction: Direction,
) -> Result<Option<Change>, String> {
    let original = Original::read(&shared.path)?;
    let bytes = original.bytes.as_deref().unwrap_or_default();
    let whole = str::from_utf8(bytes).map_err(|error| format!("byte {} is not UTF-8", error.valid_up_to()))?;
    let (bom, text) = whole.strip_prefix(BOM).map_or(("", whole), |text| (BOM, text));
    let known = manifest.get(&original.real);
    let before = known.and_then(|entry| entry.before(&world.dir));
    let parts = || shared.parts.iter().map(|placed| &placed.part);
    let before_text =
        before.as_ref().map(|bytes| String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned());
    let before_text = before_text.as_deref().map(|text| text.strip_prefix(BOM).unwrap_or(text));
    let without = parts().try_fold(text.to_owned(), |text, part| part.take_out(&text, before_text));
    let without = without.map_err(|wrong| wrong.to_string())?;
    let is_in: Vec<bool> = parts().map(|part| part.is_in(text)).collect();
    let was_made_by_us = is_in.iter().any(|is_in| *is_in) && (known.is_some_and(|entry| entry.before.is_none()));
    let is_own_file = shared.path.file_stem().is_some_and(|stem| stem == "aio");
    let leaves_nothing =
        without != text && (was_made_by_us || is_own_file) && parts().all(|part| part.leaves_nothing(&without));
    let without = (original.bytes.is_some() && !leaves_nothing).then(|| format!("{bom}{without}").into_bytes());
    let after = match direction {
        Direction::PutIn => {
            let with = parts().try_fold(text.to_owned(), |text, part| part.put_in(&text));
            Some(format!("{bom}{}", with.map_err(|wrong| wrong.to_string())?).into_bytes())
        }
        Direction::TakeOut => {
            let is_exact = known.is_some_and(|entry| {
                original.bytes.as_deref().is_some_and(|bytes| entry.is_ours(bytes))
                    && entry.agents.iter().all(|agent| shared.parts.iter().any(|placed| placed.agent == agent))
            });
            before.filter(|_| is_exact).unwrap_or_else(|| without.clone())
        }
    };
    if after == original.bytes {
        return Ok(None);
    }
    if let Some(reason) = original.is_kept() {
        return Err(reason.to_owned());
    }
    let words = match direction {
        Direction::PutIn => {
            let changed = parts().zip(&is_in).filter(|(part, _)| part.put_in(text).is_ok_and(|with| with != text));
            changed.map(|(part, is_in)| part.in_words(&shared.path, *is_in)).collect()
        }
        Direction::TakeOut if after.is_none() => vec![format!("remove {}", shared.path.display())],
        Direction::TakeOut => vec![format!("take ours out of {}", shared.path.display())],
    };
    let mut agents: Vec<&'static str> = shared.parts.iter().map(|placed| placed.agent).collect();
    agents.dedup();
    let is_trust = parts().any(|part| matches!(part, Part::Trust(_)));
    let folders = missing_folders(&original.real);
    Ok(Some(Change { agents, path: shared.path.clone(), words, is_trust, original, after, without, folders }))
}
