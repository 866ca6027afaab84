//! Links the programs so that they start quickly: what the loader does takes longer than everything a check does.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") && is("PROFILE", "release") {
        // At a fixed address nothing has to be adjusted; else 5,000 pointers on 25 pages are, at every start. It makes memory
        // errors easier to exploit, which safe Rust does not have.
        println!("cargo::rustc-link-arg-bins=-no-pie");
        // Rust's library asks for the unwinder, and programs that abort never use it.
        if is_there("libgcc_eh.a") {
            println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
        }
    }
}

/// Whether the linker has a static library. It gives back the bare name of what it does not find.
fn is_there(library: &str) -> bool {
    let linker = std::env::var("RUSTC_LINKER").unwrap_or_else(|_| "cc".to_owned());
    let output = Command::new(linker).arg(format!("-print-file-name={library}")).output();
    output.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_absolute())
}
