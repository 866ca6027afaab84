//! Jobs watched until their agents took their tasks, and shown meanwhile.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{App, Interruption, JobFiles, Line, NewJob, Style, line, unspell};
use crate::commands::jobs::evidence::look_all;
use crate::output::{Progress, Step};
use crate::protocol::fleet::{Delivery, Job, Standing, find_job, standing};

/// How long to watch until agents have taken their tasks.
const PATIENCE: Duration = Duration::from_secs(90);
const GLANCE: Duration = Duration::from_millis(100);
/// The way of a job, as it is shown. Those from `fetching` to `starting` are noted by its parent.
const WAY: [&str; 9] =
    ["queued", "fetching", "worktree", "files", "submodules", "setup", "starting", "delivered", "acknowledged"];

/// What came of a launch.
#[derive(Default)]
pub(in crate::commands) struct Started {
    pub(in crate::commands) lines: Vec<Line>,
    pub(in crate::commands) notes: Vec<String>,
    /// What to do next, for programs.
    pub(in crate::commands) hints: Vec<String>,
    /// How many agents are not known to have their tasks, of those whose turn it is.
    pub(in crate::commands) untaken: usize,
    /// The agents and the projects of jobs of which nothing says that they have their tasks.
    pub(super) unconfirmed: BTreeSet<(String, String)>,
    settled: usize,
    /// How many of those have nobody who would write down what becomes of them.
    crashed: usize,
    steps: Vec<Step>,
}

/// Watches until each has taken its task, has ended, or waits for its turn.
pub(super) fn until_taken(app: &App, jobs: &[NewJob], begun: &[String], interruption: &Interruption) -> Started {
    let deadline = Instant::now() + PATIENCE;
    let mut progress = Progress::new(app.output);
    let mut crashed_before = 0;
    loop {
        let started = look(app, jobs, begun, false);
        let taken = started.steps.iter().filter(|step| step.at == "acknowledged").count();
        progress.show(&started.steps, &format!("{taken}/{} acknowledged", jobs.len()));
        // A parent that was seen to be gone may have written the end just before: then it is there at the second look.
        let is_settled = started.settled == jobs.len() && started.crashed == crashed_before;
        if is_settled || Instant::now() >= deadline || interruption.came() {
            return look(app, jobs, begun, true);
        }
        crashed_before = started.crashed;
        crate::app::pause(GLANCE);
    }
}

/// How far all of them are. At the end git is asked, too, what those have made that have ended.
fn look(app: &App, jobs: &[NewJob], begun: &[String], is_end: bool) -> Started {
    let looked = app.with_state(|state| {
        let known = state.jobs.entries().unwrap_or_default();
        let evidence = app.evidence_of_jobs(state);
        let (mut started, mut words) = (Started::default(), Vec::new());
        let (mut failed, mut over) = (Vec::new(), Vec::new());
        for new in jobs {
            let Ok(job) = find_job(&known, &new.id) else { continue };
            let (style, word) = match job.is_orphaned(&evidence) {
                true => (Style::Bad, "CRASHED"),
                false => word(job, begun.contains(&new.id)),
            };
            words.push(word);
            failed.extend(matches!(word, "FAILED" | "CRASHED").then_some(&*new.id));
            over.extend(matches!(word, "FAILED" | "CRASHED" | "STOPPED").then_some(&*new.id));
            started.crashed += usize::from(word == "CRASHED");
            started.settled += usize::from(word != "STARTING");
            started.untaken += usize::from(!matches!(word, "LAUNCHED" | "QUEUED"));
            if word == "UNCONFIRMED" {
                started.unconfirmed.insert((job.tool.to_string(), job.project.to_string()));
            }
            let why = match word {
                "CRASHED" => "its aio process is gone",
                "UNCONFIRMED" => &job.receipt,
                _ if job.failure.is_empty() => &job.question,
                _ => &job.failure,
            };
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            let state = match word {
                "LAUNCHED" if is_end && job.stage == *"ended" => {
                    let seen = look_all(app, state, &[job]).0;
                    seen.first().map(|seen| format!(" ({})", seen.standing.name())).unwrap_or_default()
                }
                "LAUNCHED" => format!(" ({})", standing(job, false, &evidence).name()),
                _ => String::new(),
            };
            let rest = format!("{}  {}{state}{why}", &*job.id, unspell(&job.project).display());
            started.lines.push(line(style, word, &rest));
            started.steps.push(step(app, job, word));
        }
        if !words.is_empty() {
            let next = match &*failed {
                // What has ended can be neither followed nor stopped.
                [failed, ..] if words.iter().all(|word| matches!(*word, "FAILED" | "QUEUED")) => {
                    format!("aio logs {failed}; aio retry {failed}")
                }
                [..] if words.contains(&"CRASHED") => "aio cleanup; aio jobs".to_owned(),
                _ => match jobs.iter().find(|job| !over.contains(&&*job.id)) {
                    Some(followed) => format!("aio jobs; aio logs -f {0}; aio stop {0}", followed.id),
                    None => "aio jobs".to_owned(),
                },
            };
            started.notes.push(format!("{}; next: {next}", summary(&words)));
            started.hints = next.split("; ").map(str::to_owned).collect();
        }
        Ok(started)
    });
    looked.unwrap_or_else(|failure| Started { notes: vec![failure.message], ..Started::default() })
}

/// How many stand how.
fn summary(words: &[&str]) -> String {
    let count = |word: &&str| words.iter().filter(|other| *other == word).count();
    let all = ["LAUNCHED", "UNCONFIRMED", "WAITING", "STARTING", "QUEUED", "STOPPED", "FAILED", "CRASHED"];
    let some: Vec<String> = all
        .iter()
        .filter(|word| count(word) > 0)
        .map(|word| format!("{} {}", count(word), word.to_lowercase()))
        .collect();
    some.join(", ")
}

/// How a job stands, for a person.
fn word(job: &Job<'_>, is_begun: bool) -> (Style, &'static str) {
    let is_taken = job.delivery == *Delivery::Acknowledged.name();
    let is_unsure = job.delivery == *Delivery::Unconfirmed.name();
    match &*job.stage {
        "queued" if is_begun && job.failure.is_empty() => (Style::Notice, "STARTING"),
        "queued" => (Style::Faint, "QUEUED"),
        "ended" if job.result == *"stopped" => (Style::Faint, "STOPPED"),
        "ended" if job.result != *"done" => (Style::Bad, "FAILED"),
        _ if is_taken || job.stage == *"ended" => (Style::Good, "LAUNCHED"),
        _ if is_unsure => (Style::Notice, "UNCONFIRMED"),
        _ if job.turn == *"waiting" || !job.retry_at.is_empty() => (Style::Notice, "WAITING"),
        _ => (Style::Notice, "STARTING"),
    }
}

/// Where on its way it is.
fn step(app: &App, job: &Job<'_>, word: &str) -> Step {
    let at = match (word, &*job.stage) {
        ("FAILED", _) => "failed".to_owned(),
        ("CRASHED", _) => "crashed".to_owned(),
        ("STOPPED", _) => "stopped".to_owned(),
        ("UNCONFIRMED", _) => "unconfirmed".to_owned(),
        ("WAITING", _) => "waiting".to_owned(),
        ("LAUNCHED", _) => "acknowledged".to_owned(),
        (_, "queued") => "queued".to_owned(),
        _ if job.delivery == *Delivery::Delivered.name() => "delivered".to_owned(),
        _ => JobFiles::of(app.store.dir(), &job.id).step(),
    };
    of_way(&job.id, &at)
}

/// Where on its way it is until it ends, and how it ended.
pub(super) fn on_its_way(app: &App, job: &Job<'_>, standing: Standing) -> Step {
    match standing {
        Standing::Queued => of_way(&job.id, WAY[0]),
        Standing::Starting => of_way(&job.id, &JobFiles::of(app.store.dir(), &job.id).step()),
        standing => of_way(&job.id, standing.name()),
    }
}

/// A step of the way. What stands nowhere on it is at its end.
pub(in crate::commands) fn of_way(id: &str, at: &str) -> Step {
    let at = if at.is_empty() { WAY[0] } else { at };
    let of = WAY.len() - 1;
    let done = WAY.iter().position(|step| *step == at).unwrap_or(of);
    Step { name: id.to_owned(), at: at.to_owned(), done, of }
}
