//! Observers whose clocks have been set apart by a time namespace: as after a sleep, in which the boot clock went on and
//! the monotonic one did not, and otherwise.

use std::process::{Command, Stdio};
use std::time::Instant;

use crate::harness::{World, binary, run};
use crate::support::{aio_in, figure, require};

#[test]
fn a_process_is_known_whatever_clocks_it_is_seen_by() {
    let start = Instant::now();
    require(&[("unshare", "util-linux")]);
    let world = World::new();
    let dir = world.home.join("state");
    let mut holder = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
    let pid = holder.id().to_string();
    let aio = |args: &[&str]| run(aio_in(&world, &dir).args(args));
    let registered = aio(&["register", "claude", "--session", "s", "--pid", &pid]);
    let id = registered.out.trim().strip_prefix("Registered: ").unwrap().to_owned();
    assert_eq!(aio(&["--as", &id, "claim", "src/a.rs"]).code, 0);

    let clocks: [&[&str]; 5] = [
        &["--boottime", "10800"],
        &["--monotonic", "10800"],
        &["--boottime", "90000", "--monotonic", "90000"],
        &["--boottime", "864000", "--monotonic", "3600"],
        &["--boottime", "0"],
    ];
    let seen_by = |clocks: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--time", "--fork"]).args(clocks).arg(binary("aio")).args(["check", "src/a.rs"]);
        command.env_clear().current_dir(&world.project);
        for (key, value) in aio_in(&world, &dir).get_envs() {
            command.env(key, value.unwrap());
        }
        run(&mut command)
    };
    for clocks in clocks {
        let ran = seen_by(clocks);
        assert!(ran.code == 1 && ran.out.contains(&id), "{clocks:?}: {ran:?}");
    }
    holder.kill().unwrap();
    holder.wait().unwrap();
    for clocks in clocks {
        let ran = seen_by(clocks);
        assert!(ran.code == 0 && ran.out.starts_with("AVAILABLE"), "{clocks:?}: {ran:?}");
    }
    figure("clocks set apart", start, &format!("{} time namespaces: the living keeps, the dead lets go", clocks.len()));
}
