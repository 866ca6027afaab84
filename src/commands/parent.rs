//! `aio parent`: the process above a job's agent. It prepares the worktree, starts the agent, hands it its task, keeps its
//! heartbeat, writes down how it ended, and begins the jobs whose turn it is then. Nothing else of a job lives on.

mod attending;
mod closing;
mod delivering;
mod judging;
mod looking;
mod pausing;
mod preparing;
mod spawning;

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;

use self::delivering::Words;
use self::judging::{failed, judge, shortened};
use self::looking::Screen;
use super::jobs::with_job;
use super::launching;
use crate::app::{App, unspell, wall_ms};
use crate::cli::ParentArgs;
use crate::error::Failure;
use crate::fleet::agents::{Agent, Manner};
use crate::fleet::child::AgentProcess;
use crate::fleet::files::JobFiles;
use crate::fleet::profile::{self, Profile, Runtime};
use crate::fleet::remains;
use crate::fleet::stream::Seen;
use crate::host::process;
use crate::output::Report;
use crate::protocol::evidence::ProcessKey;
use crate::protocol::fleet::{PORTS_PER_JOB, find_job};
use crate::protocol::op::{JobEnd, JobNote, JobStart, Op, Outcome, Registration, Request, Usage};

/// However often an agent crashed, it is started again after so long at most.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60 * 60);
/// As `aio run` beats.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// Between two tries to write down what could not be written.
const CATCH_UP: Duration = Duration::from_secs(5);
/// So long it waits for others who change the state, where that can be tried anew.
const BRIEF: Duration = Duration::from_secs(1);

pub(super) fn run(app: &App, args: &ParentArgs) -> Result<Report, Failure> {
    let mut report = Report::silent("parent");
    if args.apart {
        launching::begin_apart(app, &args.job)?;
        return Ok(report);
    }
    // Out of the session it was started from, and its terminal. The program of a pane leads its own already.
    rustix::process::setsid().map(drop).unwrap_or_default();
    match keep(app, &args.job, Opening::Sent)? {
        Kept::Waits(reason) => report.notes.push(format!("{} waits: {reason}", args.job)),
        // Another parent keeps it, whose log this is.
        Kept::NotQueued(_) | Kept::Ended(_) | Kept::Interrupted(_) => {}
    }
    Ok(report)
}

/// What an agent in somebody's own terminal is started with; elsewhere its task is always sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// Nothing.
    Nothing,
    /// Its task, written and not sent.
    Prefilled,
    /// Its task.
    Sent,
}

impl Opening {
    /// How an agent is started whose command line carries it.
    pub(super) fn manner(self, words: &str) -> Manner<'_> {
        match self {
            Opening::Nothing => Manner::Interactive,
            Opening::Prefilled => Manner::Prefilled(words),
            Opening::Sent => Manner::Sent(words),
        }
    }

    /// Whether this agent's command line cannot carry it, so that it is pasted.
    pub(super) fn is_pasted(self, agent: &Agent) -> bool {
        agent.usual_args(self.manner(""), &[]).is_none()
    }
}

/// What came of keeping a job.
pub(super) enum Kept {
    /// It ended so.
    Ended(JobEnd),
    /// This signal came before its agent ran.
    Interrupted(usize),
    /// It is not its turn.
    Waits(String),
    /// It does not wait to be begun: it runs, or has ended.
    NotQueued(String),
}

/// Is the process above a job's agent until that ends.
///
/// # Errors
/// When it cannot be written down that it begins or ends.
pub(super) fn keep(app: &App, job: &str, opening: Opening) -> Result<Kept, Failure> {
    let Some(process) = app.own_process() else {
        return Err(Failure::environment("this process cannot be seen").hint("mount /proc"));
    };
    let mut task = match start(app, job, process)? {
        Begun::Yes(task) => task,
        Begun::No(kept) => return Ok(kept),
    };
    task.opening = opening;
    task.files.forget_environment();
    task.files.give_up_on_the_sent();
    if let Err(error) = task.files.reserve_end() {
        app.warn(&format!("its end could not be kept in a file, should it not be written otherwise: {error}"));
    }
    let end = supervise(app, &mut task, process);
    let signal = task.stopped.load(Ordering::Relaxed);
    let next = closing::write_end(app, &task, &end)?;
    launching::begin_all(app, &next);
    let ran = end.exit_code.is_some() || end.signal != 0;
    Ok(if ran || signal == 0 { Kept::Ended(end) } else { Kept::Interrupted(signal) })
}

/// What a parent knows of its job.
struct Task {
    id: String,
    project: PathBuf,
    worktree: PathBuf,
    branch: String,
    target: String,
    base: String,
    title: String,
    session: String,
    port: u16,
    /// The same, when it ran before; 0 where it had none.
    port_before: u16,
    attempt: u32,
    /// How often it may yet be started again.
    restarts: u32,
    backoff: Duration,
    instance: String,
    used: Usage,
    profile: Profile,
    runtime: Runtime,
    opening: Opening,
    files: JobFiles,
    /// What was seen of it and could not be written down yet.
    unwritten: RefCell<JobNote>,
    /// The signal that ends it; 0 while none came.
    stopped: Arc<AtomicUsize>,
}

enum Begun {
    Yes(Box<Task>),
    No(Kept),
}

fn start(app: &App, job: &str, parent: ProcessKey) -> Result<Begun, Failure> {
    // Which profiles and ports there are is not known while the settings cannot be read; until they can, it waits.
    let hindrance = app.ailment.as_ref().map(|failure| format!("{}, then aio cleanup", failure.line()));
    if hindrance.is_none()
        && let Some(end) = give_up_without_profile(app, job)?
    {
        return Ok(Begun::No(Kept::Ended(end)));
    }
    let (from, to) = app.job_ports();
    let busy_ports = crate::fleet::ports::busy(from, to);
    let hindrance = hindrance.unwrap_or_default();
    let start = JobStart { job: job.to_owned(), parent, ports: (from, to), busy_ports, hindrance };
    // Whoever removes what waits is through with it first.
    let _lock = JobFiles::of(app.store.dir(), job).lock().ok();
    let port_before = with_job(app, job, |_, job| Ok(job.port))?;
    match change(app, Op::StartJob(start))? {
        Outcome::JobStarted { .. } => Ok(Begun::Yes(Box::new(Task { port_before, ..known(app, job)? }))),
        Outcome::JobWaits { reason, is_queued: true } => Ok(Begun::No(Kept::Waits(reason))),
        Outcome::JobWaits { reason, .. } => Ok(Begun::No(Kept::NotQueued(reason))),
        _ => Ok(Begun::No(Kept::Waits("it cannot be started".to_owned()))),
    }
}

/// Ends a queued job whose profile is gone, and begins the jobs whose turn it is then. How it ended.
fn give_up_without_profile(app: &App, job: &str) -> Result<Option<JobEnd>, Failure> {
    let gone = with_job(app, job, |_, job| {
        let failure = profile::of_job(app.profiles(), &job.profile).err().filter(|_| job.stage == *"queued");
        Ok(failure.map(|failure| (job.attempt, format!("{}: {}", failure.message, failure.hints.concat()))))
    })?;
    let Some((attempt, failure)) = gone else { return Ok(None) };
    let end = JobEnd { result: "failed".to_owned(), failure, ..JobEnd::default() };
    if let Outcome::Jobs { next } = change(app, Op::EndJob { job: job.to_owned(), attempt, end: end.clone() })? {
        launching::begin_all(app, &next);
    }
    JobFiles::of(app.store.dir(), job).forget_environment();
    Ok(Some(end))
}

fn known(app: &App, word: &str) -> Result<Task, Failure> {
    app.with_state(|state| {
        let jobs = super::jobs::entries(state)?;
        let job = find_job(&jobs, word)?;
        let profile = profile::of_job(app.profiles(), &job.profile)?;
        let cost = match &*job.cost_source {
            "" => None,
            "reported" => Some((job.cost_micros, "reported")),
            _ => Some((job.cost_micros, "computed")),
        };
        Ok(Task {
            id: job.id.to_string(),
            project: unspell(&job.project),
            worktree: unspell(&job.worktree),
            branch: job.branch.to_string(),
            target: job.target.to_string(),
            base: job.base.to_string(),
            title: job.title.to_string(),
            session: job.session.to_string(),
            port: job.port,
            port_before: job.port,
            attempt: job.attempt,
            restarts: job.restarts,
            backoff: match job.backoff_ms {
                0 => app.restart_backoff(),
                ms => Duration::from_millis(ms),
            },
            instance: job.instance.to_string(),
            used: Usage { input_tokens: job.input_tokens, output_tokens: job.output_tokens, cost },
            profile,
            runtime: Runtime::of(&job.runtime),
            opening: Opening::Sent,
            stopped: Arc::default(),
            unwritten: RefCell::default(),
            files: JobFiles::of(app.store.dir(), &job.id),
        })
    })
}

/// From the worktree to the end, started again after crashes as often as that may be.
fn supervise(app: &App, task: &mut Box<Task>, process: ProcessKey) -> JobEnd {
    let (sender, receiver) = mpsc::channel();
    if let Err(error) = catch_signals(task, sender.clone()) {
        return failed(&format!("signals cannot be caught: {error}"));
    }
    let stopped = Arc::clone(&task.stopped);
    loop {
        let ending = match attempt(app, task, &sender, &receiver) {
            Ok(ending) => ending,
            Err(_) if task.is_stopped() => {
                Ending { end: JobEnd { result: "stopped".to_owned(), ..JobEnd::default() }, limit_ends: None }
            }
            Err(failure) => Ending { end: failed(&failure.message), limit_ends: None },
        };
        // What it left running would keep ports and files, and write on.
        for left in remains::end(app.store.dir(), &task.id, None, remains::TO_FOLLOW) {
            app.warn(&format!("process {} of {} does not end", left.pid, task.id));
        }
        let Some(until) = task.goes_on(&ending) else { return ending.end };
        task.files.give_up_on_the_sent();
        if let Some(end) = pausing::pause(app, task, &receiver, until, &ending.end) {
            return end;
        }
        // Its session, too, which it goes on in.
        match write_unwritten(app, task, change).and_then(|()| start(app, &task.id, process)) {
            Ok(Begun::Yes(again)) => **task = Task { stopped: Arc::clone(&stopped), ..*again },
            _ => return ending.end,
        }
        if let Err(error) = task.files.begin_attempt(task.attempt) {
            app.warn(&format!("its output does not say where this attempt begins: {error}"));
        }
    }
}

/// Ctrl-C in somebody's own terminal is for the agent, once that is there; before, it is for us. Its Ctrl-Z stops both.
fn catch_signals(task: &Task, sender: mpsc::Sender<Event>) -> std::io::Result<()> {
    let is_own = task.runtime == Runtime::Terminal;
    let caught = [SIGHUP, SIGTERM, SIGINT, SIGQUIT].into_iter().chain((!is_own).then_some(SIGTSTP));
    let mut signals = Signals::new(caught)?;
    let stopped = Arc::clone(&task.stopped);
    std::thread::spawn(move || {
        signals.forever().for_each(|signal| {
            if matches!(signal, SIGTERM | SIGHUP) || is_own && signal == SIGINT {
                stopped.store(usize::try_from(signal).unwrap_or_default(), Ordering::Relaxed);
            }
            // Once the agent has ended nobody listens, and what is stored above counts.
            sender.send(Event::Signal(signal)).unwrap_or_default();
        });
    });
    Ok(())
}

/// How a run of the agent ended.
struct Ending {
    end: JobEnd,
    /// When the usage limit ends at which it did, where that is known; in milliseconds since 1970.
    limit_ends: Option<i64>,
}

impl Task {
    /// The first and the last of its ports, where those are others than it was told.
    fn moved_ports(&self) -> Option<(u16, u16)> {
        (self.port_before != 0 && self.port_before != self.port).then(|| self.ports()).flatten()
    }

    /// The first and the last of its ports.
    fn ports(&self) -> Option<(u16, u16)> {
        (self.port != 0).then(|| (self.port, self.port + PORTS_PER_JOB - 1))
    }

    /// Whether its agent has a terminal of its own, between it and the person's.
    fn is_relayed(&self) -> bool {
        self.runtime == Runtime::Terminal && self.session.is_empty() && self.opening.is_pasted(self.profile.agent)
    }

    /// Whether its words are pasted.
    fn is_pasted(&self) -> bool {
        self.runtime == Runtime::Tmux || self.is_relayed()
    }

    /// Whether somebody ended it, or its terminal went away.
    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) != 0
    }

    /// When it is started again, if it is: after a crash, or a limit whose end is known, as often as it may.
    fn goes_on(&self, ending: &Ending) -> Option<i64> {
        // Doubled for each start before this one; the first shift that is too far is longer than the longest anyway.
        let factor = 1u32.checked_shl(self.attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        let backoff = self.backoff.checked_mul(factor).unwrap_or(LONGEST_BACKOFF).min(LONGEST_BACKOFF);
        let after = wall_ms().saturating_add(i64::try_from(backoff.as_millis()).unwrap_or(i64::MAX));
        match &*ending.end.result {
            // Without its terminal there is nothing to start it in.
            _ if self.restarts == 0 || self.is_stopped() => None,
            "crashed" => Some(after),
            "failed" => ending.limit_ends,
            _ => None,
        }
    }
}

/// What a parent waits for.
enum Event {
    /// A signal of that number came.
    Signal(i32),
    /// The agent's stream said this.
    Seen(Vec<Seen>),
    /// The agent's stream is at its end.
    Silence,
}

/// One run of the agent, or several where messages came for one that runs without a terminal.
fn attempt(
    app: &App,
    task: &mut Task,
    sender: &mpsc::Sender<Event>,
    receiver: &Receiver<Event>,
) -> Result<Ending, Failure> {
    let mut shown = preparing::Shown::new(app, task);
    preparing::worktree(app, task, &mut shown)?;
    shown.step(task, "starting");
    drop(shown);
    let instance = register(app, task, None, app.own_process())?;
    note(app, task, JobNote { instance: Some(instance.clone()), ..JobNote::default() });
    task.instance.clone_from(&instance);
    let working_on = Op::SetTask { description: task.title.clone(), issue: None };
    app.transact(&Request { actor: Some(instance.clone()), op: working_on })?;
    task.files.forget_witness();
    let mut words = Words::first(task)?;
    loop {
        preparing::forget_last_word(task);
        if task.is_stopped() {
            return Err(Failure::environment("it was ended before its agent ran"));
        }
        // It is looked at from before its agent draws.
        let screen = Screen::of(app, task);
        let prompts = task.files.witness().map_or(0, |witness| witness.prompts);
        let (mut agent, relaying) = spawning::spawn(app, task, &instance, &words.text, sender)?;
        let key = process::key_of(agent.id());
        // From here on the instance is the agent's: it lives as long as that does.
        if let Err(failure) = register(app, task, Some(&instance), key) {
            app.warn(&format!("its process was not recorded: {}", failure.message));
        }
        note(app, task, JobNote { agent: key, ..JobNote::default() });
        let mut watch = attending::Watch::new(app, task, &instance, &words, prompts, (screen, relaying));
        let end = watch.until_the_end(&mut agent, receiver)?;
        let progress = std::mem::take(&mut watch.progress);
        let shortfall = watch.leave_terminal();
        drop(watch);
        if let Some(shortfall) = shortfall {
            app.warn(&format!("{shortfall}; it is in {}", task.files.task_file().display()));
        }
        let limit = progress.limit.as_ref().filter(|limit| end.failure == shortened(&limit.words));
        let limit_ends = limit.and_then(pausing::end_of);
        task.used = progress.usage(task.profile.prices.as_ref()).unwrap_or_default();
        task.session = progress.session.unwrap_or(std::mem::take(&mut task.session));
        // Whoever has something to say to an agent that has finished its turn says it to the same session.
        let is_free = task.runtime == Runtime::Headless && end.result == "done" && !task.session.is_empty();
        match is_free.then(|| Words::next_message(task)).flatten() {
            Some(message) => words = message,
            None => return Ok(Ending { end, limit_ends }),
        }
    }
}

fn register(app: &App, task: &Task, id: Option<&str>, process: Option<ProcessKey>) -> Result<String, Failure> {
    let registration = Registration {
        tool: task.profile.agent.name.to_owned(),
        project: crate::app::spell(&task.worktree),
        id: id.map(str::to_owned),
        // Whoever goes on is who it was.
        session: Some(task.session.clone()).filter(|session| !session.is_empty()),
        process,
        ..Registration::default()
    };
    match change(app, Op::Register(registration))? {
        Outcome::Registered { id, .. } => Ok(id),
        _ => Err(Failure::environment("the registration was not answered")),
    }
}

fn write_down(app: &App, task: &Task, note: JobNote) -> Result<(), Failure> {
    change(app, Op::NoteJob { job: task.id.clone(), note: Box::new(note) }).map(drop)
}

/// Writes down what was seen. What cannot be written now is written with what comes next, or some seconds later.
fn note(app: &App, task: &Task, note: JobNote) {
    let before = task.unwritten.take();
    let is_news = before == JobNote::default();
    task.unwritten.replace(before.then(note));
    // Once is enough, above all in a terminal, where it stands among what the agent draws.
    if let Err(failure) = write_unwritten(app, task, change_soon)
        && is_news
    {
        app.warn(&format!("its record was not written: {}", failure.message));
    }
}

/// Tries anew what could not be written down, if there is something.
fn catch_up(app: &App, task: &Task) {
    // It was said when it failed first.
    write_unwritten(app, task, change_soon).unwrap_or_default();
}

/// Writes down what could not be written before, if there is something.
fn write_unwritten(app: &App, task: &Task, change: Change) -> Result<(), Failure> {
    let note = task.unwritten.borrow().clone();
    if note != JobNote::default() {
        change(app, Op::NoteJob { job: task.id.clone(), note: Box::new(note) })?;
        task.unwritten.take();
    }
    Ok(())
}

fn beat(app: &App, instance: &str) {
    let request = Request { actor: Some(instance.to_owned()), op: Op::Heartbeat };
    if let Err(error) = app.transact_within(&request, BRIEF) {
        app.warn(&format!("no heartbeat: {}", Failure::from(error).message));
    }
}

/// A way to change the state.
type Change = fn(&App, Op) -> Result<Outcome, Failure>;

fn change(app: &App, op: Op) -> Result<Outcome, Failure> {
    app.transact(&Request { actor: None, op })
}

/// The same of what can be tried anew, [`BRIEF`] at most: meanwhile nobody looks after the agent.
fn change_soon(app: &App, op: Op) -> Result<Outcome, Failure> {
    Ok(app.transact_within(&Request { actor: None, op }, BRIEF)?)
}
