//! From what was typed to a place in the state.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::app::{App, spell};
use crate::error::Failure;
use crate::host::folding::folds_case;
use crate::host::path::{Existing, Resolved};
use crate::host::repository::{Worktree, worktree_of};
use crate::protocol::overlap::{Area, Glob, overlaps};
use crate::protocol::place::{Kind, literal_directory};
use crate::protocol::spelling;
use crate::protocol::state::Wanted;

/// Longest target in bytes, whatever it is.
const MAX_TARGET_BYTES: usize = 4096;

/// The place that `typed` names as a `kind`, taken relative to `base`.
///
/// # Errors
/// When it names nothing that can be claimed as that.
pub fn wanted(app: &App, kind: Kind, typed: &OsStr, base: &Path) -> Result<Wanted<'static>, Failure> {
    check_length(kind, typed)?;
    match kind {
        Kind::File | Kind::Directory => path(app, kind, typed, base),
        Kind::Pattern => pattern(app, text(kind, typed)?, base),
        Kind::Task | Kind::Resource => name(app, kind, text(kind, typed)?, base),
    }
}

/// The path that `typed` names, as the kind it is: a directory where one is there, else a file.
///
/// # Errors
/// When it names nothing that could exist.
pub fn any_path(app: &App, typed: &OsStr, base: &Path) -> Result<Wanted<'static>, Failure> {
    check_length(Kind::File, typed)?;
    let resolved = app.physical(Some(base), Path::new(typed))?;
    let kind = if resolved.existing == Existing::Directory { Kind::Directory } else { Kind::File };
    Ok(Site::around(app, &resolved)?.wanted(kind, &resolved.path))
}

fn check_length(kind: Kind, typed: &OsStr) -> Result<(), Failure> {
    match typed.len() {
        0 => {
            let is_name = matches!(kind, Kind::Task | Kind::Resource);
            let hint = if is_name { "give it a name" } else { "name a path, . for this directory" };
            Err(Failure::usage(format!("an empty target names no {kind}")).hint(hint))
        }
        1..=MAX_TARGET_BYTES => Ok(()),
        length => {
            Err(Failure::usage(format!("a target of {length} bytes is too long; {MAX_TARGET_BYTES} are allowed"))
                .hint("claim a directory around it, or a shorter pattern"))
        }
    }
}

fn text(kind: Kind, typed: &OsStr) -> Result<&str, Failure> {
    let text = typed.to_str().ok_or_else(|| {
        Failure::usage(format!("a {kind} must be UTF-8, and {typed:?} is not")).hint("claim the directory around it")
    })?;
    if text.contains(char::is_control) {
        return Err(
            Failure::usage(format!("the {kind} {text:?} has control characters in it")).hint("name it in plain text")
        );
    }
    Ok(text)
}

fn path(app: &App, kind: Kind, typed: &OsStr, base: &Path) -> Result<Wanted<'static>, Failure> {
    let resolved = app.physical(Some(base), Path::new(typed))?;
    let shown = Path::new(typed).display();
    match (kind, resolved.existing) {
        (Kind::File, Existing::Directory) => {
            return Err(Failure::usage(format!("{shown} is a directory, not a file"))
                .hint(format!("aio claim directory {shown}")));
        }
        (Kind::Directory, Existing::File) => {
            return Err(
                Failure::usage(format!("{shown} is a file, not a directory")).hint(format!("aio claim file {shown}"))
            );
        }
        _ => {}
    }
    Ok(Site::around(app, &resolved)?.wanted(kind, &resolved.path))
}

/// A pattern keeps its meaning wherever it is read: its literal start is resolved as a path, and one without `/` matches
/// at any depth below where it was typed.
fn pattern(app: &App, typed: &str, base: &Path) -> Result<Wanted<'static>, Failure> {
    let start = literal_directory(typed);
    let start = if start.is_empty() && typed.starts_with('/') { "/" } else { start };
    let rest = typed[start.len()..].trim_start_matches('/');
    if rest.split('/').any(|component| matches!(component, "." | "..")) {
        return Err(Failure::usage(format!("the pattern {typed:?} has . or .. after a wildcard"))
            .hint("type it from the directory it starts in"));
    }
    let folder = app.physical(Some(base), Path::new(if start.is_empty() { "." } else { start }))?.path;
    let site = Site::of(app, &folder)?;
    let anywhere = if typed.contains('/') { "" } else { "**/" };
    let below = site.relative(&folder).to_str().map(escape_glob).ok_or_else(|| {
        Failure::usage(format!("a pattern cannot start in {}, which is not UTF-8", folder.display()))
            .hint("claim the directory")
    })?;
    let separator = if below.is_empty() { "" } else { "/" };
    let glob = format!("{below}{separator}{anywhere}{rest}");
    let parsed = Glob::parse(&glob).map_err(|error| {
        Failure::usage(format!("the pattern {typed:?} cannot be used: {error}"))
            .hint("mend it, or claim the directory around what it should match")
    })?;
    let area = Area::Pattern { base: b"/", glob: &parsed };
    if !overlaps(&area, &Area::Directory(b"/"), false) {
        return Err(Failure::usage(format!("no path can match the pattern {typed:?}, so it would guard nothing"))
            .hint("mend it, or claim the directory around what it should match"));
    }
    Ok(site.spelled(Kind::Pattern, glob))
}

fn escape_glob(literal: &str) -> String {
    let special = |c: char| matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\');
    literal.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

fn name(app: &App, kind: Kind, typed: &str, base: &Path) -> Result<Wanted<'static>, Failure> {
    let folder = app.physical(Some(base), Path::new("."))?.path;
    Ok(Site::of(app, &folder)?.spelled(kind, spelling::encode(typed.as_bytes()).into_owned()))
}

/// The project a place belongs to.
struct Site {
    root: PathBuf,
    repository: String,
    folds_case: bool,
}

impl Site {
    /// That of a path, in which no file is looked for below what is none.
    fn around(app: &App, resolved: &Resolved) -> Result<Site, Failure> {
        let around = resolved.path.parent().filter(|_| resolved.existing != Existing::Directory);
        Site::of(app, around.unwrap_or(&resolved.path))
    }

    /// The worktree around a path; where there is none, the caller's registered project if that contains it, else `/`.
    fn of(app: &App, path: &Path) -> Result<Site, Failure> {
        let folds_case = folds_case(path);
        match worktree_of(path) {
            Some(Worktree { root, common_dir }) => {
                let usual = common_dir == root.join(".git");
                let repository = if usual { String::new() } else { spell(&common_dir) };
                Ok(Site { root, repository, folds_case })
            }
            None => {
                let registered = app.registered_project()?.filter(|project| path.starts_with(project));
                Ok(Site { root: registered.unwrap_or_else(|| "/".into()), repository: String::new(), folds_case })
            }
        }
    }

    fn relative<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }

    fn wanted(&self, kind: Kind, path: &Path) -> Wanted<'static> {
        let relative = self.relative(path);
        let target = if relative.as_os_str().is_empty() { ".".to_owned() } else { spell(relative) };
        self.spelled(kind, target)
    }

    fn spelled(&self, kind: Kind, target: String) -> Wanted<'static> {
        Wanted {
            kind: kind.name().into(),
            target: target.into(),
            project: spelling::encode(self.root.as_os_str().as_bytes()).into_owned().into(),
            repository: self.repository.clone().into(),
            folds_case: self.folds_case,
            ..Wanted::default()
        }
    }
}
