//! What was done in worktrees, against slower and plainer ways to count it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use super::super::git::Repository;
use super::super::git::testing::{Scratch, changed_files, commit, is_proof, said, write};
use super::*;

fn place(scratch: &Scratch, worktree: PathBuf, base: &str) -> Place {
    let (project, base, target) = (scratch.project.clone(), base.to_owned(), "main".to_owned());
    let shown = git(&worktree).args(["branch", "--show-current"]).run().map(|ran| ran.text()).unwrap_or_default();
    let branch = if shown.is_empty() { "(detached)".to_owned() } else { shown };
    Place { worktree, project, base, branch, target }
}

fn counts(files: usize, commits: usize) -> Work {
    Work { files, commits, ..Work::default() }
}

/// How much was done, wherever it is by now.
fn counted(places: &[Place]) -> Vec<Found> {
    let plain = |found| match found {
        Found::Work(work) => Found::Work(counts(work.files, work.commits)),
        other => other,
    };
    look(places).into_iter().map(plain).collect()
}

/// By one question after the other, for one worktree.
fn slowly(place: &Place) -> Work {
    let repository = Repository::open(&place.worktree).unwrap();
    let yes = |args: &[&str]| git(&place.worktree).args(args).run().unwrap().is_good();
    let has = |one: &str, other: &str| yes(&["merge-base", "--is-ancestor", other, one]);
    let target = branch_ref(&place.target);
    let mut against = target.clone();
    if has(&target, "HEAD") {
        // What the target was before it got that.
        let log = said(&place.worktree, &["log", "--walk-reflogs", "--format=%H", &target]);
        let earlier = log.lines().find(|id| !has(id, "HEAD"));
        against = earlier.unwrap_or(&place.base).to_owned();
    }
    let shared = said(&place.worktree, &["merge-base", "HEAD", &against]);
    let from = if has(&shared, &place.base) { &shared } else { &place.base };
    let without = ["rev-list", "--count", "HEAD", &format!("^{against}"), &format!("^{}", place.base)];
    let commits = said(repository.root(), &without).parse().unwrap();
    let made = made_by_target(place);
    match made {
        Some(tip) => counts(changed_files(&place.worktree, &tip).len(), 0),
        None => counts(changed_files(&place.worktree, from).len(), commits),
    }
}

/// What is checked out, where that is a commit that was made in the target.
fn made_by_target(place: &Place) -> Option<String> {
    let tip = said(&place.worktree, &["rev-parse", "HEAD"]);
    let log = said(&place.worktree, &["log", "--walk-reflogs", "--format=%H %gs", &place.target]);
    let is_made = log.lines().any(|line| line.starts_with(&tip) && !line.ends_with("Fast-forward"));
    (is_made && tip != place.base).then_some(tip)
}

#[test]
fn what_was_done_in_many_worktrees() {
    let scratch = Scratch::new();
    let older = scratch.git(&["rev-parse", "HEAD"]);
    write(&scratch.project.join("a b.txt"), "one\n");
    let newer = commit(&scratch.project, "second");
    let places: Vec<Place> = (0..8)
        .map(|number| {
            let worktree = scratch.path(&format!("w{number}"));
            let base = if number % 3 == 0 { &older } else { &newer };
            scratch.git(&["worktree", "add", "-q", "--detach", worktree.to_str().unwrap(), base]);
            place(&scratch, worktree, base)
        })
        .collect();
    let at = |number: usize| places[number].worktree.clone();
    write(&at(1).join("new file"), "x");
    write(&at(1).join("folder/below"), "x");
    write(&at(1).join("skipped.ignored"), "x");
    write(&at(2).join("a b.txt"), "changed");
    for number in [3, 4, 5] {
        write(&at(number).join("readme"), format!("{number}"));
        commit(&at(number), "one");
        write(&at(number).join("é\n"), "x");
        commit(&at(number), "two");
    }
    write(&at(4).join("readme"), "and more");
    write(&at(4).join("more"), "and more");
    let side = said(&at(5), &["rev-parse", "HEAD"]);
    write(&at(6).join("own"), "x");
    commit(&at(6), "own");
    said(&at(6), &["merge", "-q", "--no-edit", &side]);
    said(&at(7), &["merge", "-q", "--ff-only", &side]);
    let expected: Vec<Work> = places.iter().map(slowly).collect();
    let found: Vec<Found> = expected.iter().copied().map(Found::Work).collect();
    assert_eq!(counted(&places), found);
    let numbers: Vec<(usize, usize)> = expected.iter().map(|work| (work.files, work.commits)).collect();
    assert_eq!(numbers, [(0, 0), (2, 0), (1, 0), (2, 2), (3, 2), (2, 2), (3, 4), (2, 2)]);
}

/// What is committed to the branch is brought home, whatever else is looked at there.
#[test]
fn what_the_branch_has_counts_whatever_is_checked_out() {
    let scratch = Scratch::new();
    let base = scratch.git(&["rev-parse", "HEAD"]);
    let worktree = scratch.path("w");
    scratch.git(&["worktree", "add", "-q", "-b", "job", worktree.to_str().unwrap(), &base]);
    let places = [place(&scratch, worktree.clone(), &base)];
    let work = |files, commits, is_off_branch| Found::Work(Work { files, commits, is_off_branch, ..Work::default() });
    write(&worktree.join("one"), "1");
    commit(&worktree, "one");
    assert_eq!(look(&places), [work(1, 1, false)]);
    said(&worktree, &["checkout", "-q", "--detach", "HEAD~1"]);
    assert_eq!(look(&places), [work(1, 1, true)]);
    write(&worktree.join("two"), "2");
    commit(&worktree, "two");
    assert_eq!(look(&places), [work(2, 2, true)], "both are the job's");
    said(&worktree, &["checkout", "-q", "-b", "other", "job"]);
    write(&worktree.join("two"), "2");
    commit(&worktree, "two");
    assert_eq!(look(&places), [work(2, 2, true)], "what both have counts once");
    scratch.git(&["merge", "-q", "--no-edit", "job"]);
    assert_eq!(look(&places), [work(2, 2, true)], "the other branch is not home");
    scratch.git(&["merge", "-q", "--no-edit", "other"]);
    let all_home = |found: &Found| matches!(found, Found::Work(work) if work.has_arrived && work.is_home());
    assert!(look(&places).iter().all(all_home), "{:?}", look(&places));
    said(&worktree, &["checkout", "-q", "job"]);
    said(&worktree, &["branch", "-q", "-m", "renamed"]);
    assert!(look(&places).iter().all(all_home), "{:?}", look(&places));
}

/// Only its own branch comes home by itself, so somebody has to look at the other.
#[test]
fn what_was_committed_to_a_branch_that_was_left_counts() {
    let scratch = Scratch::new();
    let base = scratch.git(&["rev-parse", "HEAD"]);
    let worktree = scratch.path("w");
    scratch.git(&["branch", "-q", "visited"]);
    scratch.git(&["worktree", "add", "-q", "-b", "job", worktree.to_str().unwrap(), &base]);
    let places = [place(&scratch, worktree.clone(), &base)];
    let work = |files, commits, is_elsewhere| Found::Work(Work { files, commits, is_elsewhere, ..Work::default() });
    said(&worktree, &["checkout", "-q", "visited"]);
    said(&worktree, &["checkout", "-q", "-b", "other"]);
    write(&worktree.join("one"), "1");
    commit(&worktree, "one");
    said(&worktree, &["checkout", "-q", "job"]);
    assert_eq!(look(&places), [work(1, 1, true)]);
    write(&worktree.join("two"), "2");
    commit(&worktree, "two");
    assert_eq!(look(&places), [work(2, 2, true)]);
    said(&worktree, &["merge", "-q", "--no-edit", "other"]);
    assert_eq!(look(&places), [work(2, 3, false)], "its own branch has it");
    said(&worktree, &["reset", "-q", "--hard", "HEAD~1"]);
    scratch.git(&["merge", "-q", "--no-edit", "other"]);
    assert_eq!(look(&places), [work(2, 2, false)], "the target has it");
    scratch.git(&["reset", "-q", "--hard", &base]);
    scratch.git(&["branch", "-q", "-D", "other"]);
    assert_eq!(look(&places), [work(1, 1, false)], "it was given up");
}

#[test]
fn what_cannot_be_asked_hides_nothing_else() {
    let scratch = Scratch::new();
    let base = scratch.git(&["rev-parse", "HEAD"]);
    let place = |worktree: PathBuf, base: &str| place(&scratch, worktree, base);
    // A folder within a repository is not a worktree of it.
    std::fs::create_dir(scratch.project.join("inner")).unwrap();
    let nothing = "0".repeat(40);
    let places = [
        place(scratch.path("missing"), &base),
        place(scratch.project.join("inner"), &base),
        place(scratch.project.clone(), &nothing),
        place(scratch.project.clone(), &base),
    ];
    assert_eq!(counted(&places), [Found::Nothing, Found::Nothing, Found::Nothing, Found::Work(Work::default())]);
    assert!(counted(&[]).is_empty());
}

/// Jobs that keep up with their target in every way, and come home in every way.
#[test]
fn what_came_from_the_target_is_nobodys_work() {
    let scratch = Scratch::new();
    let base = scratch.git(&["rev-parse", "HEAD"]);
    let places: Vec<Place> = (0..3)
        .map(|number| {
            let (worktree, branch) = (scratch.path(&format!("w{number}")), format!("job{number}"));
            scratch.git(&["worktree", "add", "-q", "-b", &branch, worktree.to_str().unwrap(), &base]);
            place(&scratch, worktree, &base)
        })
        .collect();
    let mut seed: u32 = 7;
    let mut below = |end: u32| {
        seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12345);
        (seed >> 16) % end
    };
    let mut seen = BTreeSet::new();
    for step in 0..if is_proof() { 300 } else { 60 } {
        let number = below(3) as usize;
        let (job, branch) = (&places[number].worktree, format!("job{number}"));
        match below(7) {
            0 | 1 => {
                write(&job.join(format!("of-job-{step}")), format!("{step}"));
                commit(job, "own");
            }
            2 | 3 => {
                write(&scratch.project.join(format!("of-main-{step}")), format!("{step}"));
                commit(&scratch.project, "elsewhere");
            }
            4 => drop(said(job, &["merge", "-q", "--no-edit", "main"])),
            5 => drop(said(job, &["rebase", "-q", "main"])),
            _ => {
                let how = if below(4) == 0 { "--ff" } else { "--no-ff" };
                scratch.git(&["merge", "-q", "--no-edit", how, &branch]);
            }
        }
        if step % 4 == 0 {
            let expected: Vec<Found> = places.iter().map(|place| Found::Work(slowly(place))).collect();
            assert_eq!(counted(&places), expected, "step {step}");
            seen.extend(places.iter().map(slowly).map(|work| (work.files, work.commits)));
        }
    }
    assert!(seen.len() > 5, "{seen:?}");
}

#[test]
fn keeping_up_and_coming_home_change_no_figures() {
    let scratch = Scratch::new();
    let base = scratch.git(&["rev-parse", "HEAD"]);
    let at = |name: &str| {
        let worktree = scratch.path(name);
        scratch.git(&["worktree", "add", "-q", "-b", name, worktree.to_str().unwrap(), &base]);
        write(&worktree.join(name), "x");
        commit(&worktree, "own");
        place(&scratch, worktree, &base)
    };
    let mut places = ["merges", "rebases", "stays"].map(at);
    for name in ["m1", "m2", "m3"] {
        write(&scratch.project.join(name), name);
        commit(&scratch.project, name);
    }
    said(&places[0].worktree, &["merge", "-q", "--no-edit", "main"]);
    said(&places[1].worktree, &["rebase", "-q", "main"]);
    // What the project has checked out is its target, too.
    places[2].target = String::new();
    let work = |files, commits| Found::Work(counts(files, commits));
    let expected = [work(1, 2), work(1, 1), work(1, 1)];
    assert_eq!(counted(&places), expected);
    for name in ["merges", "rebases", "stays"] {
        scratch.git(&["merge", "-q", "--no-ff", "--no-edit", name]);
    }
    assert_eq!(counted(&places), expected, "once merged");
    let homes = |places: &[Place]| {
        look(places).iter().map(|found| matches!(found, Found::Work(work) if work.is_home())).collect::<Vec<_>>()
    };
    assert_eq!(homes(&places), [true; 3]);
    write(&places[0].worktree.join("later"), "x");
    commit(&places[1].worktree, "later");
    assert_eq!(homes(&places), [false, false, true], "what came after");
    std::fs::remove_file(places[0].worktree.join("later")).unwrap();
    said(&places[1].worktree, &["reset", "-q", "--hard", "HEAD~"]);
    // Without its target there is only where it began.
    places[0].target = "gone".to_owned();
    assert_eq!(counted(&places[..1]), [work(4, 5)]);
}

#[test]
fn what_was_renamed_is_one_file() {
    let scratch = Scratch::new();
    let base = scratch.git(&["rev-parse", "HEAD"]);
    scratch.git(&["checkout", "-q", "-b", "job"]);
    scratch.git(&["mv", "readme", "read-me"]);
    commit(&scratch.project, "renamed");
    let place = place(&scratch, scratch.project.clone(), &base);
    assert_eq!(counted(&[place]), [Found::Work(counts(1, 1))]);
}

#[test]
fn a_branch_without_a_commit_is_compared_with_the_beginning() {
    let scratch = Scratch::new();
    let place = place(&scratch, scratch.project.clone(), &scratch.git(&["rev-parse", "HEAD"]));
    scratch.git(&["checkout", "-q", "--orphan", "empty"]);
    let places = [place];
    assert_eq!(counted(&places), [Found::Work(Work::default())]);
    write(&scratch.project.join("readme"), "changed");
    write(&scratch.project.join("new"), "x");
    assert_eq!(counted(&places), [Found::Work(counts(2, 0))]);
}

#[test]
fn what_changed_within_submodules_is_found() {
    let scratch = Scratch::new();
    let other = scratch.path("other");
    scratch.begin(&other);
    for name in ["a b", "clean", "new"] {
        scratch.git(&["submodule", "--quiet", "add", other.to_str().unwrap(), name]);
    }
    commit(&scratch.project, "submodules");
    assert_eq!(inside(&scratch.project).unwrap(), [] as [&Path; 0]);
    write(&scratch.project.join("a b/readme"), "changed");
    write(&scratch.project.join("new/file"), "x");
    write(&scratch.project.join("readme"), "changed");
    assert_eq!(inside(&scratch.project).unwrap(), [Path::new("a b"), Path::new("new")]);
}

#[test]
fn a_job_that_only_kept_up_has_done_nothing() {
    let scratch = Scratch::new();
    let base = scratch.git(&["rev-parse", "HEAD"]);
    let places = ["first", "second"].map(|name| {
        let worktree = scratch.path(name);
        scratch.git(&["worktree", "add", "-q", "-b", name, worktree.to_str().unwrap(), &base]);
        place(&scratch, worktree, &base)
    });
    write(&scratch.project.join("m"), "x");
    commit(&scratch.project, "elsewhere");
    said(&places[0].worktree, &["merge", "-q", "--ff-only", "main"]);
    write(&places[0].worktree.join("new"), "x");
    let work = |files, commits| Found::Work(counts(files, commits));
    assert_eq!(counted(&places), [work(1, 0), work(0, 0)]);
    // Of what the target was moved forward to, that is the job's which it had not got.
    commit(&places[0].worktree, "own");
    scratch.git(&["merge", "-q", "--ff-only", "first"]);
    assert_eq!(counted(&places[..1]), [work(1, 1)]);
}

/// A job on a branch of its own, with a commit of its own.
fn at_work(scratch: &Scratch, name: &str, base: &str) -> Place {
    let worktree = scratch.path(name);
    scratch.git(&["worktree", "add", "-q", "-b", name, worktree.to_str().unwrap(), base]);
    write(&worktree.join(name), "x");
    commit(&worktree, "own");
    place(scratch, worktree, base)
}

/// Commits that are made in the project.
fn goes_on(scratch: &Scratch, names: &[&str]) {
    for name in names {
        write(&scratch.project.join(name), "x");
        commit(&scratch.project, name);
    }
}

#[test]
fn a_target_that_is_moved_forward_changes_no_figures() {
    let scratch = Scratch::new();
    let base = scratch.git(&["rev-parse", "HEAD"]);
    let places = ["rebases", "merges", "last"].map(|name| at_work(&scratch, name, &base));
    let forward = |name: &str| scratch.git(&["merge", "-q", "--ff-only", name]);
    let work = |files, commits| Found::Work(counts(files, commits));
    goes_on(&scratch, &["m1", "m2", "m3"]);
    said(&places[0].worktree, &["rebase", "-q", "main"]);
    assert_eq!(counted(&places[..1]), [work(1, 1)]);
    forward("rebases");
    assert_eq!(counted(&places[..1]), [work(1, 1)]);
    // The target's line is now another: that of the job which merged it.
    said(&places[1].worktree, &["merge", "-q", "--no-edit", "main"]);
    forward("merges");
    assert_eq!(counted(&places[..2]), [work(1, 1), work(1, 2)]);
    goes_on(&scratch, &["m4"]);
    said(&places[2].worktree, &["rebase", "-q", "main"]);
    forward("last");
    let expected = [work(1, 1), work(1, 2), work(1, 1)];
    assert_eq!(counted(&places), expected);
    // What the project has checked out, too, whatever it had before.
    scratch.git(&["checkout", "-q", "--detach", &base]);
    scratch.git(&["checkout", "-q", "main"]);
    let mut checked_out = places.clone();
    checked_out.iter_mut().for_each(|place| place.target.clear());
    assert_eq!(counted(&checked_out), expected);
    // Undone, it is still to be brought there, and once brought again it is the same.
    scratch.git(&["reset", "-q", "--hard", "HEAD~"]);
    assert_eq!(counted(&places), expected);
    goes_on(&scratch, &["undone"]);
    scratch.git(&["reset", "-q", "--hard", "last"]);
    assert_eq!(counted(&places), expected);
    // Where nothing is remembered, there is the beginning.
    scratch.git(&["reflog", "expire", "--expire=all", "--all"]);
    assert_eq!(counted(&places[2..]), [work(7, 8)]);
}

#[test]
fn what_was_made_in_the_target_is_nobodys_wherever_its_line_goes() {
    let scratch = Scratch::new();
    let base = scratch.git(&["rev-parse", "HEAD"]);
    let places = ["kept-up", "merges"].map(|name| at_work(&scratch, name, &base));
    goes_on(&scratch, &["m1", "m2"]);
    said(&places[0].worktree, &["reset", "-q", "--hard", "main"]);
    said(&places[1].worktree, &["merge", "-q", "--no-edit", "main"]);
    scratch.git(&["merge", "-q", "--ff-only", "merges"]);
    assert_eq!(counted(&places), [Found::Work(counts(0, 0)), Found::Work(counts(1, 2))]);
}

#[test]
fn what_a_remote_merged_is_the_same_once_it_is_pulled() {
    let scratch = Scratch::new();
    let base = scratch.git(&["rev-parse", "HEAD"]);
    let places = ["merged", "forwarded"].map(|name| at_work(&scratch, name, &base));
    let remote = scratch.path("remote");
    let folder = remote.to_str().unwrap();
    scratch.git(&["clone", "-q", ".", folder]);
    for (key, value) in [("user.name", "A"), ("user.email", "a@example.org")] {
        said(&remote, &["config", key, value]);
    }
    write(&remote.join("of-others"), "x");
    commit(&remote, "of others");
    // A job takes that over before the target has it.
    said(&places[0].worktree, &["pull", "-q", "--no-rebase", "--no-edit", folder, "main"]);
    said(&remote, &["pull", "-q", "--no-rebase", "--no-ff", "--no-edit", "origin", "merged"]);
    scratch.git(&["pull", "-q", "--ff-only", folder, "main"]);
    let work = |files, commits| Found::Work(counts(files, commits));
    assert_eq!(counted(&places), [work(1, 2), work(1, 1)]);
    said(&places[1].worktree, &["rebase", "-q", "main"]);
    said(&remote, &["pull", "-q", "--ff-only", "origin", "forwarded"]);
    scratch.git(&["pull", "-q", "--ff-only", folder, "main"]);
    assert_eq!(counted(&places), [work(1, 2), work(1, 1)]);
}
