//! `aio-init [path]`: `aio init` for this machine and a project, the current folder unless another is named.

use std::ffi::OsString;

fn main() -> std::process::ExitCode {
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_else(|| "aio-init".into());
    let rest: Vec<OsString> = args.collect();
    let named = rest.iter().any(|arg| !arg.as_encoded_bytes().starts_with(b"-"));
    let here = (!named).then(|| OsString::from("."));
    aio::main([program, "init".into()].into_iter().chain(rest).chain(here).collect())
}
