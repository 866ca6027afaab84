//! Tasks and their issues: what `bd` and `br` are told, by programs that only write down what they were asked.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Instant;

use crate::harness::{Ran, World, git, run};

struct Repository {
    world: World,
    /// The programs that are installed.
    programs: PathBuf,
    claude: String,
}

/// A repository that uses beads.
fn repository(programs: &[&str]) -> Repository {
    let world = World::new();
    fs::create_dir(world.project.join(".beads")).unwrap();
    let claude = world.register("claude");
    let repository = Repository { programs: world.home.join("programs"), world, claude };
    fs::create_dir(&repository.programs).unwrap();
    for program in programs {
        repository.program(program, "");
    }
    repository
}

impl Repository {
    /// Installs a program that writes down its folder and arguments, answers `show`, and then does something.
    fn program(&self, name: &str, then: &str) {
        let path = self.programs.join(name);
        let status = self.world.home.join("status");
        let log = self.world.home.join("log");
        let body = format!(
            "#!/bin/sh\necho \"${{PWD##*/}}$ {name} $*\" >>'{}'\n\
             [ \"$1\" != show ] || printf '[{{\"id\":\"x\",\"status\":\"%s\"}}]' \"$(cat '{}')\"\n{then}\n",
            log.display(),
            status.display()
        );
        fs::write(&path, body).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn aio_as(&self, id: &str, args: &[&str]) -> Ran {
        let path = format!("{}:/usr/bin:/bin", self.programs.display());
        run(self.world.command("aio").env("PATH", path).args(["--as", id]).args(args))
    }

    fn aio(&self, args: &[&str]) -> Ran {
        self.aio_as(&self.claude, args)
    }

    /// What was asked since the last time.
    fn log(&self) -> Vec<String> {
        let path = self.world.home.join("log");
        let text = fs::read_to_string(&path).unwrap_or_default();
        fs::remove_file(&path).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn status(&self, status: &str) {
        fs::write(self.world.home.join("status"), status).unwrap();
    }
}

#[test]
fn an_issue_is_in_progress_while_its_task_is_held() {
    let repository = repository(&["bd"]);
    let claimed = repository.aio(&["claim", "task", "bd-12", "bd-13"]);
    assert_eq!((claimed.code, &*claimed.err), (0, ""), "{claimed:?}");
    let begun = |id| format!("project$ bd update --status in_progress -- {id}");
    assert_eq!(repository.log(), [begun("bd-12"), begun("bd-13")]);
    assert_eq!(repository.aio(&["claim", "task", "bd-12"]).code, 0);
    assert_eq!(repository.log(), [""; 0], "it is in progress already");
    repository.status("in_progress");
    assert_eq!(repository.aio(&["release", "bd-12"]).answer(), (0, "Released"));
    assert_eq!(repository.log(), ["project$ bd show --json -- bd-12", "project$ bd update --status open -- bd-12"]);
    assert_eq!(repository.aio(&["release", "bd-13", "--done"]).answer(), (0, "Released"));
    assert_eq!(repository.log(), ["project$ bd close -- bd-13"]);
}

#[test]
fn what_was_closed_meanwhile_is_not_opened_again() {
    let repository = repository(&["bd"]);
    for status in ["closed", "blocked", "deferred", "open"] {
        repository.aio(&["claim", "task", "bd-12"]);
        repository.status(status);
        assert_eq!(repository.aio(&["release", "all"]).code, 0);
        assert_eq!(repository.log()[1..], ["project$ bd show --json -- bd-12"], "{status}");
    }
}

#[test]
fn nothing_is_asked_when_the_claim_is_refused_or_is_on_something_else() {
    let repository = repository(&["bd"]);
    repository.aio(&["claim", "task", "bd-12"]);
    repository.log();
    let codex = repository.world.register("codex");
    assert_eq!(repository.aio_as(&codex, &["claim", "task", "bd-12"]).code, 1);
    assert_eq!(repository.aio_as(&codex, &["claim", "task", "bd-13", "bd-12"]).code, 1);
    assert_eq!(repository.aio_as(&codex, &["release", "bd-12"]).code, 1);
    assert_eq!(repository.aio_as(&codex, &["release", "bd-99", "--done"]).code, 2);
    assert_eq!(repository.aio(&["claim", "file", "bd-12"]).code, 0);
    assert_eq!(repository.aio(&["claim", "resource", "bd-12"]).code, 0);
    assert_eq!(repository.log(), [""; 0]);
}

#[test]
fn a_repository_without_beads_asks_nobody() {
    let repository = repository(&["bd", "br"]);
    fs::remove_dir(repository.world.project.join(".beads")).unwrap();
    let claimed = repository.aio(&["claim", "task", "bd-12"]);
    assert_eq!((claimed.code, &*claimed.err), (0, ""));
    assert_eq!(repository.aio(&["release", "bd-12", "--done"]).code, 0);
    assert_eq!(repository.log(), [""; 0]);
}

#[test]
fn br_is_asked_where_only_it_is_there_or_it_is_wanted() {
    let repository = repository(&["br"]);
    repository.aio(&["claim", "task", "bd-12"]);
    assert_eq!(repository.log(), ["project$ br update --status in_progress -- bd-12"]);
    repository.program("bd", "");
    for (setting, asked) in [("found", "bd"), ("bd", "bd"), ("br", "br"), ("off", "")] {
        fs::write(repository.world.dir.join("config.toml"), format!("beads = \"{setting}\"\n")).unwrap();
        repository.aio(&["claim", "task", setting]);
        let expected = format!("project$ {asked} update --status in_progress -- {setting}");
        assert_eq!(repository.log(), Some(expected).filter(|_| !asked.is_empty()).into_iter().collect::<Vec<_>>());
    }
    fs::write(repository.world.dir.join("config.toml"), "beads = \"jira\"\n").unwrap();
    let refused = repository.aio(&["claim", "task", "x"]);
    assert!(refused.code == 6 && refused.err.contains("jira"), "{refused:?}");
}

#[test]
fn absent_or_failing_it_costs_a_line_and_nothing_else() {
    let repository = repository(&[]);
    let absent = repository.aio(&["claim", "task", "bd-12"]);
    assert_eq!((absent.code, absent.err.lines().count()), (0, 1), "{absent:?}");
    assert!(absent.err.contains("bd-12") && absent.err.contains("bd or br is not installed"), "{absent:?}");
    repository.program("bd", "echo 'Usage: …' >&2; echo 'Error: no issue found' >&2; exit 3");
    for args in
        [["claim", "task", "x"].as_slice(), &["release", "x"], &["claim", "task", "y"], &["release", "y", "--done"]]
    {
        let failed = repository.aio(args);
        assert_eq!((failed.code, failed.err.lines().count()), (0, 1), "{failed:?}");
        assert!(failed.err.contains("bd: Error: no issue found, exit status: 3"), "{failed:?}");
    }
    repository.program("bd", "echo not JSON");
    repository.aio(&["claim", "task", "x"]);
    let odd = repository.aio(&["release", "x"]);
    assert!(odd.code == 0 && odd.err.contains("no JSON"), "{odd:?}");
    let json = repository.aio(&["--json", "claim", "task", "z"]);
    assert!(json.code == 0 && json.err.is_empty(), "{json:?}");
}

#[test]
fn hanging_it_is_stopped_with_all_it_started_and_nobody_else_waits() {
    let repository = repository(&[]);
    let pids = repository.world.home.join("pids");
    repository.program("bd", &format!("sleep 600 & echo $! $$ >'{}'; wait", pids.display()));
    let began = Instant::now();
    std::thread::scope(|scope| {
        let hanging = scope.spawn(|| repository.aio(&["claim", "task", "bd-12", "bd-13"]));
        crate::harness::eventually("the program", || fs::read_to_string(&pids).ok().filter(|text| !text.is_empty()));
        // It runs without our lock.
        let codex = repository.world.register("codex");
        assert_eq!(repository.world.aio_as(&codex, ["claim", "a"]).code, 0);
        assert!(began.elapsed().as_secs() < 4);
        let stopped = hanging.join().unwrap();
        assert_eq!((stopped.code, stopped.out.lines().count()), (0, 2), "{stopped:?}");
        assert_eq!(stopped.err.matches("no answer in 5 seconds").count(), 2, "for both together: {stopped:?}");
    });
    assert!((5..9).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    for pid in fs::read_to_string(&pids).unwrap().split_whitespace() {
        crate::harness::eventually("its end", || {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            (stat.is_empty() || stat.contains(") Z ")).then_some(())
        });
    }
}

#[test]
fn a_server_that_it_leaves_behind_is_not_waited_for() {
    let repository = repository(&[]);
    let pid = repository.world.home.join("pid");
    repository.program("bd", &format!("sleep 30 & echo $! >'{}'", pid.display()));
    let began = Instant::now();
    let claimed = repository.aio(&["claim", "task", "bd-12"]);
    assert_eq!((claimed.code, &*claimed.err), (0, ""), "{claimed:?}");
    assert!(began.elapsed().as_secs() < 4);
    let left = fs::read_to_string(&pid).unwrap();
    assert_eq!(run(std::process::Command::new("kill").arg(left.trim())).code, 0, "it lives");
}

#[test]
fn names_are_arguments_and_no_shell_reads_them() {
    let repository = repository(&["bd"]);
    for name in ["$(touch hacked)", "--all", "a b;c"] {
        assert_eq!(repository.aio(&["claim", "task", "--", name]).code, 0);
        assert_eq!(repository.log(), [format!("project$ bd update --status in_progress -- {name}")]);
    }
    assert!(!repository.world.project.join("hacked").exists());
}

#[test]
fn the_main_worktrees_issues_are_meant_wherever_one_works() {
    let repository = repository(&["bd"]);
    let project = &repository.world.project;
    fs::remove_dir_all(project.join(".git")).unwrap();
    git(project, &["init", "-q"]);
    git(project, &["commit", "-qm", "first", "--allow-empty"]);
    let other = repository.world.home.join("other");
    assert_eq!(git(project, &["worktree", "add", "-q", "-b", "other", other.to_str().unwrap()]).code, 0);
    let path = format!("{}:/usr/bin:/bin", repository.programs.display());
    let mut command = repository.world.command("aio");
    command.current_dir(&other).env("PATH", path).args(["--as", &repository.claude, "claim", "task", "bd-12"]);
    assert_eq!(run(&mut command).code, 0);
    assert_eq!(repository.log(), ["project$ bd update --status in_progress -- bd-12"]);
}
