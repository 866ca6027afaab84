//! The functions that shells source, in bash and in zsh, as people and agents use them.

use std::fs;

use aio::setup::scripts;
use aio::store::lock::Patience;

use crate::harness::{Ran, World, is_proof, run};

/// A machine need not have zsh for the tests to pass; the proofs need it.
fn shells() -> &'static [&'static str] {
    if is_proof() { &["bash", "zsh"] } else { &["bash"] }
}

/// A world with the files where users source them from, and a shell of each kind must be there.
fn world() -> World {
    let world = World::new();
    scripts::install(&world.dir, Patience::None, "now").unwrap();
    for &shell in shells() {
        let there = run(world.shell("/bin/bash").args(["-c", "command -v \"$0\"", shell]));
        assert_eq!(there.code, 0, "{shell} is missing: apt-get install {shell}");
    }
    world
}

/// A script with codex's functions, run by a shell below no agent.
fn script(world: &World, shell: &str, body: &str) -> Ran {
    let path = world.home.join(format!("script.{shell}"));
    fs::write(&path, format!(". {}/integrations/codex-hook.sh\n{body}\n", world.dir.display())).unwrap();
    world.detached(&format!("cd '{}'; {shell} '{}'", world.project.display(), path.display()))
}

fn instances(world: &World) -> Vec<String> {
    let state = world.state();
    let instances = state["instances"].as_object().unwrap();
    instances.values().filter(|i| i["evictedAt"].is_null()).map(|i| i["id"].as_str().unwrap().to_owned()).collect()
}

fn claims(world: &World) -> usize {
    world.state()["claims"].as_object().unwrap().len()
}

#[test]
fn shellcheck_finds_nothing() {
    if !is_proof() {
        return eprintln!("not tried: another version of shellcheck may find what ours does not; .ci/run asks it");
    }
    let files = ["integrations/shell/hook.sh", "integrations/git/pre-commit"];
    let root = env!("CARGO_MANIFEST_DIR");
    let ran = run(World::new().shell("/bin/bash").current_dir(root).args(["-c", "shellcheck \"$@\"", "_"]).args(files));
    assert_eq!((ran.code, &*ran.out), (0, ""), "or it is missing: apt-get install shellcheck: {}", ran.err);
}

#[test]
fn sourcing_runs_and_registers_nothing() {
    let world = world();
    for &shell in shells() {
        let ran = script(&world, shell, "PATH=/nowhere; . \"$HOME/.ai-orchestrator/integrations/codex-hook.sh\"");
        assert_eq!((ran.code, &*ran.out, &*ran.err), (0, "", ""), "{shell}");
        assert!(!world.state_path().exists());
    }
}

#[test]
fn the_first_call_registers_this_shell_and_its_end_releases() {
    let world = world();
    for &shell in shells() {
        let body = "aio_heartbeat; aio_claim_file src/a.rs; aio_claim_dir src/b; aio_safe_edit src/c.rs
            cp \"$HOME/.ai-orchestrator/state.json\" then; echo $$";
        let ran = script(&world, shell, body);
        assert_eq!((ran.code, &*ran.err), (0, ""), "{shell}");
        let lines: Vec<&str> = ran.out.lines().collect();
        assert!(lines.len() == 3 && lines[..2].iter().all(|line| line.starts_with("Claimed: ")), "{shell}: {lines:?}");
        let then: serde_json::Value = serde_json::from_slice(&fs::read(world.project.join("then")).unwrap()).unwrap();
        let [instance] = then["instances"].as_object().unwrap().values().collect::<Vec<_>>()[..] else { panic!() };
        assert_eq!((&instance["tool"], instance["pid"].to_string()), (&"codex".into(), lines[2].to_owned()), "{shell}");
        assert_eq!(then["claims"].as_object().unwrap().len(), 3, "{shell}");
        assert_eq!((instances(&world).len(), claims(&world)), (0, 0), "{shell}");
    }
}

#[test]
fn a_file_registers_as_whom_it_is_named_for() {
    let world = world();
    let folder = world.dir.join("integrations");
    fs::copy(folder.join("amp-hook.sh"), folder.join("My Hook.sh")).unwrap();
    for (name, tool) in
        [("amp-hook.sh", "amp"), ("claude-hook.sh", "claude"), ("gemini-hook.sh", "gemini"), ("My Hook.sh", "agent")]
    {
        for &shell in shells() {
            let body = format!(
                "source ~/.ai-orchestrator/integrations/{name:?}\naio_heartbeat\ncp ~/.ai-orchestrator/state.json then"
            );
            let path = world.home.join("script");
            fs::write(&path, body).unwrap();
            let ran = world.detached(&format!("cd '{}'; {shell} ~/script", world.project.display()));
            assert_eq!((ran.code, &*ran.err), (0, ""), "{shell} {name}");
            let then = fs::read_to_string(world.project.join("then")).unwrap();
            assert!(then.contains(&format!("\"tool\":\"{tool}\"")), "{shell} {name}: {then}");
        }
    }
}

#[test]
fn an_edit_of_what_another_holds_is_warned_of() {
    let world = world();
    let claude = world.register("claude");
    world.claim(&claude, "src/held");
    for &shell in shells() {
        let ran = script(&world, shell, "aio_safe_edit src/held; echo $?; aio_safe_edit src/free; echo $?");
        assert_eq!(ran.out, "1\n0\n", "{shell}");
        assert!(ran.err.contains(&claude) && ran.err.contains("WARNING: do not edit src/held"), "{shell}: {ran:?}");
        assert!(!ran.err.contains("src/free"), "{shell}: {ran:?}");
        let ran = script(&world, shell, "aio_claim_file src/held; echo $?; aio_claim_dir src; echo $?");
        assert_eq!(ran.out.lines().filter(|line| *line == "1").count(), 2, "{shell}: {ran:?}");
    }
}

#[test]
fn strict_shells_are_no_trouble() {
    let world = world();
    let claude = world.register("claude");
    world.claim(&claude, "held");
    for &shell in shells() {
        let calls = "aio_heartbeat\naio_claim_file a\naio_claim_dir b\naio_safe_edit c\n\
                     aio_cleanup\naio_cleanup\naio_heartbeat\naio_cleanup >/dev/null";
        let ran =
            script(&world, shell, &format!("set -euo pipefail\n{calls}\nif aio_safe_edit held; then :; fi\necho end"));
        assert_eq!((ran.code, ran.out.lines().last()), (0, Some("end")), "{shell}: {ran:?}");
        let ran = script(&world, shell, "set -eu\naio_safe_edit held\necho not reached");
        assert_eq!((ran.code, &*ran.out), (1, ""), "{shell}: {ran:?}");
        assert_eq!(claims(&world), 1, "{shell}");
    }
}

#[test]
fn a_trap_of_the_users_own_stays() {
    let world = world();
    let holds = "grep -c instanceId...codex ~/.ai-orchestrator/state.json";
    for &shell in shells() {
        // At the time of theirs the claim is still held, and theirs sees the exit code.
        let theirs = format!("trap 'echo \"theirs $? $({holds}) it'\\''s\" # comment' EXIT");
        for order in [format!("{theirs}\naio_claim_file a\n"), format!("aio_claim_file a\n{theirs}\naio_heartbeat\n")] {
            let ran = script(&world, shell, &format!("{order}exit 5"));
            assert_eq!(ran.code, 5, "{shell}: {ran:?}");
            assert_eq!(ran.out.lines().skip(1).collect::<Vec<_>>(), ["theirs 5 1 it's"], "{shell}: {ran:?}");
            assert_eq!((instances(&world).len(), claims(&world)), (0, 0), "{shell}: {order}");
        }
        // One set last of all replaces ours in bash, as any does; the process is gone, and with it what it held.
        let ran = script(&world, shell, &format!("aio_claim_file a >/dev/null\n{theirs}"));
        assert_eq!(ran.out, "theirs 0 1 it's\n", "{shell}: {ran:?}");
        let next = world.register("claude");
        assert!(world.is_free(&next, "a"), "{shell}");
        world.aio_as(&next, ["unregister"]);
        world.aio(["cleanup"]);
    }
}

#[test]
fn sourcing_twice_is_once() {
    let world = world();
    for &shell in shells() {
        let again = format!(". {}/integrations", world.dir.display());
        let body = format!(
            "aio_claim_file a\n{again}/codex-hook.sh\naio_claim_file b\n{again}/claude-hook.sh\naio_claim_file c\n\
             cp \"$HOME/.ai-orchestrator/state.json\" then"
        );
        let ran = script(&world, shell, &body);
        assert_eq!((ran.code, &*ran.err), (0, ""), "{shell}: {ran:?}");
        let then = fs::read_to_string(world.project.join("then")).unwrap();
        assert_eq!(then.matches("\"tool\":").count(), 1, "{shell}: {then}");
        assert_eq!(claims(&world), 0, "{shell}");
    }
}

#[test]
fn the_end_of_a_subshell_ends_nothing() {
    let world = world();
    for &shell in shells() {
        let body = "said=$(aio_claim_file a); (aio_claim_file b >/dev/null); (exit 1)
            grep -c '\"instanceId\":\"codex' \"$HOME/.ai-orchestrator/state.json\"; aio_heartbeat; aio_cleanup";
        let ran = script(&world, shell, body);
        assert_eq!(ran.out, "2\n", "{shell}: {ran:?}");
        // It was registered by a subshell, so this shell's end does not release: its process's does.
        let next = world.register("claude");
        assert!(world.is_free(&next, "a"), "{shell}");
        world.aio(["cleanup"]);
    }
}

#[test]
fn without_aio_everything_goes_on_and_it_is_said_once() {
    let world = world();
    for &shell in shells() {
        let calls = "aio_heartbeat; aio_claim_file a; aio_claim_dir b; aio_safe_edit c; aio_cleanup; echo $?";
        let ran = script(&world, shell, &format!("set -eu\nPATH=/usr/bin:/bin\n{calls}"));
        assert_eq!((ran.code, &*ran.out), (0, "0\n"), "{shell}: {ran:?}");
        assert_eq!(ran.err.lines().count(), 1, "{shell}: {ran:?}");
        assert!(ran.err.starts_with("aio: not found"), "{shell}: {ran:?}");
    }
}

#[test]
fn where_init_put_it_it_is_found() {
    let world = world();
    world.aio(["init"]);
    for &shell in shells() {
        let ran = script(&world, shell, "PATH=/usr/bin:/bin\naio_claim_file a");
        assert_eq!((ran.code, &*ran.err), (0, ""), "{shell}: {ran:?}");
        assert!(ran.out.starts_with("Claimed: "), "{shell}: {ran:?}");
    }
}

#[test]
fn trouble_of_aios_own_is_said_and_stops_no_edit() {
    let world = world();
    world.write_state("{ not a state");
    for &shell in shells() {
        let ran = script(&world, shell, "aio_safe_edit a; echo $?; aio_claim_file a; echo $?");
        assert_eq!(ran.out, "0\n4\n", "{shell}: {ran:?}");
        assert_eq!(ran.err.matches("cannot be read").count(), 2, "{shell}: {ran:?}");
    }
}

#[test]
fn in_an_agent_the_agent_takes_part_and_stays_when_the_shell_ends() {
    let world = world();
    for &shell in shells() {
        let source = format!(". {}/integrations/codex-hook.sh; aio_claim_file {shell}", world.dir.display());
        let call = format!("{shell} -c '{source}'");
        let ran = world.in_agent("claude", &format!("{call}; {call}; cp ~/.ai-orchestrator/state.json then"));
        let lines: Vec<&str> = ran.out.lines().collect();
        assert!(lines.len() == 2 && lines[0] == lines[1], "{shell}: the same claim: {ran:?}");
        let then = fs::read_to_string(world.project.join("then")).unwrap();
        assert!(then.contains("\"tool\":\"claude\"") && !then.contains("\"tool\":\"codex\""), "{shell}: {then}");
        world.aio(["cleanup"]);
    }
}

#[test]
fn a_shell_for_one_command_is_nobodys_process() {
    let world = world();
    for &shell in shells() {
        let source = format!(". {}/integrations/codex-hook.sh", world.dir.display());
        let ran =
            world.detached(&format!("cd '{}'; {shell} -c '{source}; aio_claim_file {shell}'", world.project.display()));
        assert!(ran.code == 0 && ran.out.starts_with("Claimed: "), "{shell}: {ran:?}");
        let [id] = &instances(&world)[..] else { panic!("{shell}: {:?}", world.state()) };
        assert!(world.instance(id)["pid"].is_null(), "{shell}");
        world.aio_as(id, ["unregister"]);
    }
}

#[test]
fn a_shell_for_one_command_lets_go_when_it_is_asked_to() {
    for &shell in shells() {
        let world = world();
        let body = ". \"$HOME/.ai-orchestrator/integrations/codex-hook.sh\"; aio_claim_file a.txt; aio_cleanup";
        let ran = run(world.shell(shell).args(["-c", body]));
        assert_eq!((ran.code, claims(&world)), (0, 0), "{shell}: {ran:?}");
        assert!(instances(&world).is_empty(), "{shell}");
    }
}

#[test]
fn whoever_takes_part_already_goes_on_as_that() {
    let world = world();
    let claude = world.register("claude");
    for &shell in shells() {
        let ran = script(&world, shell, &format!("export AIO_INSTANCE={claude}\naio_claim_file {shell}\naio_cleanup"));
        assert_eq!((ran.code, &*ran.err), (0, ""), "{shell}: {ran:?}");
    }
    assert_eq!((instances(&world), claims(&world)), (vec![claude], shells().len()));
}

#[test]
fn whoever_was_unregistered_registers_again() {
    let world = world();
    for &shell in shells() {
        let ran = script(&world, shell, "aio_heartbeat; aio unregister >/dev/null; aio_claim_file a; echo $?");
        assert_eq!(ran.out.lines().last(), Some("0"), "{shell}: {ran:?}");
        assert_eq!((&*ran.err, claims(&world)), ("", 0), "{shell}");
    }
}
