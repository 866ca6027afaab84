//! aio: several AI coding agents on one machine, in one repository, without overwriting each other.
//!
//! Layers, each of which uses only those after it:
//!
//! | room | owns | never |
//! |---|---|---|
//! | [`cli`] | what was typed | reads anything |
//! | [`commands`] | arguments → operation → commit → report | holds a rule |
//! | [`app`], [`config`] | environment, home, clock, randomness, current directory | is read around |
//! | [`output`], [`table`], [`error`] | every printed word's way out | decides |
//! | [`setup`] | what agents' own settings say of us | asks, prints, starts anything |
//! | [`hooks`] | what an agent is about to do, told from its own words, pure | looks at a file |
//! | [`host`] | processes, boot, paths, repositories | writes, spawns |
//! | [`store`] | files, lock, journal, archive | knows a claim from an instance |
//! | [`protocol`] | every rule, pure | touches a file, clock, process, environment or randomness |
//!
//! `spec/ARCHITECTURE.md` is the map; `tests/suite/tidy.rs` keeps it.

pub mod app;
pub mod cli;
pub mod commands;
pub mod config;
pub mod error;
pub mod fleet;
pub mod hooks;
pub mod host;
pub mod output;
pub mod protocol;
pub mod setup;
pub mod store;
pub mod table;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::app::App;
use crate::cli::{Invocation, Verb};
use crate::error::Failure;
use crate::output::Report;

/// Runs a command line from its words to its exit code.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let args = cli::lengthened(args);
    // A hook answers in its agent's dialect, and nothing that it comes to may stop the agent.
    let is_hook = cli::verb(&args) == Some("hook");
    let json = !is_hook && args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json");
    let help = cli::verb(&args).map_or_else(|| "aio --help".to_owned(), |verb| format!("aio {verb} --help"));
    let (result, changed) = match cli::parse(args.clone()) {
        Ok(invocation) => run(invocation),
        Err(error) if !error.use_stderr() => return print_help(&error),
        Err(error) => (Err(misunderstood(&error, &args, help)), false),
    };
    let signal = result.as_ref().map_or(0, |report| report.signal);
    let exit = app::output(json).finish(result, changed);
    if signal != 0 {
        // Where a signal cannot be repeated, a shell's way of saying so is next best.
        signal_hook::low_level::emulate_default_handler(signal).unwrap_or_default();
    }
    if is_hook { ExitCode::SUCCESS } else { exit.into() }
}

/// How it ended, and whether the state was changed.
fn run(Invocation { globals, verb }: Invocation) -> (Result<Report, Failure>, bool) {
    let is_hook = matches!(verb, Verb::Hook(_));
    let app = match &verb {
        Verb::Hook(_) => App::for_hook(&globals),
        verb if commands::needs_no_settings(verb) => App::despite_settings(&globals),
        _ => App::new(&globals),
    };
    match app {
        Ok(app) => (commands::run(&app, verb), app.changed.get()),
        // Whatever else is wrong here, the agent goes on.
        Err(failure) if is_hook => (Ok(commands::hook::unable(&failure)), false),
        Err(failure) => (Err(failure), false),
    }
}

fn print_help(help: &clap::Error) -> ExitCode {
    // A reader that went away has read enough.
    help.print().unwrap_or_default();
    ExitCode::SUCCESS
}

/// clap's explanation, in one line. Words that begin with a dash are to be had as words: how, is said whole.
fn misunderstood(error: &clap::Error, args: &[OsString], help: String) -> Failure {
    if let Some((dashed, joined)) = cli::with_value_joined(error, args)
        && let Some(line) = cli::pasted(&joined)
    {
        return match cli::parse(joined.clone()) {
            Ok(_) => Failure::usage(format!("{dashed} is no option of this; as a value: {line}")).hint(help),
            Err(error) => misunderstood(&error, &joined, help),
        };
    }
    if let Some((dashed, line)) = cli::with_words_apart(error, args) {
        return Failure::usage(format!("{dashed} is no option of this; as a word: {line}")).hint(help);
    }
    let text = error.render().to_string();
    let explanation = text.split("\n\nUsage:").next().unwrap_or_default();
    let explanation = explanation.split("\n\nFor more information").next().unwrap_or_default();
    let words: Vec<&str> = explanation.split_whitespace().collect();
    Failure::usage(words.join(" ").trim_start_matches("error: ")).hint(help)
}
