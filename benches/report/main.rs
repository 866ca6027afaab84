//! What aio costs, in one report: `cargo bench`, or `cargo bench -- check` for one of `check`, `hook`, `claim`, `crowd`,
//! `memory`, `fleet` and `jobs`.
//!
//! Everything is measured as whole processes, in turn with a floor built beside it: an empty program, and a program that
//! does nothing but a durable write. Other work on the machine disturbs both alike, so the ratios hold where the times
//! do not; a machine at rest gives the best of both.

mod fleet;
mod programs;
mod timing;
mod world;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use aio::store::mount;

use crate::programs::Programs;
use crate::timing::{Pairs, Run, median, quantile, run, run_expecting};
use crate::world::{FREE, HELD, OWN, World};

/// How many processes claim at once, and how often each.
const CROWD: usize = 32;
const CLAIMS_EACH: usize = 50;
/// How often all of them do.
const ROUNDS: usize = 5;
/// Longer than the state counts as freshly written by somebody who may be writing still.
const REST: Duration = Duration::from_millis(60);

fn main() {
    let mut args = std::env::args_os().skip(1).filter(|arg| arg != "--bench").peekable();
    if args.next_if(|arg| arg == PEAK).is_some() {
        return print_peak(&args.collect::<Vec<_>>());
    }
    let wanted: Vec<OsString> = args.collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| word == name);
    let disk = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(disk).expect("the target directory is ours");
    let programs = Programs::build(disk);
    print_heading(disk);
    if is_wanted("fleet") {
        fleet::running(&programs, disk);
    }
    if is_wanted("jobs") {
        fleet::listing(&programs, disk);
    }
    let mut world = World::new(&programs, disk);
    if is_wanted("check") {
        checks(&programs, &world);
    }
    if is_wanted("hook") {
        hooks(&programs, &world);
    }
    if is_wanted("claim") {
        granted_claim(&programs, &world);
    }
    if is_wanted("memory") {
        peak_memory(&programs, &world);
    }
    if is_wanted("crowd") {
        crowd(&programs, &mut world);
    }
}

/// The questions agents ask before each edit, against starting a process.
fn checks(programs: &Programs, world: &World) {
    for (held, rounds, bar, aim) in [(10, 300, 1.25, 1.1), (1_000, 300, 1.5, 1.2), (10_000, 150, 4.0, 2.0)] {
        world.hold(held);
        let questions: [(&str, Vec<&str>, i32); 4] = [
            ("check free", vec!["check", FREE], 0),
            ("check own", vec!["check", OWN], 0),
            ("check denied", vec!["check", HELD], 1),
            ("claim denied", vec!["claim", "file", HELD], 1),
        ];
        let mut commands: Vec<(String, Command, i32)> = Vec::new();
        for (name, words, code) in questions {
            let mut command = world.command_as_caller(&programs.aio);
            command.args(words).stderr(std::process::Stdio::null());
            commands.push((format!("{name}, {held} claims"), command, code));
        }
        let mut command = world.command(&programs.aio);
        command.args(["check", FREE]);
        commands.push((format!("check free, {held} claims, caller known by its process"), command, 0));
        let mut pairs: Vec<Pairs> = commands.iter().map(|_| Pairs::default()).collect();
        let mut empty = world.command_as_caller(&programs.empty);
        for _ in 0..rounds {
            for ((_, command, code), pairs) in commands.iter_mut().zip(&mut pairs) {
                pairs.run(&mut empty, command, *code);
            }
        }
        for ((name, ..), pairs) in commands.iter().zip(&pairs) {
            print_pairs(name, pairs, "E", bar, aim);
        }
    }
}

/// What an agent waits for at each edit, and after each tool: a file that it holds already, and nothing new.
fn hooks(programs: &Programs, world: &World) {
    for (held, rounds, bar, aim) in [(10, 300, 1.5, 1.25), (1_000, 300, 1.5, 1.4), (10_000, 100, 5.0, 3.5)] {
        world.hold(held);
        // What comes after a tool hears the news as well, for which it reads the context.
        for (event, more) in [("PreToolUse", 0.0), ("PostToolUse", 1.0)] {
            let (bar, aim) = (bar + more, aim + more);
            let payload = world.edit_payload();
            let mut hook = world.command(&programs.aio);
            hook.args(["hook", "claude", event]);
            let mut empty = world.command(&programs.empty);
            let mut pairs = Pairs::default();
            for _ in 0..rounds {
                hook.stdin(std::fs::File::open(&payload).expect("the payload was written"));
                pairs.run(&mut empty, &mut hook, 0);
            }
            print_pairs(&format!("hook {event}, own file, {held} claims"), &pairs, "E", bar, aim);
        }
    }
}

/// A claim that is granted, against replacing the same file as durably.
fn granted_claim(programs: &Programs, world: &World) {
    world.hold(1_000);
    let mut pairs = Pairs::default();
    // A state that another program wrote is read more carefully.
    let beside = world.dir.with_file_name("floor");
    std::fs::create_dir_all(&beside).expect("a folder can be made");
    for number in 0..100 {
        let mut floor = world.command(&programs.writer);
        let mut claim = world.command_as_caller(&programs.aio);
        std::fs::copy(world.dir.join("state.json"), beside.join("state.json")).expect("it can be copied");
        std::thread::sleep(REST);
        let before = run_expecting(0, floor.arg(&beside)).wall;
        std::thread::sleep(REST);
        let words = ["claim", "file", &format!("src/billing/new_{number}.rs")];
        let after = run_expecting(0, claim.args(words)).wall;
        pairs.add(before, after);
    }
    print_pairs("claim granted, 1000 claims", &pairs, "floor", 1.6, 1.3);
}

/// Many at once, in turn with the floor. The file grows while aio's crowd claims, so the floor's is as long as aio's is on
/// average.
fn crowd(programs: &Programs, world: &mut World) {
    let sessions = world.register_crowd(programs, CROWD);
    let claims = (CROWD * CLAIMS_EACH) as u64;
    let (mut ratios, mut floors, mut speeds, mut waits, mut failed) = (vec![], vec![], vec![], vec![], 0);
    for _ in 0..ROUNDS {
        world.hold(1_000 + claims / 2);
        let (floor, runs) = race(&sessions, |_, _| {
            let mut command = world.command(&programs.writer);
            command.arg(&world.dir);
            command
        });
        assert!(runs.iter().all(|run| run.code == 0), "the floor has no reason to fail");
        world.hold(1_000);
        let (aio, runs) = race(&sessions, |session, number| {
            let mut command = world.command(&programs.aio);
            let target = format!("src/billing/{session}_{number}.rs");
            command.args(["claim", "file", &target]).env("AIO_INSTANCE", session);
            command
        });
        let refused = runs.iter().filter(|run| run.code != 0).count() as u64;
        let (floor, aio) = (claims as f64 / floor.as_secs_f64(), (claims - refused) as f64 / aio.as_secs_f64());
        ratios.push(aio / floor);
        floors.push(floor);
        speeds.push(aio);
        waits.extend(runs.iter().map(|run| run.wall));
        failed += refused;
    }
    let (ratio, floor, aio) = (median(ratios), median(floors), median(speeds));
    let name = format!("{CROWD} processes x {CLAIMS_EACH} claims, 1000 held: throughput");
    let against = format!("{ratio:.2} x floor ({floor:.0}/s)");
    print_row(&name, &format!("{aio:.0}/s"), &against, "0.7", "0.9", at_least(ratio, 0.7, 0.9));
    let p99 = quantile(&waits, 0.99).as_secs_f64() * 1e3;
    let middle = quantile(&waits, 0.5).as_secs_f64() * 1e3;
    let name = "the same: wait for a claim, 99th of 100";
    print_row(
        name,
        &format!("{p99:.0} ms"),
        &format!("median {middle:.0} ms, {failed} not granted in time"),
        "",
        "200 ms",
        at_most(p99, 200.0, 200.0),
    );
}

/// Lets every session run its commands one after the other, all sessions at once. How long all took, and each.
fn race(sessions: &[String], command: impl Fn(&str, usize) -> Command + Sync) -> (Duration, Vec<Run>) {
    let start = Instant::now();
    let one =
        |session: &str| -> Vec<Run> { (0..CLAIMS_EACH).map(|number| run(&mut command(session, number))).collect() };
    let each = std::thread::scope(|scope| {
        let threads: Vec<_> = sessions.iter().map(|session| scope.spawn(|| one(session))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("its commands start")).collect()
    });
    (start.elapsed(), each)
}

/// The most memory a check has resident. This program has more, so a small one, itself started anew, starts it.
fn peak_memory(programs: &Programs, world: &World) {
    world.hold(10_000);
    let own = std::env::current_exe().expect("it runs");
    let peak = |program: &PathBuf, words: &[&str]| -> f64 {
        let mut command = world.command_as_caller(&own);
        let output = command.arg(PEAK).arg(program).args(words).output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout);
        text.trim().parse::<f64>().expect("it prints a number") / 1e6
    };
    let (empty, check) = (peak(&programs.empty, &[]), peak(&programs.aio, &["check", FREE]));
    let name = "check free, 10000 claims: peak memory";
    print_row(
        name,
        &format!("{check:.1} MB"),
        &format!("empty {empty:.1} MB"),
        "16 MB",
        "8 MB",
        at_most(check, 16.0, 8.0),
    );
}

/// The argument by which this program becomes the small one.
const PEAK: &str = "--peak";

fn print_peak(words: &[OsString]) {
    println!("{}", run_expecting(0, Command::new(&words[0]).args(&words[1..])).peak_bytes);
}

fn print_heading(disk: &Path) {
    let system = rustix::system::uname();
    let name = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let commit = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    let commit =
        commit.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    println!("aio {} at {commit}, {}", env!("CARGO_PKG_VERSION"), world::now());
    println!("{} {} {}", name(system.sysname()), name(system.release()), processors());
    if mount::kind(disk) != mount::Kind::Local {
        println!("not on a disk of this machine: what is written is not as durable as it should be here");
    }
    println!();
    println!("| what | median | against | bar | aim | |");
    println!("|---|---|---|---|---|---|");
}

/// How many, and, where that can be read, which and how busy.
fn processors() -> String {
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).unwrap_or_default().1;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    format!("{count} x {model}, load {load}")
}

fn print_pairs(name: &str, pairs: &Pairs, unit: &str, bar: f64, aim: f64) {
    let micros = |duration: Duration| format!("{:.0} µs", duration.as_secs_f64() * 1e6);
    let against = format!("{:.2} {unit} ({})", pairs.ratio(), micros(pairs.floor()));
    print_row(
        name,
        &micros(pairs.subject()),
        &against,
        &bar.to_string(),
        &aim.to_string(),
        at_most(pairs.ratio(), bar, aim),
    );
}

fn print_row(name: &str, value: &str, against: &str, bar: &str, aim: &str, verdict: &str) {
    println!("| {name} | {value} | {against} | {bar} | {aim} | {verdict} |");
}

fn at_most(value: f64, bar: f64, aim: f64) -> &'static str {
    at_least(-value, -bar, -aim)
}

fn at_least(value: f64, bar: f64, aim: f64) -> &'static str {
    match value {
        value if value >= aim => "aim",
        value if value >= bar => "bar",
        _ => "**missed**",
    }
}
