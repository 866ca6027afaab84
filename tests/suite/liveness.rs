//! The dead let go, the living are not robbed.
//!
//! Ages are edited into the state; processes are real.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Sleeper, World, eventually, run, seconds_ago};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// Whoever holds `a`, and somebody who would like to.
struct Pair {
    world: World,
    holder: String,
    other: String,
}

impl Pair {
    /// The holder has that process.
    fn of(process: &Sleeper) -> Pair {
        let world = World::new();
        let (holder, other) = (world.register_process("claude", &process.0), world.register("codex"));
        world.claim(&holder, "a");
        Pair { world, holder, other }
    }

    /// The holder has no process that is known.
    fn unrecorded() -> Pair {
        let sleeper = Sleeper::new();
        let pair = Pair::of(&sleeper);
        pair.world.edit_instance(&pair.holder, |holder| {
            holder.remove("pid");
            holder.remove("processStart");
        });
        pair
    }

    fn age(&self, seconds: i64) {
        self.world.age(&self.holder, seconds);
    }

    fn keeps(&self) -> bool {
        !self.world.is_free(&self.other, "a")
    }

    fn edit(&self, key: &str, value: serde_json::Value) {
        self.world.edit_instance(&self.holder, |holder| {
            holder.insert(key.into(), value);
        });
    }
}

#[test]
fn a_killed_holder_lets_go_at_once() {
    let mut process = Sleeper::new();
    let pair = Pair::of(&process);
    assert!(pair.keeps());
    process.kill();
    let killed = Instant::now();
    let taken = pair.world.aio_as(&pair.other, ["claim", "a"]);
    let took = killed.elapsed();
    assert_eq!(taken.code, 0, "{taken:?}");
    assert!(taken.first().starts_with("Claimed: "));
    assert!(taken.err.contains(&pair.holder) && taken.err.contains("its process was gone"), "{taken:?}");
    assert!(took < Duration::from_secs(20), "in one command, without cleanup: {took:?}");
    assert!(pair.world.aio(["log"]).out.contains("taken-over"));
}

#[test]
fn a_killed_holder_that_nobody_reaped_lets_go_too() {
    let mut process = Sleeper::new();
    let pair = Pair::of(&process);
    process.0.kill().unwrap();
    eventually("the zombie's claim", || (!pair.keeps()).then_some(()));
}

#[test]
fn a_living_process_keeps_for_an_hour_without_a_heartbeat() {
    let process = Sleeper::new();
    let pair = Pair::of(&process);
    pair.age(55 * MINUTE);
    assert!(pair.keeps());
    assert!(pair.world.aio(["status"]).out.contains("quiet"));
    assert_eq!(pair.world.aio_as(&pair.other, ["claim", "a"]).code, 1);
    assert_eq!(pair.world.aio(["cleanup"]).out, "Nothing to clean up\n");
    pair.age(61 * MINUTE);
    assert!(!pair.keeps());
    assert!(pair.world.aio(["status"]).out.contains("stale"));
}

#[test]
fn how_long_is_the_persons_to_say() {
    let process = Sleeper::new();
    let pair = Pair::of(&process);
    std::fs::write(pair.world.dir.join("config.toml"), "quiet_limit = '10m'\n").unwrap();
    pair.age(9 * MINUTE);
    assert!(pair.keeps());
    pair.age(11 * MINUTE);
    assert!(!pair.keeps());
}

#[test]
fn without_a_known_process_five_minutes_are_all() {
    let pair = Pair::unrecorded();
    pair.age(4 * MINUTE + 30);
    assert!(pair.keeps());
    pair.age(5 * MINUTE + 1);
    assert!(!pair.keeps());
    let taken = pair.world.aio_as(&pair.other, ["claim", "a"]);
    assert!(taken.err.contains("it gave no sign of life"), "{taken:?}");
}

#[test]
fn a_tool_call_of_three_hours_keeps_what_its_agent_holds() {
    let script = "sleep 600 & echo $!; wait";
    let mut agent = Sleeper(
        Command::new("/bin/bash").args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap(),
    );
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(agent.0.stdout.as_mut().unwrap()), &mut line).unwrap();
    let pair = Pair::of(&agent);
    pair.age(3 * HOUR);
    assert!(pair.keeps(), "its child started after the last heartbeat and still runs");
    pair.age(13 * HOUR);
    assert!(!pair.keeps(), "twelve hours are enough");
    pair.age(3 * HOUR);
    assert_eq!(run(Command::new("kill").args(["-KILL", line.trim()])).code, 0);
    eventually("the end of the tool call and its agent", || (!pair.keeps()).then_some(()));
    agent.kill();
    let idle = Sleeper::new();
    let pair = Pair::of(&idle);
    pair.age(3 * HOUR);
    assert!(!pair.keeps(), "without one, an hour is the limit");
}

#[test]
fn a_clock_that_was_set_back_robs_nobody() {
    let pair = Pair::unrecorded();
    pair.age(-HOUR);
    assert!(pair.keeps(), "a heartbeat that lies an hour ahead is of age zero");
}

#[test]
fn a_stamp_far_ahead_is_no_immortality() {
    let pair = Pair::unrecorded();
    pair.age(-30 * 24 * HOUR);
    assert!(!pair.keeps());
    pair.edit("lastHeartbeat", json!("not a time"));
    assert!(!pair.keeps());
}

#[test]
fn a_clock_that_jumped_ahead_is_outvoted_by_awake_time() {
    let pair = Pair::unrecorded();
    let stamp = seconds_ago(5 * HOUR);
    pair.world.edit_instance(&pair.holder, |holder| {
        // As if the machine had slept since: hours on the wall, moments awake.
        holder.insert("lastHeartbeat".into(), json!(stamp));
        holder.insert("heartbeatStamp".into(), json!(stamp));
    });
    assert!(pair.keeps());
    pair.edit("heartbeatStamp", json!(seconds_ago(6 * HOUR)));
    assert!(!pair.keeps(), "a heartbeat that another program wrote counts by the wall clock");
}

#[test]
fn a_reused_process_id_is_somebody_else() {
    let process = Sleeper::new();
    let pair = Pair::of(&process);
    let start = pair.world.instance(&pair.holder)["processStart"].as_u64().unwrap();
    pair.edit("processStart", json!(start - 1));
    assert!(!pair.keeps());
    assert_eq!(pair.world.aio_as(&pair.other, ["claim", "a"]).code, 0);
}

#[test]
fn a_reboot_ends_everything_at_once() {
    let process = Sleeper::new();
    let pair = Pair::of(&process);
    pair.edit("bootId", json!("11111111-2222-3333-4444-555555555555"));
    assert!(!pair.keeps());
    assert!(pair.world.aio(["status"]).out.contains("dead"));
}

#[test]
fn of_another_host_and_another_namespace_only_heartbeats_are_known() {
    for (key, value) in [("host", json!("elsewhere-0badcafe")), ("pidNamespace", json!("4026539999"))] {
        let mut process = Sleeper::new();
        let pair = Pair::of(&process);
        pair.world.age(&pair.holder, 0);
        pair.edit(key, value);
        process.kill();
        assert!(pair.keeps(), "{key}: nothing is provable from here");
        pair.age(4 * MINUTE);
        assert!(pair.keeps(), "{key}");
        pair.age(6 * MINUTE);
        assert!(!pair.keeps(), "{key}: the five minutes hold all the same");
    }
    let process = Sleeper::new();
    let pair = Pair::of(&process);
    pair.edit("host", json!("elsewhere-0badcafe"));
    pair.edit("bootId", json!("11111111-2222-3333-4444-555555555555"));
    assert!(pair.keeps(), "another host has another boot; that proves nothing");
}

#[test]
fn an_evicted_holder_comes_back_and_is_told_once() {
    let pair = Pair::unrecorded();
    pair.world.claim(&pair.holder, "b");
    pair.age(10 * MINUTE);
    assert_eq!(pair.world.aio_as(&pair.other, ["claim", "a"]).code, 0);
    let told = pair.world.aio_as(&pair.holder, ["check", "c"]);
    assert!(told.err.contains("you lost the file a") && told.err.contains(&pair.other), "{told:?}");
    assert_eq!(pair.world.aio_as(&pair.holder, ["check", "c"]).err, "", "once");
    assert!(!pair.world.is_free(&pair.other, "b"), "what nobody took is its own again");
    pair.world.aio_as(&pair.other, ["release", "a"]);
    let refused = pair.world.aio_as(&pair.holder, ["guard", "a"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("read"), "{refused:?}");
    assert_eq!(pair.world.aio_as(&pair.holder, ["guard", "a"]).code, 0);
}

#[test]
fn a_swept_instance_revives_under_its_id() {
    let pair = Pair::unrecorded();
    pair.age(10 * MINUTE);
    pair.world.aio(["cleanup"]);
    assert!(pair.world.instance(&pair.holder)["evictedAt"].is_string());
    let back = pair.world.aio_as(&pair.holder, ["claim", "a"]);
    assert_eq!(back.code, 0);
    assert!(back.err.contains("you lost the file a") && back.err.contains("nobody held it since"), "{back:?}");
    assert_eq!(pair.world.instance(&pair.holder)["evictedAt"], json!(null));
    assert!(pair.keeps());
    assert_eq!(pair.world.aio_as(&pair.holder, ["guard", "a"]).code, 0);
}

#[test]
fn a_session_that_goes_on_in_another_process_holds_again() {
    let world = World::new();
    let mut process = Sleeper::new();
    let pid = process.0.id().to_string();
    let holder = world.aio(["register", "droid", "--session", "S", "--pid", &pid]).registered().to_owned();
    let other = world.register("codex");
    process.kill();
    world.detached("aio register droid --session S");
    world.claim(&holder, "a");
    assert!(!world.is_free(&other, "a"), "its heartbeats speak for it now");
}

#[test]
fn an_evicted_instance_whose_process_is_gone_holds_again_once_it_speaks() {
    let mut process = Sleeper::new();
    let pair = Pair::of(&process);
    process.kill();
    pair.world.aio(["cleanup"]);
    assert_eq!(pair.world.aio_as(&pair.holder, ["claim", "a"]).code, 0);
    assert!(pair.keeps());
}

#[test]
fn a_holder_without_a_record_lives_as_long_as_a_heartbeat_would() {
    let pair = Pair::unrecorded();
    pair.world.edit(|state| {
        state["instances"].as_object_mut().unwrap().remove(&pair.holder);
    });
    assert!(pair.keeps());
    pair.world.edit(|state| {
        for claim in state["claims"].as_object_mut().unwrap().values_mut() {
            claim["claimedAt"] = json!(seconds_ago(6 * MINUTE));
        }
    });
    assert!(!pair.keeps());
    let status = pair.world.aio(["status"]);
    assert_eq!(status.code, 0, "a ghost breaks nothing: {status:?}");
}
