//! `aio-init [path]`: `aio init` for this machine and a project, the current folder unless another is named.

use std::ffi::OsString;

use aio::cli::verb_position;

fn main() -> std::process::ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let here = verb_position(&args).is_none().then(|| OsString::from("."));
    let (program, rest) = args.split_at(1.min(args.len()));
    aio::main(program.iter().cloned().chain(["init".into()]).chain(rest.iter().cloned()).chain(here).collect())
}
