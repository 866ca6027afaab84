//! One verb a file: arguments become an operation, the store commits it, the outcome becomes a report.
//!
//! No rule lives here; what a command decides is only how to ask and how to say it.

mod beads;
pub mod check;
pub mod claim;
pub mod cleanup;
pub mod completions;
pub mod conflicts;
pub mod context;
pub mod diff;
pub mod doctor;
pub mod guard;
pub mod hook;
pub mod init;
mod interrupting;
pub mod jobs;
pub mod launching;
pub mod log;
pub mod mcp;
pub mod merge;
mod merging;
pub mod parent;
pub mod pr;
pub mod projects;
pub mod register;
pub mod release;
pub mod repair;
pub mod run;
pub mod start;
pub mod status;
pub mod targets;
pub mod task;
pub mod tell;
pub mod wait;
pub mod watch;
mod wording;

use crate::app::App;
use crate::cli::Verb;
use crate::error::Failure;
use crate::output::Report;

/// Runs a command.
///
/// # Errors
/// Whatever kept it from being done.
pub fn run(app: &App, verb: Verb) -> Result<Report, Failure> {
    // These ask for nobody, but a name that is given must be somebody's.
    if app.is_named() && matches!(verb, Verb::Log(_) | Verb::Watch(_) | Verb::Context(_)) {
        app.identify()?;
    }
    let ailment = app.ailment.as_ref().filter(|_| tells_of_settings(&verb));
    let note = ailment.map(|failure| format!("the defaults are taken for all settings: {}", failure.line()));
    // Some go on for long; a program reads one answer.
    let (first, last) = if app.output.json { (None, note) } else { (note, None) };
    first.iter().for_each(|note| app.warn(note));
    let mut report = act(app, verb)?;
    report.notes.extend(last);
    Ok(report)
}

fn act(app: &App, verb: Verb) -> Result<Report, Failure> {
    match verb {
        Verb::Status(args) => status::run(app, &args),
        Verb::Register(args) => register::run(app, &args),
        Verb::Heartbeat(_) => register::heartbeat(app),
        Verb::Unregister(_) => register::unregister(app),
        Verb::Task(args) => task::run(app, &args),
        Verb::Claim(args) => claim::run(app, &args),
        Verb::Check(args) => check::run(app, &args),
        Verb::Release(args) => release::run(app, &args),
        Verb::Cleanup(_) => cleanup::run(app),
        Verb::Context(args) => context::run(app, &args.verb),
        Verb::Handoff(args) => context::handoff(app, &args),
        Verb::Tell(args) => tell::run(app, &args),
        Verb::Hook(args) => Ok(hook::run(app, &args)),
        Verb::Mcp(_) => mcp::run(app),
        Verb::Run(args) => run::run(app, &args),
        Verb::Guard(args) => guard::run(app, &args),
        Verb::Projects(args) => projects::run(app, &args),
        Verb::Start(args) => start::run(app, &args),
        Verb::Multi(args) => launching::multi(app, &args),
        Verb::All(args) => launching::all(app, &args),
        Verb::Jobs(args) => jobs::run(app, &args),
        Verb::Logs(args) => jobs::steering::logs(app, &args),
        Verb::Attach(args) => jobs::steering::attach(app, &args),
        Verb::Send(args) => jobs::sending::run(app, &args),
        Verb::Stop(args) => jobs::steering::stop(app, &args),
        Verb::Resume(args) => jobs::steering::resume(app, &args),
        Verb::Retry(args) => jobs::bringing::retry(app, &args),
        Verb::Remove(args) => jobs::bringing::remove(app, &args),
        Verb::Report(args) => jobs::reporting::run(app, &args),
        Verb::Parent(args) => parent::run(app, &args),
        Verb::Conflicts(args) => conflicts::run(app, &args),
        Verb::Diff(args) => diff::run(app, &args),
        Verb::Merge(args) => merge::run(app, &args),
        Verb::Pr(args) => pr::run(app, &args),
        Verb::Log(args) => log::run(app, &args),
        Verb::Watch(_) => watch::run(app),
        Verb::Doctor(args) => doctor::run(app, &args),
        Verb::Init(args) => init::run(app, &args),
        Verb::Completions(args) => completions::run(&args),
        Verb::Man(_) => completions::manual(),
    }
}

/// Whether a command goes on where the settings cannot be read: those that only look, and `stop`. What others do would be
/// decided by settings that somebody changed: which claims meet and who has lost theirs, which agents there are and where they run.
pub fn needs_no_settings(verb: &Verb) -> bool {
    let looks = matches!(
        verb,
        Verb::Jobs(_)
            | Verb::Logs(_)
            | Verb::Attach(_)
            | Verb::Diff(_)
            | Verb::Report(_)
            | Verb::Status(_)
            | Verb::Log(_)
    );
    let explains = matches!(verb, Verb::Doctor(_) | Verb::Completions(_) | Verb::Man(_));
    // A parent has its job wait until they can be read, and says so in its record.
    looks || explains || matches!(verb, Verb::Stop(_) | Verb::Parent(_))
}

/// Whether it is to be said before anything else that they cannot be read: a hook and a parent write it down, `doctor` finds it,
/// and what prints texts of ours has none.
fn tells_of_settings(verb: &Verb) -> bool {
    let is_told_otherwise = matches!(verb, Verb::Hook(_) | Verb::Parent(_) | Verb::Doctor(_));
    !is_told_otherwise && !matches!(verb, Verb::Completions(_) | Verb::Man(_))
}

/// Longest task, issue or reason in bytes: it stands in every message about this session's claims.
const MAX_WORDS_BYTES: usize = 500;

/// Refuses words that would drown every message they are repeated in.
fn check_words(what: &str, words: &str) -> Result<(), Failure> {
    if words.len() <= MAX_WORDS_BYTES {
        return Ok(());
    }
    let length = words.len();
    Err(Failure::usage(format!("{length} bytes are too long for a {what}; {MAX_WORDS_BYTES} are allowed"))
        .hint("put the rest into aio handoff"))
}
