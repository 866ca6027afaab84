//! Any command line: it is understood or refused, and a parser built for one verb understands as the whole one does.

#![no_main]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use aio::cli;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let words = data.split(|&byte| byte == b'\n').map(|word| OsStr::from_bytes(word).to_owned());
    let args: Vec<OsString> = std::iter::once("aio".into()).chain(words).collect();
    let waits = args.iter().any(|arg| arg == "--wait");
    // Two identities are refused; the whole parser takes one on either side of the verb.
    let names = args.iter().filter(|arg| arg.as_encoded_bytes().starts_with(b"--as")).count();
    let whole = cli::tree().try_get_matches_from(&args);
    match cli::parse(args) {
        Ok(understood) => {
            drop(format!("{understood:?}"));
            assert!(waits || whole.is_ok(), "only the verb's own parser takes it");
        }
        Err(refused) => {
            drop(refused.render().to_string());
            // Of two reasons, such as a call for help and a word that is none, each may find another first.
            assert!(waits || names > 1 || whole.is_err(), "only the whole parser takes it");
        }
    }
});
