//! A fleet whose state and worktrees are on a disk that is really full for a while.

use std::fs::{self, File};
use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::site::Site;
use crate::harness::run;
use crate::support::{Mount, figure, require};

/// A launch asks for some room first, and so much is left of it then.
const SIZE: &str = "size=300m";

struct Disk {
    site: Site,
    memory: Mount,
}

impl Disk {
    /// Its state lies where the mount is.
    fn new() -> Disk {
        let (site, memory) = (Site::new(false), Mount::memory(SIZE));
        std::os::unix::fs::symlink(memory.path.join("state"), &site.world.dir).unwrap();
        fs::create_dir(memory.path.join("state")).unwrap();
        fs::set_permissions(&site.world.dir, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        Disk { site, memory }
    }

    /// To the last byte, or to the last `left`.
    fn fill(&self, left: u64) {
        let path = self.memory.path.join("filler");
        let mut file = File::create(&path).unwrap();
        for size in [1 << 20, 4096, 1] {
            let zeros = vec![0; size];
            while file.write_all(&zeros).is_ok() {}
        }
        file.set_len(file.metadata().unwrap().len() - left).unwrap();
    }

    fn free(&self) {
        fs::remove_file(self.memory.path.join("filler")).unwrap();
    }

    fn launch(&self) -> Value {
        let go = self.site.world.home.join("go");
        let wait = format!("until [ -e '{}' ]; do sleep 0.05; done", go.display());
        let steps = json!([{ "run": ["sh", "-c", wait] }, { "say": "Did it" }]);
        self.site.tell_agents(&json!({ "record": self.site.record, "hooks": true, "turns": [steps] }));
        let ran = run(&mut self.site.aio(&["multi", "l:1", "x"]));
        assert_eq!(ran.code, 0, "{ran:?}\n{}", self.site.told());
        self.shows("working")
    }

    fn finish(&self) {
        fs::write(self.site.world.home.join("go"), "").unwrap();
    }

    /// The job, once it stands so.
    fn shows(&self, state: &str) -> Value {
        let against = || match &self.site.shown()[0] {
            job if job["state"] == state => Vec::new(),
            job => vec![job.to_string()],
        };
        self.site.settles(state, &|| self.site.told(), against);
        self.site.shown()[0].clone()
    }

    /// Its record, once that says so.
    fn records(&self, result: &str) {
        let against = || match &self.site.records()[0] {
            job if job["stage"] == "ended" && job["result"] == result => Vec::new(),
            job => vec![job.to_string()],
        };
        self.site.settles(result, &|| self.site.told(), against);
    }
}

#[test]
fn what_ends_on_a_full_disk_is_shown_and_written_once_there_is_room() {
    let start = Instant::now();
    require(&[("mount", "mount")]);
    done();
    stopped();
    not_made();
    figure(
        "full disk",
        start,
        "an end, a stop and a worktree that found no room were told as they were, and written later",
    );
}

fn done() {
    let disk = Disk::new();
    disk.launch();
    disk.fill(0);
    let jobs = run(&mut disk.site.aio(&["jobs"]));
    assert!(jobs.code == 0 && jobs.out.contains("working"), "{jobs:?}");
    disk.finish();
    disk.shows("done");
    assert_eq!(disk.site.records()[0]["stage"], "running");
    std::thread::sleep(Duration::from_secs(3));
    let jobs = run(&mut disk.site.aio(&["jobs"]));
    assert!(jobs.out.contains("is tried again by itself"), "{jobs:?}\n{}", disk.site.told());
    disk.free();
    disk.records("done");
}

fn stopped() {
    let disk = Disk::new();
    let job = disk.launch();
    disk.fill(0);
    let ran = run(&mut disk.site.aio(&["stop", job["id"].as_str().unwrap()]));
    assert_eq!((ran.code, ran.err.lines().count()), (6, 1), "{ran:?}");
    assert!(ran.err.contains("was ended, which could not be written down") && ran.err.contains("No space"), "{ran:?}");
    disk.shows("stopped");
    disk.free();
    let cleanup = run(&mut disk.site.aio(&["cleanup"]));
    assert!(cleanup.code == 0 && cleanup.out.contains("Written down: how "), "{cleanup:?}");
    disk.records("stopped");
}

/// The state still fits; the worktree does not.
fn not_made() {
    let disk = Disk::new();
    let project = &disk.site.world.project;
    fs::write(project.join("large.bin"), vec![7; 8 << 20]).unwrap();
    crate::harness::git(project, &["add", "large.bin"]);
    assert_eq!(crate::harness::git(project, &["commit", "-qm", "large"]).code, 0);
    // As if the disk had become full while it waited for its turn.
    let setup = format!("until [ -e '{}' ]; do sleep 0.05; done", disk.site.world.home.join("go").display());
    assert_eq!(run(&mut disk.site.aio(&["projects", "add", ".", "--setup", &setup])).code, 0);
    disk.site.tell_agents(&json!({ "record": disk.site.record, "hooks": true, "turns": [[{ "say": "Did it" }]] }));
    let mut launching = disk.site.begin(&["multi", "l:2", "--max", "1", "x"], &mut Vec::new());
    disk.site.settles("both are there", &|| disk.site.told(), || match disk.site.records().len() {
        2 => Vec::new(),
        _ => vec!["not yet".to_owned()],
    });
    disk.shows("starting");
    let first = &disk.site.records()[0]["worktree"];
    let made = std::path::PathBuf::from(first.as_str().unwrap()).join("large.bin");
    disk.site.settles("the first is made", &|| disk.site.told(), || {
        match made.metadata().is_ok_and(|of| of.len() == 8 << 20) {
            true => Vec::new(),
            false => vec!["not yet".to_owned()],
        }
    });
    disk.fill(4 << 20);
    disk.finish();
    launching.wait().unwrap();
    let second = || disk.site.shown()[1].clone();
    disk.site.settles("it failed", &|| disk.site.told(), || match second()["state"] == "failed" {
        true => Vec::new(),
        false => vec![second().to_string()],
    });
    let failure = second()["failure"].as_str().unwrap().to_owned();
    assert!(
        failure.contains("git could not add the worktree") && failure.contains(" MB are left on the disk"),
        "{failure}"
    );
    disk.free();
    // Then it can be made after all.
    assert_eq!(run(&mut disk.site.aio(&["resume", second()["id"].as_str().unwrap()])).code, 0);
    disk.site.settles("it is done", &|| disk.site.told(), || match second()["state"] == "done" {
        true => Vec::new(),
        false => vec![second().to_string()],
    });
}
