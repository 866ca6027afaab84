//! Proof 4 of fleets, what a fleet makes of kill -9: of whoever launches, of parents, agents and tmux, and of commands in the
//! middle of their work. Nothing that is left is hidden, all of it can be resolved, and no work is lost.

mod full_disk;
mod inventory;
mod site;

use std::process::Child;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Dice, figure, require, size};
use inventory::Inventory;
use site::Site;

/// What an agent does after it has taken its task: it writes, now and then commits, claims, and leaves something running.
fn script(dice: &mut Dice, site: &Site) -> Value {
    let mut steps = Vec::new();
    for n in 0..2 + dice.below(4) {
        steps.push(json!({ "run": ["sh", "-c", site.write(n)] }));
        match dice.below(8) {
            0 | 1 => steps.push(json!({ "commit": format!("Step {n}") })),
            2 => steps.push(json!({ "run": ["git", "add", "--all"] })),
            3 => steps.push(json!({ "run": ["aio", "claim", "file", format!("held-{n}")] })),
            4 => steps.push(json!({ "write": { "path": "shared.txt", "text": "shared\n" } })),
            5 => steps.push(json!({ "child": 60 })),
            _ => steps.push(json!({ "sleep_ms": dice.below(120) })),
        }
    }
    match dice.below(8) {
        0..=2 => steps.push(json!({ "sleep_ms": 60_000 })),
        3 => steps.push(json!({ "exit": 3 })),
        4 => steps.push(json!({ "commit": "The end" })),
        _ => steps.push(json!({ "done": "Did it" })),
    }
    json!({ "record": site.record, "hooks": dice.below(2) == 0, "turns": [steps] })
}

/// What happened in a run, to be told when it fails.
type Story = Vec<String>;

/// Most are not waited for, and some are killed.
fn launch(dice: &mut Dice, site: &Site, story: &mut Story) -> Option<Child> {
    let agents = [format!("l:{}", 1 + dice.below(2)), format!("c:{}", dice.below(2))];
    let mut args = vec!["multi"];
    args.extend(agents.iter().map(String::as_str).filter(|agents| !agents.ends_with('0')));
    match dice.below(6) {
        0 => args.push("--seq"),
        1 | 2 => args.extend(["--max", "1"]),
        _ => {}
    }
    if dice.below(4) == 0 {
        args.push("--tmux");
    }
    if dice.below(3) == 0 {
        args.extend(["--restarts", "0"]);
    }
    args.push("Do it");
    if dice.below(3) > 0 {
        return Some(site.begin(&args, story));
    }
    // A sequence is watched to its end, which nobody here waits for.
    let is_cut_off = dice.below(2) == 0 || args.contains(&"--seq");
    let moment = is_cut_off.then(|| Duration::from_millis(dice.below(500)));
    site.command(&args, moment, story);
    None
}

/// One thing that somebody does, or that befalls somebody.
fn step(dice: &mut Dice, site: &Site, story: &mut Story) {
    let pause = Duration::from_millis(dice.below(200));
    let jobs = site.first_records();
    std::thread::sleep(pause);
    let Some(job) = jobs.get(usize::try_from(dice.below(1 + jobs.len() as u64)).unwrap()) else {
        return site.command(&["cleanup"], in_the_middle(dice), story);
    };
    let id = job["id"].as_str().unwrap();
    match dice.below(14) {
        0 | 1 | 12 | 13 => site.kill(job, "parentPid", story),
        2 => site.kill(job, "agentPid", story),
        3 => site.kill_tmux(story),
        4 => site.command(&["send", id, "Go on"], in_the_middle(dice), story),
        5 => site.command(&["resume", id], in_the_middle(dice), story),
        6 => site.command(&["retry", id], in_the_middle(dice), story),
        7 => site.command(&["merge", id], in_the_middle(dice), story),
        8 => site.command(&["stop", id], in_the_middle(dice), story),
        9 if dice.below(2) == 0 => site.traced(dice, &["remove", id], story),
        10 if dice.below(2) == 0 => site.traced(dice, &["merge", id], story),
        _ => site.command(&["remove", id], in_the_middle(dice), story),
    }
}

/// Two in three are killed, most before they are at their end.
fn in_the_middle(dice: &mut Dice) -> Option<Duration> {
    (dice.below(3) > 0).then(|| Duration::from_millis(dice.below(250)))
}

/// One world, from its launch to where nothing of it is left.
fn run_one(seed: u64) -> usize {
    let mut dice = Dice::new(seed);
    let site = Site::new(dice.below(3) == 0);
    site.tell_agents(&script(&mut dice, &site));
    let mut story = vec![format!("seed {seed}")];
    let launching = launch(&mut dice, &site, &mut story);
    for _ in 0..1 + dice.below(3) {
        step(&mut dice, &site, &mut story);
    }
    if let Some(mut launching) = launching {
        // It may watch on for a while.
        launching.kill().and_then(|()| launching.wait()).map(drop).unwrap();
    }
    let told = || format!("{}\n{}", story.join("\n"), site.told());
    // Nobody who is dead is shown at work, and whatever is there is somebody's.
    site.settles("what is there is shown", &told, || Inventory::of(&site).hidden());
    for command in [&["cleanup"][..], &["stop"], &["cleanup"], &["remove"], &["cleanup"]] {
        site.for_all_jobs(command, &told);
    }
    site.settles("nothing is left", &told, || Inventory::of(&site).left());
    if std::env::var_os("AIO_FLEET_TOLD").is_some() {
        println!("{}", story.join("\n  "));
    }
    let written = site.lost_work();
    assert!(written.is_ok(), "{}\n{}", written.unwrap_err(), told());
    site.must_be_whole(&told);
    written.unwrap_or_default()
}

#[test]
fn whoever_is_killed_hides_nothing_and_loses_nothing() {
    let start = Instant::now();
    require(&[("strace", "strace"), ("tmux", "tmux"), ("git", "git")]);
    let (runs, seed) = (size("AIO_FLEET_KILLS", 200), size("AIO_FLEET_SEED", 1));
    let (next, written) = (AtomicUsize::new(seed), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..size("AIO_FLEET_THREADS", 3) {
            scope.spawn(|| {
                loop {
                    let run = next.fetch_add(1, Ordering::Relaxed);
                    if run >= seed + runs {
                        return;
                    }
                    written.fetch_add(run_one(run as u64), Ordering::Relaxed);
                }
            });
        }
    });
    let written = written.into_inner();
    assert!(written > runs, "agents wrote {written} files in {runs} runs: that proves little");
    figure("kill -9 in fleets", start, &format!("{runs} runs, {written} files written by agents, all there"));
}
