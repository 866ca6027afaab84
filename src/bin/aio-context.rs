//! `aio-context`: the shared memory under the name the playbook gave it. `aio-context decision …` is
//! `aio context add decision …`; everything else is `aio context …`.

use std::ffi::OsString;

use aio::protocol::context::CATEGORIES;

fn main() -> std::process::ExitCode {
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_else(|| "aio-context".into());
    let rest: Vec<OsString> = args.collect();
    let is_category = |word: &OsString| word.to_str().is_some_and(|word| CATEGORIES.contains(&word));
    let add = rest.iter().find(|arg| !arg.as_encoded_bytes().starts_with(b"-")).is_some_and(is_category);
    let verb: &[&str] = if add { &["context", "add"] } else { &["context"] };
    let verb = verb.iter().map(OsString::from);
    aio::main(std::iter::once(program).chain(verb).chain(rest).collect())
}
