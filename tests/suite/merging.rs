//! What agents made, compared, shown and brought home: real repositories, worktrees and merges.

mod absent;
mod astray;
mod attributes;
mod comparing;
mod homecoming;
mod obstacles;
mod proposing;
mod refusing;
mod showing;
mod stopping;
mod submodules;
mod targets;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::{Ran, World, git, run, seconds_ago};

/// A repository with one commit on `main`, and jobs in worktrees of it.
pub struct Fleet {
    pub world: World,
}

impl Fleet {
    pub fn new() -> Fleet {
        let world = World::bare();
        let fleet = Fleet { world };
        fleet.begin(&fleet.project());
        let added = fleet.world.aio(["projects", "add"]);
        assert_eq!(added.code, 0, "{added:?}");
        fleet
    }

    fn begin(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        must(folder, &["init", "-q"]);
        for (key, value) in [("user.name", "t"), ("user.email", "t@example.org"), ("commit.gpgSign", "false")] {
            must(folder, &["config", key, value]);
        }
        let lines: String = (0..12).map(|number| format!("line {number}\n")).collect();
        for name in ["one", "two", "three"] {
            fs::write(folder.join(name), &lines).unwrap();
        }
        must(folder, &["add", "."]);
        must(folder, &["commit", "-qm", "first"]);
    }

    pub fn project(&self) -> PathBuf {
        self.world.project.clone()
    }

    /// A job that ended well, its worktree on a branch of its own.
    pub fn job(&self, id: &str) -> PathBuf {
        self.job_in(&self.project(), id)
    }

    pub fn job_in(&self, project: &Path, id: &str) -> PathBuf {
        let worktree = self.world.dir.join("worktrees/project").join(id);
        let branch = format!("aio/{id}");
        must(project, &["worktree", "add", "-q", "-b", &branch, worktree.to_str().unwrap()]);
        let base = must(&worktree, &["rev-parse", "HEAD"]);
        self.world.edit(|state| {
            let age = i64::try_from(state["jobs"].as_array().map_or(0, Vec::len)).unwrap();
            let job = json!({
                "id": id, "project": project, "profile": "claude", "tool": "claude", "runtime": "headless",
                "title": format!("Do {id}"), "branch": branch, "worktree": worktree, "stage": "ended", "result": "done",
                "queuedAt": seconds_ago(1000 - age), "base": base, "target": "main",
            });
            match state["jobs"].as_array_mut() {
                Some(jobs) => jobs.push(job),
                None => state["jobs"] = json!([job]),
            }
        });
        worktree
    }

    /// Changes a job's record by hand.
    pub fn edit(&self, id: &str, member: &str, value: Value) {
        self.world.edit(|state| {
            let jobs = state["jobs"].as_array_mut().unwrap();
            jobs.iter_mut().find(|job| job["id"] == id).unwrap()[member] = value;
        });
    }

    pub fn record(&self, id: &str) -> Value {
        let jobs = self.world.state()["jobs"].clone();
        jobs.as_array().unwrap().iter().find(|job| job["id"] == id).unwrap().clone()
    }

    pub fn aio(&self, args: &[&str]) -> Ran {
        self.world.aio(args)
    }

    pub fn json(&self, args: &[&str]) -> Value {
        let ran = run(self.world.command("aio").arg("--json").args(args));
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
    }

    /// With programs of its own before those of the system.
    pub fn aio_with(&self, programs: &Path, args: &[&str]) -> Ran {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(programs.to_owned()).chain(std::env::split_paths(&path));
        run(self.world.command("aio").env("PATH", std::env::join_paths(folders).unwrap()).args(args))
    }

    /// A folder of programs that are scripts.
    pub fn programs(&self, scripts: &[(&str, &str)]) -> PathBuf {
        let folder = self.world.home.join("programs");
        for (name, body) in scripts {
            script(&folder.join(name), body);
        }
        folder
    }

    /// What a merge must leave as it was, when it does not happen: refs, worktrees, index and files.
    pub fn picture(&self) -> String {
        let project = self.project();
        let files = ["one", "two", "three"].map(|name| fs::read_to_string(project.join(name)).unwrap_or_default());
        let asked = [&["for-each-ref"][..], &["worktree", "list"], &["status", "--porcelain"], &["ls-files", "-s"]];
        let said: Vec<String> = asked.iter().map(|args| must(&project, args)).collect();
        format!("{said:?}{files:?}{}", self.world.state()["jobs"])
    }
}

/// What git says, where it must succeed.
pub fn must(folder: &Path, args: &[&str]) -> String {
    let ran = git(folder, args);
    assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
    ran.out.trim_end().to_owned()
}

/// Puts a line in a file's place, by its number.
pub fn edit(folder: &Path, file: &str, number: usize, line: &str) {
    let text = fs::read_to_string(folder.join(file)).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[number] = line;
    fs::write(folder.join(file), format!("{}\n", lines.join("\n"))).unwrap();
}

pub fn commit(folder: &Path, message: &str) -> String {
    must(folder, &["add", "-A"]);
    must(folder, &["commit", "-qm", message]);
    must(folder, &["rev-parse", "HEAD"])
}

pub fn script(path: &Path, body: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A git that first does what a case says whose pattern its words match, each with spaces around; `$git` is the real one.
pub fn programs_around_git(fleet: &Fleet, case: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|folder| folder.join("git")).find(|git| git.is_file()).unwrap();
    let body = format!("git='{}'\ncase \" $* \" in\n{case}\nesac\nexec \"$git\" \"$@\"", real.display());
    fleet.programs(&[("git", &body)])
}

/// A refusal in one line that names things and the next step.
pub fn refuses(ran: &Ran, code: i32, names: &[&str]) {
    assert_eq!(ran.code, code, "{ran:?}");
    assert_eq!(ran.err.lines().count(), 1, "one line: {ran:?}");
    assert!(ran.err.starts_with("aio: ") && ran.err.contains("; next: "), "{ran:?}");
    for name in names {
        assert!(ran.err.contains(name), "{name:?} in {ran:?}");
    }
}

/// The same, by a command that leaves all as it was.
pub fn refuses_and_changes_nothing(fleet: &Fleet, args: &[&str], code: i32, names: &[&str]) {
    let before = fleet.picture();
    refuses(&fleet.aio(args), code, names);
    assert_eq!(fleet.picture(), before, "{args:?}");
}

/// A job that changed and committed a line of a file, in two commits.
pub fn two_commits(fleet: &Fleet, id: &str, file: &str) -> PathBuf {
    let worktree = fleet.job(id);
    for number in [3, 4] {
        edit(&worktree, file, number, &format!("{id} {number}"));
        commit(&worktree, &format!("{id} {number}"));
    }
    worktree
}

#[test]
fn what_is_no_job_is_refused() {
    let fleet = Fleet::new();
    fleet.job("claude-aaaaaa");
    fleet.job("claude-aabbbb");
    for verb in ["merge", "pr", "diff"] {
        refuses(&fleet.aio(&[verb, "codex"]), 2, &["no job \"codex\"", "aio jobs"]);
        refuses(&fleet.aio(&[verb, "claude-aa"]), 2, &["more than one job", "claude-aaaaaa", "claude-aabbbb"]);
        refuses(&fleet.aio(&[verb]), 2, &["JOB"]);
        refuses(&fleet.aio(&[verb, ""]), 2, &["no job"]);
    }
    for (stage, rescue, name) in [
        ("queued", "", "has not begun"),
        ("removed", "", "was removed"),
        ("removed", "refs/aio/rescue/x", "refs/aio/rescue/x"),
    ] {
        fleet.edit("claude-aaaaaa", "stage", json!(stage));
        fleet.edit("claude-aaaaaa", "rescue", json!(rescue));
        for verb in ["merge", "pr"] {
            refuses(&fleet.aio(&[verb, "claude-aaaaaa"]), 1, &["claude-aaaaaa", name]);
        }
    }
    fleet.edit("claude-aabbbb", "project", json!("/no/such/project"));
    fleet.edit("claude-aabbbb", "worktree", json!("/no/such/worktree"));
    for verb in ["merge", "pr", "diff"] {
        refuses(&fleet.aio(&[verb, "claude-aabbbb"]), 6, &["/no/such/project"]);
    }
    fleet.world.edit(|state| state["jobs"] = json!([{ "id": 7 }]));
    for args in [&["merge", "x"][..], &["pr", "x"], &["diff", "x"], &["conflicts"]] {
        refuses(&fleet.aio(args), 4, &["state.json"]);
    }
}

/// As within a hook of git's, of another repository.
#[test]
fn git_s_own_variables_lead_nowhere_else() {
    let fleet = Fleet::new();
    let worktree = fleet.job("claude-first0");
    edit(&worktree, "one", 1, "mine");
    commit(&worktree, "mine");
    edit(&worktree, "two", 1, "not committed");
    let elsewhere = fleet.world.home.join("elsewhere");
    fleet.begin(&elsewhere);
    let hooked = |args: &[&str]| {
        let git_dir = elsewhere.join(".git");
        let mut command = fleet.world.command("aio");
        command.env("GIT_INDEX_FILE", git_dir.join("index")).env("GIT_WORK_TREE", &elsewhere).env("GIT_DIR", git_dir);
        run(command.args(args))
    };
    let before = must(&elsewhere, &["ls-files", "-s"]);
    let diff = hooked(&["diff", "claude-first0"]);
    assert!(diff.out.contains("+mine") && diff.out.contains("+not committed"), "{diff:?}");
    let conflicts = hooked(&["conflicts"]);
    assert_eq!(conflicts.code, 0, "{conflicts:?}");
    let ran = hooked(&["merge", "claude-first0", "--yes"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(fs::read_to_string(fleet.project().join("one")).unwrap().contains("mine"));
    assert_eq!(must(&elsewhere, &["status", "--porcelain"]), "");
    assert_eq!(must(&elsewhere, &["ls-files", "-s"]), before);
}
