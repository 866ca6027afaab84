//! Proof 1: what 16 processes see of a resource could have happened one operation at a time.

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use crate::harness::{Ran, World, run};
use crate::linearizability::{Answer, Operation, is_linearizable};
use crate::support::{Dice, Mount, aio_in, figure, require, size};

const PROCESSES: usize = 16;
const OPERATIONS_EACH: usize = 36;
const RESOURCES: u64 = 3;

#[test]
fn histories_of_sixteen_processes_are_linearizable() {
    let start = Instant::now();
    require(&[("mount", "mount")]);
    let windows = size("AIO_HISTORY_WINDOWS", 10);
    let (world, memory) = (World::new(), Mount::memory("size=64m"));
    let dir = memory.path.join("state");
    let ids: Vec<String> = (0..PROCESSES).map(|n| register(&world, &dir, n)).collect();
    let (mut operations, mut overlapping, mut answers) = (0, 0, HashMap::<String, usize>::new());
    for window in 0..windows {
        let histories = record(&world, &dir, &ids, window);
        for (resource, history) in &histories {
            assert!(is_linearizable(history), "{resource}: {history:#?}");
            assert!(!is_linearizable(&spoilt(history)), "{resource}: the checker accepts anything");
            operations += history.len();
            overlapping += history.iter().filter(|one| history.iter().any(|other| overlap(one, other))).count();
            for operation in history {
                let name = format!("{:?}", operation.answer).replace(char::is_numeric, "").replace("()", "");
                *answers.entry(name).or_default() += 1;
            }
        }
    }
    let text = format!(
        "{operations} operations ({overlapping} overlapping in time, {answers:?}) of {PROCESSES} processes in {} \
         histories, each linearizable, each rejected with a false answer in it",
        windows * usize::try_from(RESOURCES).unwrap()
    );
    figure("linearizability", start, &text);
}

fn register(world: &World, dir: &Path, n: usize) -> String {
    let args = ["register", "codex", "--pid", &std::process::id().to_string(), "--session", &format!("s{n}")];
    let ran = run(aio_in(world, dir).args(args));
    ran.out.trim().strip_prefix("Registered: ").unwrap_or_else(|| panic!("{ran:?}")).to_owned()
}

fn overlap(one: &Operation, other: &Operation) -> bool {
    one.by != other.by && one.invoked < other.returned && other.invoked < one.returned
}

/// Every process works through operations of its own; the histories are sorted by resource.
fn record(world: &World, dir: &Path, ids: &[String], window: usize) -> HashMap<String, Vec<Operation>> {
    let origin = Instant::now();
    let mut histories: HashMap<String, Vec<Operation>> = HashMap::new();
    std::thread::scope(|scope| {
        let processes: Vec<_> =
            (0..PROCESSES).map(|by| scope.spawn(move || work(world, dir, ids, by, window, origin))).collect();
        for process in processes {
            for (resource, operation) in process.join().unwrap() {
                histories.entry(resource).or_default().push(operation);
            }
        }
    });
    for id in ids {
        let released = run(aio_in(world, dir).args(["--as", id, "release", "all"]));
        assert!(released.code == 0 || released.code == 2, "{released:?}");
    }
    histories
}

fn work(
    world: &World,
    dir: &Path,
    ids: &[String],
    by: usize,
    window: usize,
    origin: Instant,
) -> Vec<(String, Operation)> {
    let mut dice = Dice::new((window * PROCESSES + by) as u64 + 1);
    let mut held: Option<String> = None;
    (0..OPERATIONS_EACH)
        .map(|n| {
            let resource = format!("src/window-{window}-{}.rs", (n as u64 + by as u64) % RESOURCES);
            // Whoever holds lets go soon, or there would be little to see.
            let (verb, resource) = match (held.take(), dice.below(8)) {
                (Some(mine), 0..=4) => ("release", mine),
                (Some(mine), 5..=6) => (["check", "claim"][n % 2], mine),
                (Some(mine), _) => {
                    held = Some(mine);
                    ("check", resource)
                }
                (None, 0..=4) => ("claim", resource),
                (None, 5) => ("release", resource),
                (None, _) => ("check", resource),
            };
            let invoked = origin.elapsed();
            let ran = run(aio_in(world, dir).args(["--as", &ids[by], verb, &resource]));
            let operation = Operation { by, answer: answer(verb, &ran, ids), invoked, returned: origin.elapsed() };
            if matches!(operation.answer, Answer::Granted | Answer::Mine) {
                held = Some(resource.clone());
            }
            (resource, operation)
        })
        .collect()
}

/// What the command said.
fn answer(verb: &str, ran: &Ran, ids: &[String]) -> Answer {
    let named =
        |text: &str| ids.iter().position(|id| text.contains(&**id)).unwrap_or_else(|| panic!("{verb}: {ran:?}"));
    match (verb, ran.code) {
        ("claim", 0) => Answer::Granted,
        ("release", 0) => Answer::Released,
        ("release", 2) => Answer::NothingToRelease,
        ("release", 1) => Answer::HeldBy(named(ran.err.split("held by").nth(1).unwrap_or_default())),
        ("claim" | "check", 1) => Answer::HeldBy(named(ran.first())),
        ("check", 0) if ran.first().starts_with("YOURS") => Answer::Mine,
        ("check", 0) if ran.first() == "AVAILABLE" => Answer::Free,
        _ => panic!("{verb}: {ran:?}"),
    }
}

/// The same history with a look in it that found nobody, while somebody certainly was: between a grant and whatever its
/// holder did next with the resource.
fn spoilt(history: &[Operation]) -> Vec<Operation> {
    let next_by = |granted: &Operation| {
        let later = history.iter().filter(|other| other.by == granted.by && other.invoked > granted.returned);
        later.map(|other| other.invoked).min()
    };
    let mut grants = history.iter().filter(|operation| operation.answer == Answer::Granted);
    let (grant, until) = grants.find_map(|grant| Some((grant, next_by(grant)?))).expect("somebody held it for a while");
    let moment = grant.returned + (until - grant.returned) / 2;
    let by = (grant.by + 1) % PROCESSES;
    let mut spoilt = history.to_vec();
    spoilt.push(Operation { by, answer: Answer::Free, invoked: moment, returned: moment });
    spoilt
}
