//! `aio-context`: the shared memory under the name the playbook gave it. `aio-context decision …` is
//! `aio context add decision …`; everything else is `aio context …`.

use std::ffi::OsString;

use aio::cli::verb_position;
use aio::protocol::context::CATEGORIES;

fn main() -> std::process::ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let verb = verb_position(&args).and_then(|position| args[position].to_str());
    let add = verb.is_some_and(|verb| CATEGORIES.contains(&verb));
    let words: &[&str] = if add { &["context", "add"] } else { &["context"] };
    let (program, rest) = args.split_at(1.min(args.len()));
    let words = words.iter().map(OsString::from);
    aio::main(program.iter().cloned().chain(words).chain(rest.iter().cloned()).collect())
}
