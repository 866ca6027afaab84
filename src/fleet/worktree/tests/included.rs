//! What `.worktreeinclude` brings, and what it does not.

use super::*;

/// A project with files that are not in git, and a list.
fn with_list(list: &str) -> Making {
    let making = Making::new();
    let project = &making.scratch.project;
    write(&project.join(".gitignore"), "*.env\n/build/\n/own/\n");
    commit(project, "what is ignored");
    write(&project.join(".worktreeinclude"), list);
    for file in [".env", "deep/er/local.env", "build/cache/big", "build/small", "new", "own/-x", "own/a\nb"] {
        write(&project.join(file), file);
    }
    making
}

fn has(making: &Making, file: &str) -> bool {
    fs::read(making.worktree.join(file)).is_ok_and(|bytes| bytes == file.as_bytes())
}

#[test]
fn what_it_names_is_copied_and_nothing_else() {
    let making = with_list("# a comment\n*.env\n/build/*\n!/build/cache\nown\nreadme\n");
    let made = making.create();
    assert!([".env", "deep/er/local.env", "build/small", "own/-x", "own/a\nb"].iter().all(|file| has(&making, file)));
    assert!(!making.worktree.join("new").exists() && !making.worktree.join("build/cache").exists());
    assert_eq!((made.included, made.notes.len()), (5, 0));
}

/// Whoever adds all that is new would commit it.
#[test]
fn what_the_new_worktree_does_not_ignore_is_left_out_and_named() {
    let making = with_list("new\n*.env\n*.late\n");
    let project = &making.scratch.project;
    write(&project.join("some.late"), "");
    // Not committed, so not so in the new worktree.
    fs::write(project.join(".gitignore"), "*.env\n/build/\n/own/\n*.late\n").unwrap();
    let made = making.create();
    assert_eq!((made.included, has(&making, ".env")), (2, true));
    assert_eq!(said(&making.worktree, &["status", "--porcelain", "--untracked-files=all"]), "");
    assert_eq!(made.notes, ["not copied, as git does not ignore them there: new, some.late"]);
}

#[test]
fn without_a_list_or_with_an_empty_one_nothing_is_copied() {
    let making = with_list("\n# nothing\n");
    assert_eq!(making.create().included, 0);
    let making = Making::new();
    write(&making.scratch.project.join("new"), "");
    assert_eq!(making.create().included, 0);
    assert!(!making.worktree.join("new").exists());
}

#[test]
fn links_are_links_and_modes_are_kept() {
    let making = with_list("own/\n");
    let project = &making.scratch.project;
    symlink("/etc", project.join("own/out")).unwrap();
    symlink("no such", project.join("own/nowhere")).unwrap();
    write(&project.join("own/tool"), "");
    fs::set_permissions(project.join("own/tool"), fs::Permissions::from_mode(0o750)).unwrap();
    fs::set_permissions(project.join("own/-x"), fs::Permissions::from_mode(0o400)).unwrap();
    write(&project.join("own/secret/deeper/key"), "");
    let folders = [("own", 0o775), ("own/secret", 0o700), ("own/secret/deeper", 0o550)];
    for (folder, mode) in folders {
        fs::set_permissions(project.join(folder), fs::Permissions::from_mode(mode)).unwrap();
    }
    making.create();
    let link = |name: &str| fs::read_link(making.worktree.join("own").join(name)).unwrap();
    assert_eq!((link("out"), link("nowhere")), ("/etc".into(), "no such".into()));
    let mode = |name: &str| fs::metadata(making.worktree.join("own").join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("tool"), mode("-x")), (0o750, 0o400));
    assert_eq!((mode("secret"), mode("secret/deeper"), mode("")), (0o700, 0o750, 0o775));
}

#[test]
fn what_is_gits_or_aios_own_is_never_copied() {
    let making = with_list("*\n");
    let project = &making.scratch.project;
    write(&project.join(".aio/done"), "another's\n");
    said(project, &["init", "--quiet", "inner"]);
    write(&project.join("inner/file"), "");
    making.create();
    assert!(has(&making, ".env") && !making.worktree.join(".aio/done").exists());
    assert!(!making.worktree.join("inner").exists());
    assert_eq!(said(&making.worktree, &["branch", "--show-current"]), "aio/job");
}

#[test]
fn what_is_in_the_way_stays() {
    let making = with_list("own/\ntarget/\n");
    let project = &making.scratch.project;
    let elsewhere = making.scratch.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    // In the commit it is a link that leads out, here it is a folder.
    symlink(&elsewhere, project.join("target")).unwrap();
    write(&project.join("own/tracked"), "tracked\n");
    said(project, &["add", "--force", "target", "own/tracked"]);
    said(project, &["commit", "--quiet", "-m", "a link out"]);
    said(project, &["rm", "--quiet", "--cached", "target", "own/tracked"]);
    fs::remove_file(project.join("target")).unwrap();
    write(&project.join("target/file"), "escaped\n");
    write(&project.join("own/tracked"), "the project's own\n");
    let made = making.create();
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    assert_eq!(fs::read_to_string(making.worktree.join("own/tracked")).unwrap(), "tracked\n");
    assert_eq!(made.notes, ["not copied: target/file (a file or link is in its way)"]);
}

#[test]
fn what_is_too_large_is_left_out_and_named() {
    let making = with_list("build/\n");
    let project = &making.scratch.project;
    write(&project.join("build/large"), vec![0; 2 << 20]);
    for number in 0..6 {
        write(&project.join(format!("build/more-{number}")), vec![0; 1 << 20]);
    }
    let made = making.create_as(&Plan { include_limit: 1 << 20, ..making.plan() }).unwrap();
    assert!(making.worktree.join("build/small").exists() && !making.worktree.join("build/large").exists());
    assert_eq!(
        made.notes,
        ["more than 1 MiB in .worktreeinclude; left out: build/large, build/more-0, build/more-1, build/more-2, \
          build/more-3 and 2 more"]
    );
}
