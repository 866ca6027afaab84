//! `aio doctor`: what is wrong on this machine, each with its remedy.

pub(super) mod agents;

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::cleanup::leftovers::unowned;
use super::repair;
use crate::app::App;
use crate::cli::DoctorArgs;
use crate::error::{Exit, Failure};
use crate::fleet::program::Program;
use crate::host::folding::folds_case;
use crate::host::machine::sees_all_processes;
use crate::output::{Line, Report, Style};
use crate::protocol::lease;
use crate::protocol::spelling::shell_word;
use crate::protocol::state::SCHEMA_VERSION;
use crate::store::file::is_temporary;
use crate::store::lock::Patience;
use crate::store::{journal, mount};

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Fine,
    Notice,
    Broken,
}

/// What one examination found.
struct Finding {
    grade: Grade,
    what: &'static str,
    found: String,
    remedy: String,
}

impl Finding {
    fn fine(what: &'static str, found: impl Into<String>) -> Finding {
        Finding { grade: Grade::Fine, what, found: found.into(), remedy: String::new() }
    }

    fn notice(what: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { grade: Grade::Notice, what, found: found.into(), remedy: remedy.into() }
    }

    fn broken(what: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { grade: Grade::Broken, what, found: found.into(), remedy: remedy.into() }
    }
}

pub(super) fn run(app: &App, args: &DoctorArgs) -> Result<Report, Failure> {
    let repaired = if args.repair { repair::run(app)? } else { Vec::new() };
    let mut findings = vec![directory(app), permissions(app), file_system(app), locking(app)];
    findings.extend([
        state(app),
        instances(app),
        clock(app),
        leftovers(app),
        room(app),
        journal(app),
        processes(app),
        git(),
        settings(app),
    ]);
    findings.extend(case(app));
    findings.extend(lost_jobs(app));
    findings.extend(agents::findings(app));
    let broken = findings.iter().any(|finding| finding.grade == Grade::Broken);
    let mut report = Report::silent(if broken { "broken" } else { "healthy" });
    report.exit = if broken { Exit::Environment } else { Exit::Done };
    report.lines = repaired.iter().map(|line| Line::of(Style::Good, line)).collect();
    report.lines.extend(findings.iter().map(in_words));
    let details = findings.iter().map(|finding| {
        json!({ "check": finding.what, "grade": format!("{:?}", finding.grade).to_lowercase(), "found": finding.found, "remedy": finding.remedy })
    });
    report.data = json!({ "repaired": repaired, "findings": details.collect::<Vec<_>>() });
    Ok(report)
}

fn in_words(finding: &Finding) -> Line {
    let (style, sign) = match finding.grade {
        Grade::Fine => (Style::Good, "ok    "),
        Grade::Notice => (Style::Notice, "note  "),
        Grade::Broken => (Style::Bad, "broken"),
    };
    let remedy = if finding.remedy.is_empty() { String::new() } else { format!("; {}", finding.remedy) };
    Line(vec![
        (style, format!("{sign} ")),
        (Style::Strong, format!("{}: ", finding.what)),
        (Style::Plain, format!("{}{remedy}", finding.found)),
    ])
}

fn directory(app: &App) -> Finding {
    let dir = app.store.dir();
    let shown = dir.display().to_string();
    match fs::metadata(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Finding::notice("directory", format!("{shown} is not there yet"), "aio init makes it")
        }
        Err(error) => Finding::broken("directory", format!("{shown}: {error}"), "make it accessible, or set AIO_DIR"),
        Ok(metadata) if !metadata.is_dir() => {
            Finding::broken("directory", format!("{shown} is not a directory"), "move it away, or set AIO_DIR")
        }
        Ok(metadata) if metadata.uid() != rustix::process::geteuid().as_raw() => {
            Finding::broken("directory", format!("{shown} belongs to another user"), "set AIO_DIR to one of your own")
        }
        Ok(_) => Finding::fine("directory", shown),
    }
}

fn permissions(app: &App) -> Finding {
    let open = |path: &Path| fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0);
    let candidates = [app.store.dir().to_owned(), app.store.state_path()];
    match candidates.iter().find(|path| open(path)) {
        Some(path) => {
            let path = path.display();
            Finding::notice("permissions", format!("others can read {path}"), format!("chmod go-rwx {path}"))
        }
        None => Finding::fine("permissions", "private"),
    }
}

fn file_system(app: &App) -> Finding {
    match mount::kind(app.store.dir()) {
        mount::Kind::Local => Finding::fine("durability", "a local file system"),
        mount::Kind::Memory => Finding::notice(
            "durability",
            "the state is in memory and does not survive a reboot",
            "set AIO_DIR to a disk if it should",
        ),
        mount::Kind::Network => Finding::notice(
            "durability",
            "the state is on a network file system: reads may lag, and processes elsewhere cannot be judged",
            "keep AIO_DIR on a local disk where you can",
        ),
    }
}

fn locking(app: &App) -> Finding {
    match app.store.lock(Patience::Until(Duration::from_secs(2)), &app.stamp()) {
        Ok(_) => Finding::fine("locking", "works"),
        Err(error) => {
            let failure = Failure::from(error);
            let remedy = failure.hints.first().cloned().unwrap_or_default();
            Finding::broken("locking", failure.message, remedy)
        }
    }
}

fn state(app: &App) -> Finding {
    let seen =
        app.with_state(|state| Ok((state.schema_version, state.revision, state.claims.len(), repair::unread(state))));
    match seen {
        Ok((version, ..)) if version > SCHEMA_VERSION => {
            Finding::broken("state", format!("schemaVersion {version} is newer than this aio"), "install the newer aio")
        }
        Ok((.., Some((section, error)))) => {
            Finding::broken("state", format!("its {section} cannot be read: {error}"), "aio doctor --repair")
        }
        Ok((_, revision, claims, None)) => Finding::fine("state", format!("revision {revision}, {claims} claims")),
        Err(failure) => Finding::broken("state", failure.message, "aio doctor --repair"),
    }
}

fn instances(app: &App) -> Finding {
    let gone = app.with_state(|state| {
        let evidence = app.evidence(state, &state.instances.iter().collect::<Vec<_>>());
        let here = state.instances.iter().filter(|instance| instance.evicted_at.is_empty());
        Ok(here.filter(|instance| !lease::liveness(instance, &evidence).holds()).count())
    });
    match gone {
        Ok(0) => Finding::fine("instances", "none stale"),
        Ok(gone) => Finding::notice("instances", format!("{gone} stale or dead; they block nobody"), "aio cleanup"),
        Err(_) => Finding::notice("instances", "unknown while the state cannot be read", "aio doctor --repair"),
    }
}

fn clock(app: &App) -> Finding {
    const TOLERANCE_MS: i64 = 60_000;
    let now = app.now().wall_ms;
    let ahead = app.with_state(|state| {
        let stamps = state.instances.iter().filter_map(|i| crate::protocol::time::unix_ms(&i.last_heartbeat));
        Ok(stamps.filter(|stamp| *stamp > now + TOLERANCE_MS).count())
    });
    match ahead {
        Ok(ahead) if ahead > 0 => {
            Finding::notice("clock", format!("{ahead} heartbeats lie in the future"), "set this machine's clock")
        }
        _ => Finding::fine("clock", "no heartbeat lies ahead"),
    }
}

fn leftovers(app: &App) -> Finding {
    let listing = fs::read_dir(app.store.dir()).into_iter().flatten().flatten();
    let names: Vec<_> = listing.map(|entry| entry.file_name()).collect();
    let corrupt = names.iter().filter(|name| name.to_string_lossy().contains(".corrupt-")).count();
    let temporary = names.iter().filter(|name| is_temporary(name)).count();
    match (corrupt, temporary) {
        (0, 0) => Finding::fine("leftovers", "none"),
        (0, _) => Finding::notice("leftovers", format!("{temporary} temporary files"), "the next writer removes them"),
        (corrupt, _) => Finding::notice(
            "leftovers",
            format!("{corrupt} copies of a state that could not be read"),
            "look at them, then remove them",
        ),
    }
}

/// Worktrees of jobs that the state does not have any more: somebody lost or changed it.
fn lost_jobs(app: &App) -> Option<Finding> {
    // Of a state that cannot be read more is said elsewhere.
    let folders = unowned(app).unwrap_or_default();
    let first = folders.first()?;
    let names: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    let branch = first.file_name().unwrap_or_default().to_string_lossy();
    let remedy =
        format!("see git -C {} status; its branch is aio/{branch}; aio cleanup names what runs", shell_word(first));
    Some(Finding::notice("lost jobs", format!("no job has {}", names.join(", ")), remedy))
}

fn room(app: &App) -> Finding {
    match app.store.try_room() {
        Ok(()) => Finding::fine("room", "for another state"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Finding::fine("room", "not looked for yet"),
        Err(error) => {
            let found = format!("no further state can be written in {}: {error}", app.store.dir().display());
            Finding::broken("room", found, "make room there, or set AIO_DIR to another disk")
        }
    }
}

fn journal(app: &App) -> Finding {
    let path = app.store.dir().join(journal::FILE);
    let writable = !path.exists() || fs::OpenOptions::new().append(true).open(&path).is_ok();
    match writable {
        true => Finding::fine("journal", "can be written"),
        false => Finding::notice("journal", format!("{} cannot be written", path.display()), "aio log will show gaps"),
    }
}

fn processes(app: &App) -> Finding {
    let machine = app.machine();
    if machine.boot_id.is_empty() || machine.host.is_empty() || machine.pid_namespace.is_empty() {
        return Finding::notice(
            "processes",
            "they cannot be judged from here",
            "only heartbeats keep claims, 5 minutes",
        );
    }
    match sees_all_processes(machine) {
        true => Finding::fine("processes", "visible"),
        false => Finding::notice(
            "processes",
            "this is a pid namespace of its own: agents outside cannot be judged from here",
            "nothing to do in a sandbox",
        ),
    }
}

fn settings(app: &App) -> Finding {
    match &app.ailment {
        None => Finding::fine("settings", "understood"),
        Some(failure) => Finding::broken("settings", &*failure.message, failure.hints.concat()),
    }
}

fn git() -> Finding {
    match Program::new("git").arg("--version").run() {
        Ok(ran) if ran.is_good() => Finding::fine("git", ran.text()),
        _ => Finding::notice("git", "it is not installed", "only aio guard --staged needs it"),
    }
}

fn case(app: &App) -> Option<Finding> {
    let folds = folds_case(&app.cwd);
    folds.then(|| Finding::fine("case", "this folder's file system ignores case; claims compare accordingly"))
}
