//! The questions to git that merging and foretelling share. None but `run_merging` touches a worktree or its index.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::super::git;
use super::super::program::{Program, Ran, Unrun};
use super::trouble::Trouble;
use crate::protocol::spelling;

/// git in a folder, asked that.
pub(in crate::fleet) fn git<'a>(folder: &Path, args: impl IntoIterator<Item = &'a str>) -> Program {
    git::git(folder).args(args)
}

/// What it says, where it must succeed.
pub(in crate::fleet) fn answer(program: Program, what: &'static str, folder: &Path) -> Result<Ran, Trouble> {
    match program.patiently(git::is_passing)? {
        ran if ran.is_good() => Ok(ran),
        ran => Err(Trouble::Git { what, folder: folder.to_owned(), why: ran.complaint() }),
    }
}

/// The commits that refs or ids stand for, none for what is none; in one process.
///
/// # Errors
/// When git cannot be asked there.
pub fn resolve(folder: &Path, names: &[String]) -> Result<Vec<Option<String>>, Trouble> {
    // A name with a line break would be two.
    let line = |name: &String| match name.contains(char::is_control) {
        true => "\n".to_owned(),
        false => format!("{name}^{{commit}}\n"),
    };
    let program = git(folder, ["cat-file", "--batch-check=%(objectname) %(objecttype)"]);
    let input: String = names.iter().map(line).collect();
    let ran = answer(program.input(input), "look up branches", folder)?;
    let commit = |line: &str| line.strip_suffix(" commit").map(str::to_owned);
    Ok(ran.text().lines().map(commit).chain(std::iter::repeat(None)).take(names.len()).collect())
}

/// The ref of a branch.
pub fn branch_ref(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

/// The commit of a branch. What merely leads to a commit, such as `main~1`, is none.
///
/// # Errors
/// When there is none, or git cannot be asked there.
pub fn tip(folder: &Path, branch: &str) -> Result<String, Trouble> {
    let reference = branch_ref(branch);
    let program = git(folder, ["for-each-ref", "--format=%(objectname) %(refname)", &reference]);
    let ran = answer(program, "look up branches", folder)?.text();
    let mut refs = ran.lines().filter_map(|line| line.split_once(' '));
    let found = refs.find(|(_, name)| *name == reference).map(|(commit, _)| commit.to_owned());
    found.ok_or_else(|| Trouble::NoBranch { branch: branch.to_owned(), folder: folder.to_owned() })
}

/// The branch that a name stands for: where it is a mere alias (`git symbolic-ref refs/heads/master refs/heads/main`), what it
/// leads to. That is what is checked out, and what moves.
///
/// # Errors
/// When git cannot be run.
pub fn without_alias(folder: &Path, branch: &str) -> Result<String, Trouble> {
    let ran = git(folder, ["symbolic-ref", "--quiet", &branch_ref(branch)]).run()?;
    let target = ran.is_good().then(|| ran.text());
    Ok(target.as_deref().and_then(|name| name.strip_prefix("refs/heads/")).unwrap_or(branch).to_owned())
}

/// The branch that is checked out in a worktree; none while it is detached.
///
/// # Errors
/// When git cannot be asked there.
pub fn current_branch(folder: &Path) -> Result<Option<String>, Trouble> {
    // Its short form names no branch where a tag has the same name.
    let ran = git(folder, ["symbolic-ref", "--quiet", "HEAD"]).run()?;
    match ran.code {
        0 => Ok(ran.text().strip_prefix("refs/heads/").map(str::to_owned)),
        1 => Ok(None),
        _ => Err(Trouble::Git { what: "tell the branch", folder: folder.to_owned(), why: ran.complaint() }),
    }
}

/// How many commits of one are not in the other.
///
/// # Errors
/// When one of them is not there, or git cannot be asked.
pub fn ahead(folder: &Path, of: &str, other: &str) -> Result<u64, Trouble> {
    let ran = answer(git(folder, ["rev-list", "--count", of, &format!("^{other}")]), "count commits", folder)?;
    let why = || format!("{:?} is no count", ran.text());
    ran.text().parse().map_err(|_| Trouble::Git { what: "count commits", folder: folder.to_owned(), why: why() })
}

/// The first lines of a branch's commits that a base has not, the oldest first.
///
/// # Errors
/// When one of them is not there, or git cannot be asked.
pub fn subjects(folder: &Path, branch: &str, base: Option<&str>) -> Result<Vec<String>, Trouble> {
    let branch = branch_ref(branch);
    let without = base.map(|base| format!("^{base}"));
    let args = ["log", "--reverse", "--no-merges", "--format=%s", &branch].into_iter().chain(without.as_deref());
    let ran = answer(git(folder, args), "list commits", folder)?;
    Ok(ran.text().lines().map(str::to_owned).collect())
}

/// The files in which a commit differs from what it has in common with another.
///
/// # Errors
/// When one of them is not there, or git cannot be asked.
pub fn touched(folder: &Path, base: &str, commit: &str) -> Result<Vec<Vec<u8>>, Trouble> {
    let span = format!("{base}...{commit}");
    let args = ["diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", &span, "--"];
    let ran = answer(git(folder, args), "list changed files", folder)?;
    Ok(git::entries(&ran.out).map(<[u8]>::to_vec).collect())
}

/// The refs of branches of which a commit has everything.
///
/// # Errors
/// When it is not there, or git cannot be asked.
pub fn arrived(folder: &Path, commit: &str) -> Result<HashSet<String>, Trouble> {
    let program = git(folder, ["for-each-ref", "--format=%(refname)", "--merged", commit, "refs/heads/"]);
    let ran = answer(program, "see what arrived", folder)?;
    Ok(ran.text().lines().map(str::to_owned).collect())
}

/// The newest commit that both have; none where their histories do not meet.
///
/// # Errors
/// When git cannot be asked.
pub fn common(folder: &Path, one: &str, other: &str) -> Result<Option<String>, Trouble> {
    let ran = git(folder, ["merge-base", one, other]).run()?;
    match ran.code {
        0 => Ok(ran.text().lines().next().map(str::to_owned)),
        1 => Ok(None),
        _ => Err(Trouble::Git { what: "compare histories", folder: folder.to_owned(), why: ran.complaint() }),
    }
}

/// Whether the history of a repository is cut off.
pub fn is_shallow(folder: &Path) -> bool {
    let ran = git(folder, ["rev-parse", "--is-shallow-repository"]).run();
    ran.is_ok_and(|ran| ran.text() == "true")
}

/// What is not committed in a worktree, spelled; untracked files on request.
///
/// # Errors
/// When git cannot be asked there.
pub fn uncommitted(folder: &Path, with_untracked: bool) -> Result<Vec<String>, Trouble> {
    let entries = status(folder, with_untracked)?;
    Ok(entries.iter().map(|entry| spelling::encode(&entry[3..]).into_owned()).collect())
}

/// The same as git has it: what it is in the index, what in the worktree, a space, the name.
pub(in crate::fleet) fn status(folder: &Path, with_untracked: bool) -> Result<Vec<Vec<u8>>, Trouble> {
    let untracked = if with_untracked { "--untracked-files=normal" } else { "--untracked-files=no" };
    let program = git(folder, ["status", "--porcelain=v1", "-z", "--no-renames", untracked]);
    let ran = answer(program, "see what is not committed", folder)?;
    Ok(git::entries(&ran.out).filter(|entry| entry.len() > 3).map(<[u8]>::to_vec).collect())
}

/// Runs a git that may merge. What it puts into the worktree for a merge driver, and cannot take away when it is killed, goes.
pub(in crate::fleet) fn run_merging(program: Program, worktree: &Path) -> Result<Ran, Unrun> {
    let before = drafts(worktree);
    let ran = program.run();
    if was_killed(&ran) {
        // Those of before may be somebody's; one that cannot be removed is no harm but to the eye.
        drafts(worktree).difference(&before).for_each(|draft| std::fs::remove_file(draft).unwrap_or_default());
    }
    ran
}

/// Whether it was ended by a signal, ours or another's.
pub(in crate::fleet) fn was_killed(ran: &Result<Ran, Unrun>) -> bool {
    let was_ours = |unrun: &Unrun| matches!(unrun, Unrun::TimedOut(..) | Unrun::Stopped(_));
    ran.as_ref().map_or_else(was_ours, |ran| ran.code < 0)
}

/// The sides of a merge, as git hands them to a driver: `.merge_file_` and six characters.
fn drafts(worktree: &Path) -> HashSet<PathBuf> {
    let is_draft = |name: &OsStr| {
        let random = name.as_encoded_bytes().strip_prefix(b".merge_file_");
        random.is_some_and(|random| random.len() == 6 && random.iter().all(u8::is_ascii_alphanumeric))
    };
    let entries = std::fs::read_dir(worktree).into_iter().flatten().flatten();
    entries.filter(|entry| is_draft(&entry.file_name())).map(|entry| entry.path()).collect()
}

/// Where git keeps what is a worktree's own.
pub(super) fn own_folder(worktree: &Path) -> Result<PathBuf, Trouble> {
    let ran = answer(git(worktree, ["rev-parse", "--absolute-git-dir"]), "find its folder", worktree)?;
    Ok(git::whole_path(ran.out))
}

/// Where git keeps what all worktrees of a repository share.
pub(super) fn common_folder(repository: &Path) -> Result<PathBuf, Trouble> {
    let args = ["rev-parse", "--path-format=absolute", "--git-common-dir"];
    Ok(git::whole_path(answer(git(repository, args), "find the repository", repository)?.out))
}

/// All that git and its hooks said, in one line: the reason is seldom the last of it.
pub(super) fn said(ran: &Ran) -> String {
    let one_line = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let said = [&ran.err, &ran.out].map(|bytes| one_line(bytes));
    said.into_iter().find(|text| !text.is_empty()).unwrap_or_else(|| ran.complaint())
}
