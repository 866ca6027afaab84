//! `cp`, `mv`, `ln`, `install`, `rsync`: sources and a destination.

use super::{Call, absolute_pattern};
use crate::hooks::shell::field::{Field, escape};
use crate::hooks::shell::options::{Argument, Options};
use crate::hooks::shell::{Change, Landing, Manner, paths};

pub(super) fn cp(call: &mut Call<'_>) -> Option<()> {
    let options = call.options(
        "a archive attributes-only b backup? c copy-contents d f force H l link L dereference n no-clobber P no-dereference \
         p preserve? no-preserve: R r recursive reflink? remove-destination sparse: s symbolic-link S: suffix: t: \
         target-directory: T no-target-directory u update? v verbose x one-file-system X Z context?",
    )?;
    if options.has("n no-clobber") {
        return None;
    }
    let manner = if options.has("a archive R r recursive") { Manner::Trees } else { Manner::Files };
    let (sources, destination) = split(&options)?;
    for source in sources {
        match source.as_ref().and_then(Field::text) {
            // GNU copies the folder then, and BSD what is in it.
            Some(path) if path.ends_with('/') => {}
            Some(path) if names_contents(path) => put(call, source, &destination.contents(), manner),
            _ => put(call, source, &destination, manner),
        }
    }
    Some(())
}

pub(super) fn mv(call: &mut Call<'_>) -> Option<()> {
    let options = call.options(
        "b backup? f force h i interactive n no-clobber S: suffix: t: target-directory: T no-target-directory u update? v \
         verbose Z strip-trailing-slashes",
    )?;
    if options.has("n no-clobber") || options.has("i interactive") && !options.has("f force") {
        return None;
    }
    let (sources, destination) = split(&options)?;
    for source in sources {
        call.touch(source, Change::Remove, true);
        put(call, source, &destination, Manner::Trees);
    }
    Some(())
}

pub(super) fn ln(call: &mut Call<'_>) -> Option<()> {
    let options = call.options(
        "b backup? d F f force h i L logical n no-dereference P physical r relative s symbolic S: suffix: t: \
         target-directory: T no-target-directory v verbose",
    )?;
    let (sources, destination) = match &options.operands[..] {
        [_] if !options.has("t target-directory") => (&options.operands[..], Destination::here()),
        _ => split(&options)?,
    };
    if options.has("h n no-dereference") && destination.landing == Landing::Either {
        // Into a folder, but not into one that is a link.
        return None;
    }
    // Whatever a link says is relative to, only the last name of it counts here.
    sources.iter().for_each(|source| put(call, source, &destination, Manner::Whole));
    Some(())
}

pub(super) fn install(call: &mut Call<'_>) -> Option<()> {
    let options = call.options(
        "b backup? c C compare d directory D g: group: m: mode: o: owner: p preserve-timestamps s strip strip-program: S: \
         suffix: t: target-directory: T no-target-directory v verbose",
    )?;
    if options.has("d directory") {
        return None;
    }
    let (sources, destination) = split(&options)?;
    sources.iter().for_each(|source| put(call, source, &destination, Manner::Files));
    Some(())
}

pub(super) fn rsync(call: &mut Call<'_>) -> Option<()> {
    // What leaves files out is not listed: what is left would be said too much.
    let options = call.options(
        "a archive c checksum D devices specials E executability g group h human-readable H hard-links i itemize-changes l \
         links L copy-links n dry-run o owner O omit-dir-times p perms P partial progress q quiet r recursive s t times v \
         verbose W whole-file x one-file-system z compress delete delete-after delete-before delete-during stats force \
         inplace no-owner no-group no-perms no-o no-g no-p info: mkpath",
    )?;
    let (destination, sources) = options.operands.split_last()?;
    let is_remote = |operand: &Argument| operand.as_ref().and_then(Field::text).is_none_or(|text| text.contains(':'));
    if options.has("n dry-run") || sources.is_empty() || options.operands.iter().any(is_remote) {
        return None;
    }
    let is_deep = options.has("a archive r recursive");
    let manner = if is_deep { Manner::Trees } else { Manner::Files };
    for source in sources {
        let from = source.as_ref()?.text()?;
        let to = Destination { path: destination.clone(), landing: Landing::Either };
        match from.ends_with('/') || names_contents(from) {
            true if options.has("delete delete-after delete-before delete-during") => {
                call.touch(destination, Change::Write, true);
            }
            true if is_deep => put(call, source, &to.contents(), manner),
            true => {}
            false => put(call, source, &to, manner),
        }
    }
    Some(())
}

struct Destination {
    path: Argument,
    landing: Landing,
}

impl Destination {
    fn here() -> Self {
        Destination { path: Some(Field::Text(".".to_owned())), landing: Landing::Inside }
    }

    /// Where the contents of a folder go, rather than the folder.
    fn contents(&self) -> Self {
        Destination { path: self.path.clone(), landing: Landing::Exact }
    }
}

/// `folder/.`
fn names_contents(path: &str) -> bool {
    path == "." || path.ends_with("/.")
}

/// The sources, and where they go.
fn split<'o>(options: &'o Options<'_>) -> Option<(&'o [Argument], Destination)> {
    let operands = &options.operands[..];
    if let Some(path) = options.value("t target-directory") {
        return Some((operands, Destination { path: path.clone(), landing: Landing::Inside }));
    }
    let (path, sources) = operands.split_last().filter(|(_, sources)| !sources.is_empty())?;
    let text = path.as_ref().and_then(Field::text);
    let is_folder = sources.len() > 1 || text.is_some_and(|text| text.ends_with('/') || paths::name(text).is_none());
    let landing = match () {
        () if options.has("T no-target-directory") => Landing::Exact,
        () if is_folder => Landing::Inside,
        () => Landing::Either,
    };
    Some((sources, Destination { path: path.clone(), landing }))
}

/// One source, put where it goes.
fn put(call: &mut Call<'_>, source: &Argument, destination: &Destination, manner: Manner) {
    let from = match source {
        // Called by a name that it goes under: not so `..`.
        Some(Field::Text(path)) if paths::name(path).is_none() && destination.landing != Landing::Exact => return,
        Some(Field::Text(_)) => call.absolute(source).map(|path| escape(&path)),
        Some(Field::Glob(pattern) | Field::Each(pattern)) => absolute_pattern(pattern, call.scope),
        _ => None,
    };
    match &destination.path {
        Some(Field::Text(_)) => {
            // Without a name nothing can be said of a folder's inside.
            let says_something = from.is_some() || destination.landing != Landing::Inside;
            if let Some(to) = call.absolute(&destination.path).filter(|_| says_something) {
                call.copy(from, to, destination.landing, manner);
            }
        }
        Some(Field::Each(_)) if destination.landing != Landing::Inside => {
            call.touch(&destination.path, Change::Write, false);
        }
        _ => {}
    }
}
