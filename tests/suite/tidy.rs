//! The architecture of `spec/ARCHITECTURE.md`, kept: who may use what, and what must not be there at all.
//!
//! Sources are read as text, without comments and tests, so a rule here is a word that must not stand there. Crude, but
//! it needs no parser, and whoever means to get around it has to be seen doing so.

use std::path::{Path, PathBuf};

/// What may lie at the top.
const TOP_LEVEL: [&str; 15] = [
    "build.rs",
    "Cargo.toml",
    "Cargo.lock",
    "src",
    "spec",
    "integrations",
    "tests",
    "benches",
    "fuzz",
    "README.md",
    "LICENSE",
    "rustfmt.toml",
    "clippy.toml",
    "deny.toml",
    "target",
];
/// The lock file had 141 packages when this was written. Each more is somebody else's code on the machine of everyone
/// who installs, so a new dependency raises this number on purpose or not at all.
const MOST_PACKAGES: usize = 155;
const MOST_LINES: usize = 500;

/// Which rooms a room may use, all others being above it. A file of `src` itself is a room too.
const ARROWS: [(&str, &[&str]); 14] = [
    ("protocol", &["protocol"]),
    ("hooks", &["hooks", "protocol"]),
    ("store", &["store", "protocol"]),
    ("host", &["host", "protocol"]),
    ("setup", &["protocol", "setup", "store"]),
    ("fleet", &["error", "fleet", "host", "protocol"]),
    ("error", &["protocol", "store"]),
    ("output", &["error"]),
    ("table", &["output"]),
    ("config", &["error", "fleet", "protocol"]),
    ("cli", &["protocol"]),
    ("app", &["cli", "config", "error", "fleet", "host", "output", "protocol", "store"]),
    (
        "commands",
        &["app", "cli", "commands", "error", "fleet", "hooks", "host", "output", "protocol", "setup", "store", "table"],
    ),
    ("lib", &["app", "cli", "commands", "error", "output"]),
];

/// Rooms, and what must not stand in them.
const ABSENT: [(&str, &[&str]); 6] = [
    // Pure means: the same answer to the same question, always.
    (
        "protocol/",
        &["std::fs", "std::env", "std::process", "std::thread", "SystemTime", "Instant", "Utc", "chrono::Local"],
    ),
    (
        "hooks/",
        &["std::fs", "std::env", "std::process", "std::thread", "SystemTime", "Instant", "Utc", "chrono::Local"],
    ),
    // It looks, and touches nothing.
    ("host/", &["fs::write", "File::create", "OpenOptions", "fs::remove", "fs::rename", "fs::create_dir", "Command"]),
    ("store/", &["Command", "std::env"]),
    ("setup", &["Command", "std::env", "io::stdin", "io::stderr"]),
    ("cli.rs", &["std::fs", "std::env", "std::io"]),
];

/// Words, and the only files in which they may stand. A place that ends in `/` is a folder.
const WORDS: [(&[&str], &[&str]); 7] = [
    // The environment is what `App` says it is. `init` asks where the running program lies, which no variable tells.
    (&["std::env", "env::var", "env::args"], &["app.rs", "commands/init.rs", "main.rs", "bin/"]),
    (&["ulid::", "rand::", "getrandom"], &["app.rs"]),
    (
        &["Command::new"],
        &[
            "cli.rs",
            "cli/short.rs",
            "commands/run.rs",
            "commands/guard.rs",
            "commands/doctor/",
            "commands/beads.rs",
            "commands/diff.rs",
            "commands/launching/starting.rs",
            "fleet/child.rs",
            "fleet/program.rs",
            "fleet/tmux.rs",
        ],
    ),
    (
        &[".spawn()"],
        &[
            "commands/run.rs",
            "commands/beads.rs",
            "commands/launching/starting.rs",
            "fleet/child.rs",
            "fleet/program.rs",
        ],
    ),
    // To find out which ports are taken is all that is done with a network.
    (&["std::net"], &["fleet/ports.rs"]),
    // `status --watch` clears the screen, `init` asks a question, `App` finds out whether stdout is a terminal, `mcp` speaks
    // a protocol on it, and a relay passes on what an agent draws.
    (
        &["println!", "print!(", "eprint!", "io::stdout()", "io::stderr()"],
        &[
            "output.rs",
            "output/",
            "app.rs",
            "commands/status.rs",
            "commands/init.rs",
            "commands/mcp.rs",
            "fleet/relay/pty.rs",
            "fleet/relay/copying.rs",
        ],
    ),
    // Waiting is for the kernel's queue, a watch, or a channel. The store waits for a writer that does not lock, as do the
    // questions to git.
    (
        &["thread::sleep"],
        &[
            "app.rs",
            "fleet/child.rs",
            "fleet/paste/terminal.rs",
            "fleet/program.rs",
            "fleet/remains.rs",
            "fleet/worktree/remove.rs",
            "store/file.rs",
            "store/reading.rs",
        ],
    ),
];

/// What stands nowhere: mappings of files that others truncate, shells, and promises to finish later.
const NOWHERE: [&str; 10] = [
    "TcpStream",
    "UnixStream",
    "mmap",
    "new(\"sh",
    "new(\"bash",
    "process::exit",
    "static mut",
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    "todo!",
];

struct Source {
    /// Below `src`.
    name: String,
    whole: String,
    /// Without comments and tests; empty where everything is a test.
    code: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let base = root().join("src");
    let mut found = Vec::new();
    let mut folders = vec![base.clone()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|extension| extension == "rs") => found.push(source(&base, path)),
                false => {}
            }
        }
    }
    assert!(found.len() > 50, "the sources were not found");
    found
}

fn source(base: &Path, path: PathBuf) -> Source {
    let whole = std::fs::read_to_string(&path).unwrap();
    let name = path.strip_prefix(base).unwrap().to_str().unwrap().to_owned();
    let is_test = name.contains("tests") || name.ends_with("testing.rs") || name.ends_with("random_trees.rs");
    let code = if is_test { String::new() } else { without_tests_and_comments(&whole) };
    Source { name, whole, code }
}

/// Tests stand last in a file, as everywhere in this house.
fn without_tests_and_comments(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    let lines = text[..end].lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| format!("{}\n", line.split(" // ").next().unwrap_or_default())).collect()
}

/// Fails once, with every finding.
fn conclude(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

#[test]
fn words_stand_only_where_they_may() {
    let mut findings = Vec::new();
    for source in sources() {
        let (name, code) = (&source.name, &source.code);
        let may = |places: &[&str]| {
            places.iter().any(|place| if place.ends_with('/') { name.starts_with(place) } else { name == place })
        };
        for (room, words) in ABSENT.iter().filter(|(room, _)| name.starts_with(room)) {
            let present = words.iter().filter(|word| code.contains(*word));
            findings.extend(present.map(|word| format!("{name}: {word}, in {room}")));
        }
        for (words, places) in WORDS {
            let strangers = words.iter().filter(|word| code.contains(*word) && !may(places));
            findings.extend(strangers.map(|word| format!("{name}: {word}")));
        }
        findings.extend(NOWHERE.iter().filter(|word| code.contains(*word)).map(|word| format!("{name}: {word}")));
    }
    conclude(&findings);
}

#[test]
fn arrows_point_one_way() {
    let mut findings = Vec::new();
    for source in sources() {
        let room = source.name.split(['/', '.']).next().unwrap();
        let Some((_, allowed)) = ARROWS.iter().find(|(of, _)| *of == room) else {
            assert!(matches!(room, "main" | "bin"), "{room} is a room that no arrow leads to");
            continue;
        };
        for used in source.code.split("crate::").skip(1) {
            let used: String = used.chars().take_while(|c| c.is_ascii_alphabetic() || *c == '_').collect();
            if !allowed.contains(&&*used) && !used.is_empty() {
                findings.push(format!("{} uses {used}", source.name));
            }
        }
    }
    conclude(&findings);
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut findings = Vec::new();
    for Source { name, whole, .. } in sources() {
        let lines = whole.lines().count();
        if lines > MOST_LINES {
            findings.push(format!("{name} has {lines} lines"));
        }
        if !whole.starts_with("//!") {
            findings.push(format!("{name} does not open with what it is"));
        }
        if whole.contains("#[allow(") || whole.contains("#![allow(") {
            findings.push(format!("{name} allows a lint; expect it, with the reason"));
        }
    }
    conclude(&findings);
}

#[test]
fn the_top_level_is_what_it_is() {
    let entries = std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let strangers: Vec<String> =
        entries.filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(&&**name)).collect();
    conclude(&strangers);
}

#[test]
fn dependencies_are_few() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let packages = lock.lines().filter(|line| *line == "[[package]]").count();
    assert!(packages <= MOST_PACKAGES, "{packages} packages: is the new one worth it? then raise MOST_PACKAGES");
}
