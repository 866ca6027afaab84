//! What is there of a fleet, looked for without aio.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::site::Site;
use crate::harness::git;

const AT_WORK: [&str; 3] = ["starting", "working", "waiting for you"];

pub struct Inventory {
    records: Vec<Value>,
    shown: Vec<Value>,
    worktrees: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    branches: Vec<String>,
    sessions: Vec<String>,
    processes: Vec<(i32, String)>,
    holders: Vec<String>,
}

impl Inventory {
    pub fn of(site: &Site) -> Inventory {
        let project = &site.world.project;
        let lines = |args: &[&str]| git(project, args).out.lines().map(str::to_owned).collect::<Vec<_>>();
        let worktrees = lines(&["worktree", "list", "--porcelain"]);
        let worktrees = worktrees.iter().filter_map(|line| line.strip_prefix("worktree ")).map(PathBuf::from);
        let folders = children(&site.world.dir.join("worktrees")).into_iter().flat_map(|folder| children(&folder));
        let sessions = site.tmux(&["list-sessions", "-F", "#{session_name}"]).out;
        let state = fs::read_to_string(site.world.state_path()).unwrap_or_default();
        let state: Value = serde_json::from_str(&state).unwrap_or_default();
        let claims = state["claims"].as_object().into_iter().flatten();
        // What is shown is looked at first: what comes later may not be in it yet, what is gone later was.
        let shown = site.shown();
        Inventory {
            records: site.records(),
            shown,
            worktrees: worktrees.filter(|path| site.is_below(path)).collect(),
            folders: folders.chain(rooms(&site.world.dir)).collect(),
            branches: lines(&["for-each-ref", "--format=%(refname:short)", "refs/heads/aio"]),
            sessions: sessions.lines().map(str::to_owned).collect(),
            processes: processes(&site.world.dir),
            holders: claims.map(|(_, claim)| claim["instanceId"].as_str().unwrap_or_default().to_owned()).collect(),
        }
    }

    /// What is shown wrongly, or is of no job that is shown.
    pub fn hidden(&self) -> Vec<String> {
        let mut against: Vec<String> = self.shown.iter().filter_map(|job| self.at_work_but_dead(job)).collect();
        let all = |field: &'static str| self.shown.iter().map(move |job| job[field].as_str().unwrap_or_default());
        for path in self.worktrees.iter().chain(&self.folders) {
            let is_of = |worktree: &str| path.to_str().unwrap().starts_with(worktree) && !worktree.is_empty();
            if !all("worktree").any(is_of) && !path.parent().is_some_and(|parent| parent.ends_with("cache")) {
                against.push(format!("worktree {}", path.display()));
            }
        }
        against.extend(self.branches.iter().filter(|branch| !all("branch").any(|of| of == **branch)).cloned());
        let is_job = |id: &str| all("id").any(|job| job == id);
        against.extend(self.sessions.iter().filter(|name| !name.strip_prefix("aio-").is_some_and(is_job)).cloned());
        for (pid, job) in self.processes.iter().filter(|(_, job)| !self.is_accounted_for(job)) {
            against.push(format!("process {pid} of {job}, which is not shown to run"));
        }
        against.extend(self.doubled_ports());
        against
    }

    /// What is there though every job was removed.
    pub fn left(&self) -> Vec<String> {
        let paths = self.worktrees.iter().chain(&self.folders).map(|path| path.display().to_string());
        let mut left: Vec<String> = paths.chain(self.branches.iter().cloned()).collect();
        left.extend(self.sessions.iter().map(|name| format!("session {name}")));
        left.extend(self.processes.iter().map(|(pid, job)| format!("process {pid} of {job}")));
        left.extend(self.holders.iter().map(|holder| format!("a claim of {holder}")));
        let ports = self.records.iter().filter(|job| job["port"].as_u64().unwrap_or_default() != 0);
        left.extend(ports.map(|job| format!("port {} of {}", job["port"], job["id"])));
        left.extend(self.records.iter().filter(|job| job["stage"] != "removed").map(|job| job["id"].to_string()));
        left
    }

    fn at_work_but_dead(&self, job: &Value) -> Option<String> {
        if !AT_WORK.contains(&job["state"].as_str()?) {
            return None;
        }
        let record = self.records.iter().find(|record| record["id"] == job["id"])?;
        let is_dead = |pid: &str| record[pid].as_i64().is_some_and(|pid| pid != 0 && !lives(pid));
        let dead = ["parentPid", "agentPid"].into_iter().find(|pid| is_dead(pid))?;
        Some(format!("{} is shown as {}, and its {dead} is dead", job["id"], job["state"]))
    }

    /// Whether something runs as it should, or is said to be for `aio cleanup` to end.
    fn is_accounted_for(&self, id: &str) -> bool {
        let Some(job) = self.shown.iter().find(|job| job["id"] == *id) else { return false };
        let record = self.records.iter().find(|record| record["id"] == *id);
        let is_running = record.is_some_and(|record| record["stage"] == "running" || record["stage"] == "queued");
        is_running || AT_WORK.contains(&job["state"].as_str().unwrap_or_default())
    }

    /// Two that run on the same ports.
    fn doubled_ports(&self) -> Vec<String> {
        let runs = |job: &&Value| {
            self.shown
                .iter()
                .any(|shown| shown["id"] == job["id"] && AT_WORK.contains(&shown["state"].as_str().unwrap_or_default()))
        };
        let mut ports: Vec<u64> =
            self.records.iter().filter(runs).filter_map(|job| job["port"].as_u64()).filter(|port| *port != 0).collect();
        ports.sort_unstable();
        ports.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| format!("port {} twice", pair[0])).collect()
    }
}

/// The processes that were started for jobs of a state directory, but for aio's own.
pub fn processes(dir: &Path) -> Vec<(i32, String)> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let of_job = |pid: i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let text = String::from_utf8_lossy(&environment).into_owned();
        let variable = |name: &str| text.split('\0').find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='));
        (Path::new(variable("AIO_DIR")?) == dir).then_some(())?;
        lives(i64::from(pid)).then_some((pid, variable("AIO_JOB")?.to_owned()))
    };
    pids.filter_map(of_job).collect()
}

fn lives(pid: i64) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().unwrap_or_default();
    !state.is_empty() && !state.starts_with(['Z', 'X'])
}

/// Worktrees that were made to merge in.
fn rooms(dir: &Path) -> Vec<PathBuf> {
    let is_room = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"merge-"));
    children(&dir.join("cache")).into_iter().filter(is_room).collect()
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}
