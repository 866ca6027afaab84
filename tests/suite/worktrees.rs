//! One repository in several places: worktrees, submodules, links.

use std::path::{Path, PathBuf};

use crate::harness::{Ran, World, git, run};

/// A repository at `project` with a second worktree beside it.
struct Repository {
    world: World,
    second: PathBuf,
    claude: String,
    codex: String,
}

impl Repository {
    fn new() -> Repository {
        let world = World::bare();
        git(&world.project, &["init", "-q"]);
        world.file("src/a.rs");
        git(&world.project, &["add", "."]);
        git(&world.project, &["commit", "-qm", "first"]);
        let second = world.project.with_file_name("second");
        let added = git(&world.project, &["worktree", "add", "-q", second.to_str().unwrap()]);
        assert_eq!(added.code, 0, "{added:?}");
        let (claude, codex) = (world.register("claude"), world.register("codex"));
        Repository { world, second, claude, codex }
    }

    fn at(&self, folder: &Path, id: &str, args: &[&str]) -> Ran {
        run(self.world.command("aio").current_dir(folder).args(["--as", id]).args(args))
    }

    fn here(&self, args: &[&str]) -> Ran {
        self.at(&self.world.project, &self.claude, args)
    }

    fn there(&self, args: &[&str]) -> Ran {
        self.at(&self.second, &self.codex, args)
    }

    fn setting(&self, line: &str) {
        std::fs::write(self.world.dir.join("config.toml"), line).unwrap();
    }
}

#[test]
fn the_same_path_of_two_worktrees_is_a_merge_conflict_foreseen() {
    let repository = Repository::new();
    assert_eq!(repository.here(&["claim", "src/a.rs"]).err, "");
    let checked = repository.there(&["check", "src/a.rs"]);
    assert_eq!((checked.code, checked.out.as_str()), (0, "AVAILABLE\n"));
    assert!(checked.err.contains("merge conflict") && checked.err.contains(&repository.claude), "{checked:?}");
    let granted = repository.there(&["claim", "src/a.rs"]);
    assert_eq!((granted.code, granted.out.lines().count()), (0, 1));
    assert!(granted.err.contains("merge conflict") && granted.err.contains(&repository.claude), "{granted:?}");
    assert_eq!(repository.there(&["claim", "src/a.rs"]).err, "", "said once");
    assert_eq!(repository.there(&["claim", "other.rs"]).err, "");
}

#[test]
fn physically_the_same_path_blocks_from_anywhere() {
    let repository = Repository::new();
    repository.here(&["claim", "src/a.rs"]);
    let absolute = repository.world.project.join("src/a.rs");
    for typed in [absolute.to_str().unwrap(), "../project/src/a.rs", "../project/src/./b/../a.rs"] {
        let refused = repository.there(&["claim", typed]);
        assert_eq!(refused.code, 1, "{typed}: {refused:?}");
    }
}

#[test]
fn whether_it_blocks_is_the_persons_to_say() {
    let repository = Repository::new();
    repository.here(&["claim", "src/a.rs"]);
    repository.setting("cross_worktree = \"block\"\n");
    let refused = repository.there(&["claim", "src/a.rs"]);
    assert_eq!(refused.answer(), (1, format!("Already claimed by: {}", repository.claude).as_str()));
    repository.setting("cross_worktree = \"ignore\"\n");
    let granted = repository.there(&["claim", "src/a.rs"]);
    assert_eq!((granted.code, granted.err.as_str()), (0, ""));
}

#[test]
fn a_check_agrees_with_the_claim_that_would_follow() {
    let repository = Repository::new();
    repository.here(&["claim", "src/a.rs"]);
    repository.setting("cross_worktree = \"block\"\n");
    let checked = repository.there(&["check", "src/a.rs"]);
    assert_eq!(checked.code, 1, "{checked:?}");
    assert!(checked.out.starts_with(&format!("CLAIMED by {}", repository.claude)), "{checked:?}");
    repository.setting("cross_worktree = \"ignore\"\n");
    let checked = repository.there(&["check", "src/a.rs"]);
    assert_eq!((checked.code, checked.err.as_str()), (0, ""), "what is ignored is not mentioned");
}

#[test]
fn directories_and_patterns_shadow_each_other_too() {
    let repository = Repository::new();
    repository.here(&["claim", "dir", "src"]);
    repository.here(&["claim", "pattern", "*.sql"]);
    for args in [&["claim", "src/deep/x.rs"][..], &["claim", "db/x.sql"], &["claim", "pattern", "src/*"]] {
        let granted = repository.there(args);
        assert!(granted.code == 0 && granted.err.contains("merge conflict"), "{args:?}: {granted:?}");
    }
}

#[test]
fn tasks_belong_to_the_repository_and_ports_to_the_machine() {
    let repository = Repository::new();
    repository.here(&["claim", "task", "bd-1"]);
    assert_eq!(repository.there(&["claim", "task", "bd-1"]).code, 1);
    repository.here(&["claim", "resource", "db:test"]);
    assert_eq!(repository.there(&["claim", "resource", "db:test"]).code, 1);
    repository.here(&["claim", "resource", "git:index"]);
    assert_eq!(repository.there(&["claim", "resource", "git:index"]).code, 0, "each worktree has an index of its own");
    let elsewhere = repository.world.home.clone();
    repository.here(&["claim", "resource", "port:5173"]);
    let outside = |args: &[&str]| repository.at(&elsewhere, &repository.codex, args);
    assert_eq!(outside(&["claim", "resource", "port:5173"]).code, 1);
    assert_eq!(outside(&["claim", "task", "bd-1"]).code, 0, "another project's task of that name is another");
}

#[test]
fn each_worktree_is_a_project_with_its_own_memory() {
    let repository = Repository::new();
    repository.here(&["context", "add", "in the first"]);
    assert!(repository.here(&["context", "get"]).out.contains("in the first"));
    let state = repository.world.state();
    assert_eq!(state["context"][0]["project"], repository.world.project.to_str().unwrap());
}

#[test]
fn a_project_reached_through_a_link_is_the_same() {
    let repository = Repository::new();
    let link = repository.world.project.with_file_name("link");
    std::os::unix::fs::symlink(&repository.world.project, &link).unwrap();
    repository.here(&["claim", "src/a.rs"]);
    let through = |typed: &str| repository.at(&link, &repository.codex, &["claim", typed]).code;
    assert_eq!((through("src/a.rs"), through("src/b.rs")), (1, 0));
    std::os::unix::fs::symlink("a.rs", repository.world.project.join("src/alias.rs")).unwrap();
    assert_eq!(through("src/alias.rs"), 1, "a link to a held file is that file");
    std::os::unix::fs::symlink("src", repository.world.project.join("source")).unwrap();
    assert_eq!(through("source/a.rs"), 1);
    assert_eq!(through("source/new/one.rs"), 0);
    assert_eq!(repository.here(&["claim", "src/new/one.rs"]).code, 1);
}

#[test]
fn a_submodule_is_reached_from_both_sides() {
    let repository = Repository::new();
    let library = repository.world.home.join("library");
    std::fs::create_dir(&library).unwrap();
    git(&library, &["init", "-q"]);
    std::fs::write(library.join("lib.rs"), "").unwrap();
    git(&library, &["add", "."]);
    git(&library, &["commit", "-qm", "x"]);
    let url = library.to_str().unwrap();
    let project = &repository.world.project;
    let added =
        git(project, &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", url, "vendor/library"]);
    assert_eq!(added.code, 0, "{added:?}");
    repository.here(&["claim", "vendor/library/lib.rs"]);
    let inside = project.join("vendor/library");
    assert_eq!(repository.at(&inside, &repository.codex, &["claim", "lib.rs"]).code, 1);
    assert_eq!(repository.at(&inside, &repository.codex, &["claim", "other.rs"]).code, 0);
    assert_eq!(repository.here(&["claim", "dir", "vendor"]).code, 1, "the outer directory holds the inner file");
}
