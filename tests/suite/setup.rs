//! This machine: `init`, `aio-init`, `doctor`, `completions`, `man`, help and version.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::{World, binary, run};

#[test]
fn init_makes_the_folder_and_links_the_programs() {
    let world = World::new();
    let ran = world.aio(["init"]);
    assert_eq!(ran.code, 0);
    assert_eq!(ran.first(), format!("Initialized: {}", world.dir.display()));
    assert!(ran.out.contains(&format!("{}/bin", world.dir.display())), "the PATH line: {}", ran.out);
    for program in ["aio", "aio-context", "aio-init"] {
        assert_eq!(fs::read_link(world.dir.join("bin").join(program)).unwrap(), binary(program));
    }
    assert_eq!(fs::metadata(&world.dir).unwrap().permissions().mode() & 0o777, 0o700);
    let again = world.aio(["init"]);
    assert_eq!(again.code, 0);
    assert!(!again.out.contains("linked"), "{again:?}");
}

#[test]
fn init_renews_its_own_links_and_leaves_others_files_alone() {
    let world = World::new();
    world.aio(["init"]);
    let bin = world.dir.join("bin");
    fs::remove_file(bin.join("aio")).unwrap();
    std::os::unix::fs::symlink("/old/aio", bin.join("aio")).unwrap();
    fs::remove_file(bin.join("aio-init")).unwrap();
    fs::write(bin.join("aio-init"), "mine").unwrap();
    let again = world.aio(["init"]);
    assert_eq!(fs::read_link(bin.join("aio")).unwrap(), binary("aio"));
    assert_eq!(fs::read_to_string(bin.join("aio-init")).unwrap(), "mine");
    assert!(again.out.contains("left"), "{again:?}");
}

#[test]
fn a_project_is_set_up_when_agreed_and_never_overwritten() {
    let world = World::new();
    fs::write(world.project.join(".gitignore"), "target").unwrap();
    let asked = run(&mut world.command("aio-init"));
    assert_eq!(asked.code, 0);
    assert!(asked.out.contains("would write") && asked.err.contains("--yes"), "{asked:?}");
    assert!(!world.project.join(".ai-orchestrator").exists(), "without a terminal and --yes nothing is changed");
    let done = run(world.command("aio-init").arg("--yes"));
    assert_eq!(done.code, 0, "{done:?}");
    let ignored = fs::read_to_string(world.project.join(".gitignore")).unwrap();
    assert_eq!(ignored.lines().collect::<Vec<_>>(), ["target", "# AI Orchestrator", ".ai-orchestrator/"]);
    let notes = world.project.join(".ai-orchestrator/README.md");
    fs::write(&notes, "my notes").unwrap();
    let again = world.aio(["init", "--yes", "."]);
    assert_eq!(again.code, 0);
    assert_eq!(fs::read_to_string(world.project.join(".gitignore")).unwrap(), ignored, "idempotent");
    assert_eq!(fs::read_to_string(&notes).unwrap(), "my notes");
}

#[test]
fn no_gitignore_is_made_where_there_is_none() {
    let world = World::new();
    run(world.command("aio-init").arg("--yes").arg(&world.project));
    assert!(world.project.join(".ai-orchestrator/README.md").exists());
    assert!(!world.project.join(".gitignore").exists());
}

#[test]
fn a_project_is_left_as_it_was() {
    let world = World::bare();
    let git = |args: &[&str]| run(std::process::Command::new("git").arg("-C").arg(&world.project).args(args));
    assert_eq!(git(&["init", "-q"]).code, 0);
    fs::write(world.project.join(".gitignore"), "target\n").unwrap();
    let hook = world.project.join(".git/hooks/pre-commit");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\necho mine\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let nobody = ["--agents", "amp"];
    assert_eq!(world.aio(["init", ".", "--yes"].iter().chain(&nobody)).code, 0);
    assert!(fs::read_to_string(&hook).unwrap().contains("aio guard --staged"));
    assert!(world.aio(["init", "."].iter().chain(&nobody)).out.contains("is set up"));
    let told = world.aio(["init", "--remove", "."].iter().chain(&nobody));
    assert!(told.out.contains("would take ours from") && told.err.contains("--yes"), "{told:?}");
    assert_eq!(world.aio(["init", "--remove", ".", "--yes"].iter().chain(&nobody)).code, 0);
    assert_eq!(fs::read_to_string(&hook).unwrap(), "#!/bin/sh\necho mine\n");
    assert_eq!(fs::read_to_string(world.project.join(".gitignore")).unwrap(), "target\n");
    assert!(!world.project.join(".ai-orchestrator").exists());
}

#[test]
fn a_project_that_is_not_there_is_refused() {
    let world = World::new();
    let refused = world.aio(["init", "nowhere"]);
    assert_eq!(refused.code, 6);
    assert!(refused.err.contains("nowhere") && refused.err.contains("next: "), "{refused:?}");
}

#[test]
fn doctor_finds_a_healthy_machine_healthy() {
    let world = World::new();
    world.register("claude");
    let well = world.aio(["doctor"]);
    assert_eq!(well.code, 0, "{well:?}");
    for check in ["directory", "permissions", "durability", "locking", "state", "instances", "clock", "journal"] {
        assert!(well.out.contains(&format!(" {check}: ")), "{check}: {}", well.out);
    }
    assert!(!well.out.contains("broken"));
}

#[test]
fn doctor_names_what_is_wrong_and_its_remedy() {
    let world = World::new();
    let claude = world.register("claude");
    world.age(&claude, 20 * 3600);
    fs::set_permissions(&world.dir, fs::Permissions::from_mode(0o755)).unwrap();
    let found = world.aio(["doctor"]);
    assert_eq!(found.code, 0, "notes are not failures: {found:?}");
    assert!(found.out.contains("aio cleanup") && found.out.contains("chmod go-rwx"), "{}", found.out);
    world.age(&claude, -3600);
    assert!(world.aio(["doctor"]).out.contains("future"));
    world.write_state("garbage");
    let broken = world.aio(["doctor"]);
    assert_eq!(broken.code, 6);
    assert!(broken.out.contains("doctor --repair"), "{}", broken.out);
    assert_eq!(world.state_text(), "garbage", "doctor alone repairs nothing");
}

#[test]
fn repair_keeps_a_copy_and_every_whole_record() {
    let world = World::new();
    let claude = world.register("claude");
    let id = world.claim(&claude, "a");
    world.aio_as(&claude, ["context", "add", "decision", "keep me"]);
    let whole = world.state_text();
    let revision = world.state()["revision"].as_u64().unwrap();
    let cut = &whole[..whole.find("\"context\"").unwrap()];
    world.write_state(cut);
    let repaired = world.aio(["doctor", "--repair"]);
    assert_eq!(repaired.code, 0, "{repaired:?}");
    assert!(repaired.first().starts_with("repaired: kept 1 instances, 1 claims, 0 context entries"), "{repaired:?}");
    let state = world.state();
    assert_eq!(state["claims"][&id]["target"], "a");
    assert!(state["revision"].as_u64().unwrap() > revision, "a revision is never used twice");
    let listing = fs::read_dir(&world.dir).unwrap().map(|entry| entry.unwrap());
    let copy = listing.into_iter().find(|e| e.file_name().to_string_lossy().contains(".corrupt-")).unwrap();
    assert_eq!(fs::read_to_string(copy.path()).unwrap(), cut);
    assert_eq!(world.claim(&claude, "a"), id);
}

#[test]
fn repair_leaves_a_good_state_and_a_newer_one_alone() {
    let world = World::new();
    world.register("claude");
    let text = world.state_text();
    world.aio(["doctor", "--repair"]);
    assert_eq!(world.state_text(), text);
    let newer = r#"{"schemaVersion":2,"claims":[],"instances":"elsewhere"}"#;
    world.write_state(newer);
    world.aio(["doctor", "--repair"]);
    assert_eq!(world.state_text(), newer);
}

#[test]
fn every_shell_gets_its_completions_and_people_a_manual() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = world.aio(["completions", shell]);
        assert_eq!(script.code, 0);
        assert!(script.out.contains("unregister") && script.out.contains("shared"), "{shell}");
    }
    let page = world.aio(["man"]);
    assert_eq!(page.code, 0);
    assert!(page.out.contains(".TH") && page.out.contains("claim"));
    assert_eq!(world.aio(["completions", "tcl"]).code, 2);
    assert!(!world.dir.exists(), "none of these touches the state");
}

#[test]
fn help_is_an_answer_and_names_the_exit_codes() {
    let world = World::new();
    for args in [&["help"][..], &["--help"], &["help", "claim"], &["claim", "--help"], &["--version"]] {
        let help = world.aio(args);
        assert_eq!((help.code, help.err.as_str()), (0, ""), "{args:?}");
        assert!(!help.out.is_empty());
    }
    assert!(world.aio(["--help"]).out.contains("Exit codes: 0 done"));
}
