//! The programs that are compared, built as they are released.
//!
//! `cargo bench` builds the binaries of a package as well, but so that they unwind; ours abort.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Where they are.
#[derive(Debug)]
pub(crate) struct Programs {
    /// aio, by its release profile.
    pub(crate) aio: PathBuf,
    /// An empty program of the same profile.
    pub(crate) empty: PathBuf,
    /// The least a durable write can be.
    pub(crate) writer: PathBuf,
    /// The agent that tests start.
    pub(crate) fake_agent: PathBuf,
}

impl Programs {
    /// Builds them, in the target directory that `scratch` is in; or takes those in the folder `AIO_BENCH_PROGRAMS`.
    pub(crate) fn build(scratch: &Path) -> Programs {
        if let Some(folder) = std::env::var_os("AIO_BENCH_PROGRAMS").map(PathBuf::from) {
            let [aio, empty, writer, fake_agent] =
                ["aio", "empty", "writer", "fake-agent"].map(|name| folder.join(name));
            return Programs { aio, empty, writer, fake_agent };
        }
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = scratch.parent().expect("it is in a target directory");
        let own = build(&package.join("Cargo.toml"), target, &["--release", "--bin", "aio"]);
        let agent = build(&package.join("Cargo.toml"), target, &["--profile", "bench", "--example", "fake-agent"]);
        let floors = ["--release", "--bins"];
        let floors = build(&package.join("benches/floors/Cargo.toml"), &scratch.join("floors"), &floors);
        let named = |programs: &[PathBuf], name: &str| {
            let found = programs.iter().find(|program| program.file_stem().is_some_and(|stem| stem == name));
            found.unwrap_or_else(|| panic!("{name} was not built")).clone()
        };
        // As `cargo install` puts them in place: a copy lies in larger pieces than what a linker wrote.
        let installed = |program: PathBuf| {
            let place = scratch.join(program.file_name().expect("it is a file"));
            std::fs::copy(&program, &place).expect("programs can be copied");
            place
        };
        Programs {
            aio: installed(named(&own, "aio")),
            empty: installed(named(&floors, "empty")),
            writer: installed(named(&floors, "writer")),
            fake_agent: installed(named(&agent, "fake-agent")),
        }
    }
}

fn build(manifest: &Path, target: &Path, which: &[&str]) -> Vec<PathBuf> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--locked", "--message-format=json", "--manifest-path"]);
    let output = cargo.arg(manifest).args(which).arg("--target-dir").arg(target).stderr(Stdio::inherit()).output();
    let output = output.expect("cargo runs");
    assert!(output.status.success(), "{} cannot be built", manifest.display());
    let messages = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    let executables = messages.filter_map(|message| Some(message.ok()?.get("executable")?.as_str()?.into()));
    executables.collect()
}
