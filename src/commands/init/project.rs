//! A project: a folder of notes, a line in `.gitignore`, and a pre-commit hook. What is there already is never touched.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::agreed;
use super::git_hook::GitHook;
use crate::cli::InitArgs;
use crate::error::Failure;
use crate::host::repository;
use crate::output::Report;
use crate::setup::plan::Direction;

/// Added to a project's `.gitignore`, when it has one.
const IGNORED: &str = "\n# AI Orchestrator\n.ai-orchestrator/\n";
const NOTES: &str = include_str!("../project_notes.md");

/// Sets a project up, or takes out what that put in, as far as it is agreed to; what was done is added to `done`.
///
/// # Errors
/// When something cannot be written.
pub(super) fn run(
    project: &Path,
    args: &InitArgs,
    direction: Direction,
    done: &mut Vec<String>,
    report: &mut Report,
) -> Result<(), Failure> {
    let planned = match direction {
        Direction::PutIn => missing(project, report),
        Direction::TakeOut => present(project, report),
    };
    let words: Vec<String> = planned.iter().map(|change| change.in_words(direction)).collect();
    if planned.is_empty() {
        let how = if direction == Direction::PutIn { "is set up" } else { "has nothing of ours" };
        done.push(format!("{} {how}", project.display()));
    } else if !args.dry_run && (args.yes || agreed(&words)) {
        for (change, words) in planned.iter().zip(words) {
            change.make(direction)?;
            done.push(words);
        }
    } else {
        done.extend(words.iter().map(|words| format!("would {words}")));
        report.notes.push("the project was not changed; repeat with --yes to do so".to_owned());
    }
    Ok(())
}

/// Something that a project has of us, or lacks.
enum Change {
    Notes(PathBuf),
    Ignore(PathBuf),
    Hook(GitHook),
}

impl Change {
    fn in_words(&self, direction: Direction) -> String {
        let is_put_in = direction == Direction::PutIn;
        match self {
            Change::Notes(path) => format!("{} {}", if is_put_in { "write" } else { "remove" }, path.display()),
            Change::Ignore(path) if is_put_in => format!("add .ai-orchestrator/ to {}", path.display()),
            Change::Ignore(path) => format!("take .ai-orchestrator/ out of {}", path.display()),
            Change::Hook(hook) => {
                format!("{} {}", if is_put_in { "put ours before" } else { "take ours from" }, hook.path().display())
            }
        }
    }

    fn make(&self, direction: Direction) -> Result<(), Failure> {
        let (path, made) = match (self, direction) {
            (Change::Hook(hook), Direction::PutIn) => return hook.install().map(drop),
            (Change::Hook(hook), Direction::TakeOut) => return hook.remove().map(drop),
            (Change::Notes(path), Direction::PutIn) => (path, write_notes(path)),
            (Change::Notes(path), Direction::TakeOut) => (path, remove_notes(path)),
            (Change::Ignore(path), Direction::PutIn) => (path, ignore(path)),
            (Change::Ignore(path), Direction::TakeOut) => (path, no_longer_ignore(path)),
        };
        made.map_err(|error| Failure::environment(format!("cannot write {}: {error}", path.display())))
    }
}

fn write_notes(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
    fs::OpenOptions::new().write(true).create_new(true).open(path)?.write_all(NOTES.as_bytes())
}

fn remove_notes(path: &Path) -> std::io::Result<()> {
    fs::remove_file(path)?;
    // A folder that holds more stays.
    fs::remove_dir(path.parent().unwrap_or(Path::new("/"))).unwrap_or_default();
    Ok(())
}

fn ignore(path: &Path) -> std::io::Result<()> {
    let ends_well = fs::read(path)?.last().is_none_or(|byte| *byte == b'\n');
    let lines = if ends_well { IGNORED.trim_start_matches('\n') } else { IGNORED };
    fs::OpenOptions::new().append(true).open(path)?.write_all(lines.as_bytes())
}

fn no_longer_ignore(path: &Path) -> std::io::Result<()> {
    let text = fs::read_to_string(path)?.replacen(IGNORED.trim_start_matches('\n'), "", 1);
    let mut new = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/")))?;
    new.write_all(text.as_bytes())?;
    new.as_file().set_permissions(fs::metadata(path)?.permissions())?;
    new.persist(path)?;
    Ok(())
}

fn notes_of(project: &Path) -> PathBuf {
    project.join(".ai-orchestrator/README.md")
}

fn missing(project: &Path, report: &mut Report) -> Vec<Change> {
    let (notes, ignore) = (notes_of(project), project.join(".gitignore"));
    let mut changes = Vec::new();
    if !notes.exists() {
        changes.push(Change::Notes(notes));
    }
    let ignored = fs::read_to_string(&ignore).map(|text| text.lines().any(|line| line.trim() == ".ai-orchestrator/"));
    if ignored.is_ok_and(|ignored| !ignored) {
        changes.push(Change::Ignore(ignore));
    }
    changes.extend(hook(project, report).filter(|hook| !hook.is_current()).map(Change::Hook));
    changes
}

/// What is still as we put it there.
fn present(project: &Path, report: &mut Report) -> Vec<Change> {
    let (notes, ignore) = (notes_of(project), project.join(".gitignore"));
    let mut changes = Vec::new();
    if fs::read(&notes).is_ok_and(|text| text == NOTES.as_bytes()) {
        changes.push(Change::Notes(notes));
    }
    if fs::read_to_string(&ignore).is_ok_and(|text| text.contains(IGNORED.trim_start_matches('\n'))) {
        changes.push(Change::Ignore(ignore));
    }
    changes.extend(hook(project, report).filter(GitHook::is_installed).map(Change::Hook));
    changes
}

/// The pre-commit hook, where the project is a repository's worktree and its hooks are its own.
fn hook(project: &Path, report: &mut Report) -> Option<GitHook> {
    let worktree = repository::worktree_of(project).filter(|worktree| worktree.root == project)?;
    match GitHook::of(&worktree) {
        Ok(hook) => Some(hook),
        Err(failure) => {
            let hint = failure.hints.first().map_or_else(String::new, |hint| format!("; {hint}"));
            report.notes.push(format!("commits are not guarded: {}{hint}", failure.message));
            None
        }
    }
}
