//! The walk, over made-up process tables and real ones.

use super::super::process::testing::{Folder, Group, alive, eventually};
use super::*;
use std::process::Command;

/// A made-up table: (pid, parent, start, name, arguments).
type Row = (u32, u32, u64, &'static str, &'static str);

fn climb_rows(rows: &[Row]) -> Ancestry {
    let find = |pid: u32| rows.iter().find(|row| row.0 == pid);
    let look_up = |pid: u32| match find(pid) {
        Some(&(pid, parent, start, name, _)) => {
            let key = ProcessKey { pid, start };
            Lookup::Alive(Process { key, parent, name: name.into(), has_terminal: false, is_stopped: false })
        }
        None => Lookup::Gone,
    };
    climb(rows[0].0, None, look_up, |pid| Some(find(pid)?.4.split(' ').map(String::from).collect()))
}

fn pids(ancestry: &Ancestry) -> Vec<u32> {
    ancestry.ancestors.iter().map(|process| process.key.pid).collect()
}

const INIT: Row = (1, 0, 0, "systemd", "/sbin/init");

#[test]
fn without_an_agent_the_walk_reaches_the_top() {
    let seen = climb_rows(&[(9, 8, 90, "sh", "sh"), (8, 1, 80, "vim", "vim claude"), INIT]);
    assert_eq!(pids(&seen), [9, 8, 1]);
    assert!(seen.agent.is_none() && !seen.cut_off);
    assert_eq!(seen.below_agent().len(), 3);
}

#[test]
fn the_walk_ends_at_the_nearest_agent() {
    let seen = climb_rows(&[
        (9, 8, 90, "sh", "sh -c x"),
        (8, 7, 80, "claude", "claude -p"),
        (7, 1, 70, "codex", "codex"),
        INIT,
    ]);
    let agent = seen.agent.expect("there is one");
    assert_eq!((agent.agent.tool, agent.process.pid, agent.launcher), ("claude", 8, None));
    assert_eq!((pids(&seen), seen.below_agent().len(), seen.cut_off), (vec![9, 8], 1, false));
}

#[test]
fn a_launcher_is_one_step_and_of_the_same_tool() {
    let node = "node /n/.bin/gemini";
    let seen = climb_rows(&[(9, 8, 9, "node", node), (8, 7, 8, "node", node), (7, 1, 7, "node", node), INIT]);
    assert_eq!(pids(&seen), [9, 8]);
    assert_eq!(seen.agent.and_then(|agent| agent.launcher).map(|key| key.pid), Some(8));
    let nested = climb_rows(&[(9, 8, 9, "claude", "claude -p"), (8, 1, 8, "claude", "claude"), INIT]);
    assert!(nested.agent.is_some_and(|agent| agent.launcher.is_none()));
    let other = climb_rows(&[(9, 8, 9, "codex", "codex exec"), (8, 1, 8, "node", node), INIT]);
    assert!(other.agent.is_some_and(|agent| agent.launcher.is_none()));
}

#[test]
fn uncertain_steps_cut_the_walk_off() {
    let missing = climb_rows(&[(9, 8, 90, "sh", "sh")]);
    assert!(missing.cut_off && pids(&missing) == [9]);
    let cycle = climb_rows(&[(9, 8, 90, "sh", "sh"), (8, 9, 90, "sh", "sh")]);
    assert!(cycle.cut_off && cycle.ancestors.len() == MAX_STEPS);
    let entered = climb_rows(&[(9, 0, 90, "sh", "sh")]);
    assert!(entered.cut_off && pids(&entered) == [9]);
    let orphan = climb(0, None, |_| Lookup::Gone, |_| None);
    assert!(orphan.cut_off && orphan.parent().is_none());
}

#[test]
fn a_reused_id_is_not_the_parent_but_a_clock_may_be_set_back() {
    let shell = |pid: u32, parent: u32, start: u64| {
        let key = ProcessKey { pid, start };
        Lookup::Alive(Process { key, parent, name: "sh".into(), has_terminal: false, is_stopped: false })
    };
    let times = std::cell::Cell::new(0);
    let reused = |pid: u32| {
        times.set(times.get() + 1);
        match pid {
            9 => shell(9, if times.get() == 1 { 8 } else { 1 }, 90), // its parent died in between
            8 => shell(8, 1, 95),
            _ => shell(1, 0, 0),
        }
    };
    assert!(climb(9, None, reused, |_| None).cut_off);
    let stepped = climb_rows(&[(9, 8, 90, "sh", "sh"), (8, 1, 95, "sh", "sh"), INIT]);
    assert!(!stepped.cut_off);
}

#[test]
fn our_own_ancestry_begins_with_our_parent() {
    let ancestry = up_to(None);
    assert_eq!(ancestry.parent().map(|parent| parent.key), Some(alive(parent_id()).key));
}

/// Fake agents, all copies of bash: `claude` runs a shell, which runs two `node`s with Gemini's script, of which the
/// inner one runs a shell that tells its own process id.
#[test]
fn nested_agents_made_of_real_processes() {
    let folder = Folder::new("nested");
    let claude = folder.program("/bin/bash", "claude");
    let node = folder.program("/bin/bash", "node");
    let told = folder.0.join("told");
    let inner =
        format!("/bin/sh -c 'echo $$ > {told}.new; mv {told}.new {told}; sleep 100; :'; :", told = told.display());
    let script = "modules/@google/gemini-cli/dist/index.js";
    let inner = folder.script(&format!("inner/{script}"), &inner);
    let outer = format!("{} {}; :", node.display(), inner.display());
    let outer = folder.script(&format!("outer/{script}"), &outer);
    let line = format!("/bin/sh -c '{} {}; :'; :", node.display(), outer.display());
    let child = Group::spawn(Command::new(claude).args(["-c", &line]));
    let shell: u32 = eventually(|| std::fs::read_to_string(&told).ok()?.trim().parse().ok());

    let seen = climb(shell, None, process::look_up, process::argv);
    let agent = seen.agent.expect("the shell's parent is one");
    assert_eq!(agent.agent.tool, "gemini");
    assert_eq!(agent.process.pid, alive(shell).parent);
    let launcher = agent.launcher.expect("the outer node is it");
    assert_eq!(launcher.pid, alive(agent.process.pid).parent);
    assert_eq!(pids(&seen), [shell, agent.process.pid, launcher.pid]);

    let above = climb(alive(launcher.pid).parent, None, process::look_up, process::argv);
    let claude = above.agent.expect("it encloses the other");
    assert_eq!((claude.agent.tool, claude.process.pid, claude.launcher), ("claude", child.pid(), None));
}
