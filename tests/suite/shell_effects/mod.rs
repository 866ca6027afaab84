//! What is told of a command against what bash does: random commands are run in a small tree, and every file that changes
//! must have been named before. Where a command has no branches and ends well, every file named must also have changed.
//!
//! `AIO_PROOF_CASES` says how many commands to run, `AIO_SEED` which.

mod grammar;
mod tree;

use std::path::Path;
use std::process::{Command, Stdio};

use aio::hooks::shell::{Effects, Extent, Look, Settled, Surroundings, SweepKind, effects};

use crate::harness::git;
use grammar::Grammar;
use tree::{Disk, Snapshot, Tree};

fn cases(default: usize) -> usize {
    number("AIO_PROOF_CASES").map_or(default, |cases| cases as usize)
}

fn grammar() -> Grammar {
    Grammar::new(number("AIO_SEED").unwrap_or(0x5eed_0001))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs it in the tree; whether it ended well.
fn bash(tree: &Tree, command: &str) -> bool {
    run(tree, "-ec", command)
}

fn run(tree: &Tree, options: &str, command: &str) -> bool {
    let mut bash = Command::new("bash");
    bash.args(["--norc", "--noprofile", options, command]).env_clear().current_dir(tree.root());
    bash.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", tree.root().join("home"));
    let status = bash.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.expect("bash, which these proofs compare with, cannot be run").success()
}

fn told(tree: &Tree, command: &str) -> Effects {
    let root = tree.root().to_str().unwrap();
    effects(command, &Surroundings { cwd: root, home: Some(&format!("{root}/home")) })
}

/// The paths of an extent as the kernel sees them, where their folders exist.
fn physical(extent: &Extent) -> Extent {
    let resolved = |path: &str| {
        let path = Path::new(path);
        let parent = path.parent().and_then(|parent| parent.canonicalize().ok());
        let whole = parent.zip(path.file_name()).map(|(parent, name)| parent.join(name));
        let whole = if path.ends_with("..") { path.canonicalize().ok() } else { whole };
        whole.unwrap_or(path.into()).to_str().unwrap().to_owned()
    };
    match extent {
        Extent::File(path) => Extent::File(resolved(path)),
        Extent::Tree(path) => Extent::Tree(resolved(path)),
        Extent::Named { folder, name } => Extent::Named { folder: resolved(folder), name: name.clone() },
        Extent::Mirror { to, from } => Extent::Mirror { to: resolved(to), from: resolved(from) },
    }
}

/// What is wrong with what was told of a command.
fn check(tree: &Tree, command: &str, is_certain: bool) -> Vec<String> {
    let before = tree.contents();
    let Settled { touched, sweeps } = told(tree, command).settle(&Disk);
    let extents: Vec<Extent> = touched.iter().map(|(_, extent)| physical(extent)).collect();
    let ended_well = bash(tree, command);
    let after = tree.contents();
    let changed = tree::changed(&before, &after);
    let then = Snapshot(&before);
    // What the command itself added to what it copies was not there to be seen.
    let is_copied = |path: &str| {
        let below = |extent: &Extent| matches!(extent, Extent::Mirror { to, .. } if path.starts_with(&**to));
        !then.exists(path) && extents.iter().any(below)
    };
    let is_named = |path: &&String| is_copied(path) || extents.iter().any(|extent| extent.reaches(path, &then));
    let unnamed = changed.iter().filter(|path| !is_named(path)).map(|path| format!("did not name {path}"));
    let mut wrong: Vec<String> = unnamed.collect();
    if is_certain && ended_well {
        let came_and_went = |path: &str| !then.exists(path) && !Snapshot(&after).exists(path);
        let happened = |extent: &&Extent| match extent {
            Extent::File(path) | Extent::Tree(path) if came_and_went(path) => true,
            // What it copied may be gone by now.
            Extent::Mirror { .. } => true,
            _ => changed.iter().any(|path| extent.reaches(path, &then)),
        };
        wrong.extend(extents.iter().filter(|extent| !happened(extent)).map(|extent| format!("named {extent:?}")));
    }
    wrong.extend(sweeps.iter().map(|sweep| format!("named {sweep:?}")));
    // Bash runs the lines before one that it cannot parse; of those nothing is told.
    if !wrong.is_empty() && !run(tree, "-nc", command) {
        wrong.clear();
    }
    wrong.iter().map(|wrong| format!("{command}\n    {wrong}")).collect()
}

#[test]
fn what_changes_was_named() {
    let mut grammar = grammar();
    let (mut wrong, mut certain, mut changing) = (Vec::new(), 0, 0);
    let wanted = cases(200);
    for _ in 0..wanted {
        let tree = Tree::new();
        let (command, is_certain) = grammar.writer(tree.root());
        certain += usize::from(is_certain);
        let before = tree.contents();
        wrong.extend(check(&tree, &command, is_certain));
        changing += usize::from(!tree::changed(&before, &tree.contents()).is_empty());
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    assert!(changing * 4 > wanted * 3 && certain * 3 > wanted, "{changing} changed something, {certain} were certain");
}

#[test]
fn what_only_reads_is_not_named() {
    let mut grammar = grammar();
    let tree = Tree::new();
    let before = tree.contents();
    let mut wrong = Vec::new();
    for _ in 0..cases(100) {
        let command = grammar.reader();
        let told = told(&tree, &command);
        if !told.is_empty() {
            wrong.push(format!("{command}\n    {told:?}"));
        }
        bash(&tree, &command);
        assert_eq!(tree::changed(&before, &tree.contents()), [""; 0], "it does not only read: {command}");
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// A repository with a second branch, changes that are not committed, and files git does not know.
fn repository() -> Tree {
    let tree = Tree::new();
    let root = tree.root();
    let run = |args: &[&str]| assert_eq!(git(root, args).code, 0, "git {args:?}");
    run(&["init", "-q", "-b", "main"]);
    run(&["add", "b.txt", "c.txt", "src"]);
    run(&["commit", "-qm", "first"]);
    run(&["switch", "-qc", "other"]);
    std::fs::write(root.join("b.txt"), "other").unwrap();
    run(&["commit", "-qam", "other"]);
    run(&["switch", "-q", "main"]);
    std::fs::write(root.join("c.txt"), "not committed").unwrap();
    tree
}

#[test]
fn what_git_changes_was_named_or_is_swept() {
    let commands = [
        ("git checkout -- c.txt", None),
        ("git checkout c.txt", None),
        ("git restore c.txt", None),
        ("git checkout other -- b.txt", None),
        ("git checkout other b.txt", None),
        ("git rm -q b.txt", None),
        ("git rm -rq src", None),
        ("git mv b.txt new.txt", None),
        ("git stash push -q c.txt", None),
        ("git diff --output=a.patch", None),
        ("git checkout .", Some(SweepKind::Restore)),
        ("cd src && git checkout ..", Some(SweepKind::Restore)),
        ("git restore .", Some(SweepKind::Restore)),
        ("git checkout other", Some(SweepKind::Switch)),
        ("git switch other", Some(SweepKind::Switch)),
        ("git checkout -b new other", Some(SweepKind::Switch)),
        ("git checkout -f", Some(SweepKind::Reset)),
        ("git reset -q --hard", Some(SweepKind::Reset)),
        ("git stash -q", Some(SweepKind::Stash)),
        ("git clean -fdq", Some(SweepKind::Clean)),
        ("git merge -q other", Some(SweepKind::Integrate)),
        ("git cherry-pick other", Some(SweepKind::Integrate)),
    ];
    for (command, kind) in commands {
        let tree = repository();
        let before = tree.contents();
        let settled = told(&tree, command).settle(&Disk);
        assert_eq!(
            settled.sweeps.iter().map(|sweep| sweep.kind).collect::<Vec<_>>(),
            Vec::from_iter(kind),
            "{command}"
        );
        assert!(bash(&tree, &identified(command)), "{command}");
        let changed = tree::changed(&before, &tree.contents());
        assert!(!changed.is_empty(), "{command} changed nothing");
        let is_named = |path: &&String| settled.touched.iter().any(|(_, extent)| physical(extent).reaches(path, &Disk));
        assert!(kind.is_some() || changed.iter().all(|path| is_named(&path)), "{command}: {changed:?} and {settled:?}");
    }
}

#[test]
fn what_git_leaves_alone_is_not_named() {
    let commands = [
        "git status",
        "git log --oneline",
        "git diff",
        "git show HEAD:b.txt",
        "git add -A",
        "git commit -qam x",
        "git reset -q",
        "git reset --soft HEAD",
        "git checkout -q -b new",
        "git switch -qc newer",
        "git branch newest",
        "git stash list",
        "git stash show",
        "git rm -q --cached b.txt",
        "git restore --staged .",
        "git clean -nd",
        "git checkout -q HEAD",
        "git checkout -q",
    ];
    let tree = repository();
    let before = tree.contents();
    for command in commands {
        assert!(told(&tree, command).is_empty(), "{command}");
        bash(&tree, &identified(command));
        assert_eq!(tree::changed(&before, &tree.contents()), [""; 0], "{command}");
    }
}

/// With somebody to commit as.
fn identified(command: &str) -> String {
    format!("export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a; {command}")
}
