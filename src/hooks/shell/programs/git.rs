//! `git`: commands that change files of the worktree, one by one or wholesale.
//!
//! What only changes the index, refs or objects touches no file. Pathspecs with magic of their own are not understood.

use super::Call;
use crate::hooks::shell::field::Field;
use crate::hooks::shell::options::{self, Argument};
use crate::hooks::shell::{Change, SweepKind, paths};

use super::{copying, patching};

pub(super) fn git(call: &mut Call<'_>) -> Option<()> {
    let (options, rest) = options::read_leading(
        call.args,
        "C: c: p paginate P no-pager no-replace-objects literal-pathspecs no-optional-locks no-advice",
    )?;
    // Another worktree than the one around the folder.
    if ["GIT_DIR", "GIT_WORK_TREE"].iter().any(|name| call.scope.knows(name)) {
        return None;
    }
    let mut scope = call.scope.clone();
    if let Some(folder) = options.value("C") {
        scope.cwd = paths::changed_into(scope.cwd.as_deref(), folder.as_ref()?.text()?);
    }
    let (verb, args) = rest.split_first()?;
    let mut call = Call { args, scope: &scope, input: call.input, found: &mut *call.found };
    command(verb.as_ref()?.text()?, &mut call)
}

fn command(verb: &str, call: &mut Call<'_>) -> Option<()> {
    match verb {
        "checkout" => checkout(call),
        "switch" => switch(call),
        "restore" => restore(call),
        "reset" => reset(call),
        "stash" => stash(call),
        "clean" => clean(call),
        "rm" => remove(call),
        "mv" => copying::mv(call).filter(|()| !is_given(call, &["-n", "--dry-run", "-k"])),
        "apply" => patching::git_apply(call),
        "pull" | "merge" | "rebase" | "cherry-pick" | "revert" | "am" => integrate(verb, call),
        "archive" | "diff" | "log" | "show" => output(call),
        _ => None,
    }
}

fn is_given(call: &Call<'_>, words: &[&str]) -> bool {
    call.args.iter().any(|arg| arg.as_ref().and_then(Field::text).is_some_and(|text| words.contains(&text)))
}

impl Call<'_> {
    fn sweep_all(&mut self, kind: SweepKind) -> Option<()> {
        self.sweep(kind, self.scope.cwd.clone(), false, None)
    }

    /// Restores what each pathspec names.
    fn restore(&mut self, pathspecs: &[Argument], kind: SweepKind) -> Option<()> {
        for pathspec in pathspecs {
            match pathspec.as_ref().and_then(Field::text) {
                Some(":/" | ":/." | ":") => self.sweep_all(kind)?,
                // An asterisk that reached git is a pattern of its own.
                Some(text) if text.starts_with(':') || text.contains(['*', '?', '[']) => {}
                Some(text) if paths::name(text).is_none() => {
                    self.sweep(kind, paths::changed_into(self.scope.cwd.as_deref(), text), true, None)?;
                }
                _ => self.touch(pathspec, Change::Write, true),
            }
        }
        Some(())
    }
}

/// Operands before `--`, and behind it where it stands.
fn divided(args: &[Argument]) -> (&[Argument], Option<&[Argument]>) {
    let at = args.iter().position(|arg| arg.as_ref().and_then(Field::text) == Some("--"));
    at.map_or((args, None), |at| (&args[..at], Some(&args[at + 1..])))
}

fn checkout(call: &mut Call<'_>) -> Option<()> {
    let (before, pathspecs) = divided(call.args);
    let options = options::read(
        before,
        "q quiet f force b: B: orphan: d detach t? track? no-track l guess no-guess 2 ours 3 theirs progress no-progress \
         m merge conflict: ignore-other-worktrees overwrite-ignore no-overlay overlay recurse-submodules?",
    )?;
    let named = &options.operands[..];
    if let Some(pathspecs) = pathspecs.filter(|pathspecs| !pathspecs.is_empty()) {
        return call.restore(pathspecs, SweepKind::Restore);
    }
    match named {
        // A new branch starts here, with the files as they are.
        _ if options.has("b B orphan") && is_here(named) => None,
        _ if options.has("b B orphan") => call.sweep_all(SweepKind::Switch),
        _ if options.has("f force") => call.sweep_all(SweepKind::Reset),
        [] => None,
        _ if options.has("ours theirs 2 3") => call.restore(named, SweepKind::Restore),
        [one] => checkout_one(one, pathspecs.is_some(), call),
        // The first is a commit, or a path like the others.
        [_, rest @ ..] => call.restore(rest, SweepKind::Restore),
    }
}

/// A branch, or else a path.
fn checkout_one(word: &Argument, is_branch: bool, call: &mut Call<'_>) -> Option<()> {
    let text = word.as_ref().and_then(Field::text);
    match text {
        Some(text) if !is_branch && (paths::name(text).is_none() || text.starts_with(':')) => {
            call.restore(std::slice::from_ref(word), SweepKind::Restore)
        }
        Some(_) if is_here(std::slice::from_ref(word)) => None,
        Some(_) => {
            let unless = call.absolute(word).filter(|_| !is_branch);
            call.sweep(SweepKind::Switch, call.scope.cwd.clone(), false, unless)
        }
        None => None,
    }
}

fn switch(call: &mut Call<'_>) -> Option<()> {
    let options = call.options(
        "q quiet f force discard-changes c: create: C: force-create: orphan: d detach t? track? no-track guess no-guess \
         progress no-progress m merge conflict: ignore-other-worktrees recurse-submodules?",
    )?;
    match () {
        () if options.has("f force discard-changes") => call.sweep_all(SweepKind::Reset),
        () if options.has("orphan") => call.sweep_all(SweepKind::Switch),
        () if is_here(&options.operands) => None,
        () => call.sweep_all(SweepKind::Switch),
    }
}

/// Where the files already are as they should be.
fn is_here(commits: &[Argument]) -> bool {
    commits.iter().all(|commit| matches!(commit.as_ref().and_then(Field::text), Some("HEAD" | "@")))
}

fn restore(call: &mut Call<'_>) -> Option<()> {
    let options = call.options(
        "q quiet s: source: S staged W worktree ours theirs m merge conflict: progress no-progress ignore-unmerged overlay \
         no-overlay ignore-skip-worktree-bits recurse-submodules",
    )?;
    if options.has("S staged") && !options.has("W worktree") {
        return None;
    }
    call.restore(&options.operands, SweepKind::Restore)
}

fn reset(call: &mut Call<'_>) -> Option<()> {
    let options = call.options("q quiet hard soft mixed keep merge N intent-to-add no-refresh refresh")?;
    match () {
        () if options.has("hard") => call.sweep_all(SweepKind::Reset),
        () if options.has("keep merge") => call.sweep_all(SweepKind::Integrate),
        () => None,
    }
}

fn stash(call: &mut Call<'_>) -> Option<()> {
    let verb = call.args.first().and_then(|arg| arg.as_ref()?.text());
    match verb {
        Some("pop" | "apply" | "branch") => call.sweep_all(SweepKind::Integrate),
        None if call.args.is_empty() => call.sweep_all(SweepKind::Stash),
        Some("push" | "save") => stash_away(&call.args[1..], verb, call),
        Some(option) if option.starts_with('-') => stash_away(call.args, Some("push"), call),
        _ => None,
    }
}

fn stash_away(args: &[Argument], verb: Option<&str>, call: &mut Call<'_>) -> Option<()> {
    let options = options::read(
        args,
        "k keep-index no-keep-index u include-untracked a all q quiet m: message: S staged p? patch?",
    )?;
    match () {
        // What it asks about, or what is in the index, nobody knows.
        () if options.has("p patch S staged") => None,
        () if verb == Some("push") && !options.operands.is_empty() => call.restore(&options.operands, SweepKind::Stash),
        () => call.sweep_all(SweepKind::Stash),
    }
}

fn clean(call: &mut Call<'_>) -> Option<()> {
    let options = call.options("d f force n dry-run q quiet x X e: exclude: i interactive")?;
    if !options.has("f force") || options.has("n dry-run i interactive e exclude") {
        return None;
    }
    if options.operands.is_empty() {
        return call.sweep(SweepKind::Clean, call.scope.cwd.clone(), true, None);
    }
    for operand in &options.operands {
        let folder = operand.as_ref()?.text().filter(|text| !text.contains(['*', '?', '[', ':']))?;
        call.sweep(SweepKind::Clean, paths::changed_into(call.scope.cwd.as_deref(), folder), true, None)?;
    }
    Some(())
}

fn remove(call: &mut Call<'_>) -> Option<()> {
    let options = call.options("f force r cached q quiet n dry-run ignore-unmatch sparse")?;
    if options.has("cached n dry-run") {
        return None;
    }
    for operand in &options.operands {
        let is_magic = |text: &str| text.starts_with(':') || text.contains(['*', '?', '[']);
        if !operand.as_ref().and_then(Field::text).is_some_and(is_magic) {
            call.touch(operand, Change::Remove, options.has("r"));
        }
    }
    Some(())
}

/// Not where it is called off, or only looks.
fn integrate(verb: &str, call: &mut Call<'_>) -> Option<()> {
    let is_harmless = is_given(call, &["--abort", "--quit", "--show-current-patch", "--help", "-h", "--edit-todo"]);
    // Without anything to merge, only `pull` and `rebase` know what is meant.
    let does_something = !call.args.is_empty() || matches!(verb, "pull" | "rebase" | "merge");
    if is_harmless || !does_something { None } else { call.sweep_all(SweepKind::Integrate) }
}

/// `--output=FILE`, and `archive -o FILE`.
fn output(call: &mut Call<'_>) -> Option<()> {
    for argument in call.args {
        let text = argument.as_ref().and_then(Field::text).unwrap_or_default();
        if text == "--" {
            break;
        }
        if let Some(path) = text.strip_prefix("--output=") {
            call.path(path, Change::Write);
        }
    }
    Some(())
}
