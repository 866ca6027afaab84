//! The ports that each job has for itself: as many jobs run at once as there are ports for. Each test has a range of its own, as
//! they are the machine's.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::fleet::{Fleet, within};
use crate::harness::{Ran, run};

fn with_ports(range: &str) -> Fleet {
    let fleet = Fleet::new();
    fs::create_dir_all(&fleet.world.dir).unwrap();
    fs::write(fleet.world.dir.join("config.toml"), format!("ports = {range:?}\n")).unwrap();
    fleet
}

fn refuses(ran: &Ran, words: &str, next: &str) {
    assert_eq!((ran.code, ran.err.lines().count()), (6, 1), "{ran:?}");
    assert!(ran.err.contains(words) && ran.err.contains(next), "{ran:?}");
}

#[test]
fn more_than_there_are_ports_for_are_not_launched() {
    let fleet = with_ports("24000-24025");
    let rest = json!([{ "sleep_ms": 60_000 }]);
    let three = "3 jobs would run at once, 10 ports each, and 24000-24025 has room for 2 more; nothing was launched";
    refuses(&fleet.launch(rest.clone(), &["l:3", "x"]), three, "config.toml, or --max 2\n");
    refuses(&fleet.launch(rest.clone(), &["l:4", "x", "--max", "3"]), three, "or --max 2\n");
    assert!(fleet.jobs().is_empty());
    for args in [&["l:3", "x", "--dry-run", "--seq"][..], &["l:3", "x", "--dry-run", "--max", "2"]] {
        assert_eq!(fleet.launch(rest.clone(), args).code, 0);
    }
    assert_eq!(fleet.launch(rest.clone(), &["l:2", "x"]).code, 0);
    let full = "1 job would run at once, 10 ports each, and 24000-24025 has room for 0 more; nothing was launched";
    refuses(&fleet.launch(rest, &["l:1", "x"]), full, "config.toml\n");
}

#[test]
fn a_job_that_finds_no_ports_waits_for_them() {
    let fleet = with_ports("24100-24109");
    let done = json!({ "record": fleet.given, "hooks": true, "turns": [[{ "done": "x" }]] });
    assert_eq!(run(fleet.command(&done).args(["multi", "l:1", "x"])).code, 0);
    let first = fleet.job("done")["id"].as_str().unwrap().to_owned();
    assert_eq!(fleet.launch(json!([{ "sleep_ms": 60_000 }]), &["l:1", "x"]).code, 0);
    let second = fleet.job("working")["id"].as_str().unwrap().to_owned();
    assert_eq!(run(fleet.command(&done).args(["resume", &first])).code, 0);
    let why = "no 10 ports are free in 24100-24109";
    assert!(within(30, || fleet.jobs()[0]["failure"] == why), "{:#?}", fleet.jobs());
    assert_eq!(fleet.jobs()[0]["state"], "queued");
    let shown = fleet.aio(&["jobs"]);
    assert!(shown.out.contains(&format!("{first}: {why}; it begins once another job ends")), "{shown:?}");
    assert_eq!(fleet.aio(&["stop", &second]).code, 0);
    assert!(within(60, || fleet.jobs()[0]["state"] == "done"), "{:#?}", fleet.jobs());
    assert_eq!((&fleet.jobs()[0]["failure"], &fleet.jobs()[0]["attempt"]), (&json!(""), &json!(2)));
}

#[test]
fn an_agent_has_its_jobs_ports_and_no_others() {
    let fleet = with_ports("24200-24219");
    let (agent, real) = (fleet.bin.join("claude"), fleet.bin.join("real-claude"));
    fs::rename(&agent, &real).unwrap();
    let seen = fleet.world.home.join("seen");
    let text =
        format!("#!/bin/sh\necho \"$PORT $AIO_PORTS\" > '{}'\nexec '{}' \"$@\"\n", seen.display(), real.display());
    fs::write(&agent, text).unwrap();
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
    let script = json!({ "record": fleet.given, "turns": [[{ "done": "x" }]] });
    let mut launch = fleet.command(&script);
    launch.env("PORT", "9").env("AIO_PORTS", "9-18").args(["multi", "l:1", "x"]);
    run(&mut launch);
    assert!(within(30, || fs::read_to_string(&seen).is_ok_and(|text| text == "24200 24200-24209\n")));
}

#[test]
fn ports_that_another_has_by_now_are_not_taken_again_and_that_is_said() {
    let fleet = with_ports("24300-24319");
    let stays = json!([{ "sleep_ms": 60_000 }]);
    let mut ids = Vec::new();
    // The third gets those of the first, as there are no others.
    for (number, port) in [24300, 24310, 24300].into_iter().enumerate() {
        assert_eq!(fleet.launch(stays.clone(), &["l:1", "x"]).code, 0);
        ids.push(fleet.job("working")["id"].as_str().unwrap().to_owned());
        assert_eq!(fleet.world.state()["jobs"][number]["port"], port);
        if number == 0 {
            assert_eq!(fleet.aio(&["stop", &ids[0]]).code, 0);
        }
    }
    assert_eq!(fleet.aio(&["stop", &ids[1]]).code, 0);
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [stays] });
    assert_eq!(run(fleet.command(&script).args(["resume", &ids[0], "Go on"])).code, 0);
    let is_told = |text: String| text.starts_with("Your ports are 24310-24319 now") && text.ends_with("Go on");
    let prompts =
        || fs::read_dir(&fleet.given).unwrap().flatten().filter_map(|file| fs::read_to_string(file.path()).ok());
    assert!(within(60, || prompts().any(is_told)), "{:#?}", fleet.jobs());
    assert_eq!(fleet.world.state()["jobs"][0]["port"], 24310);
}
