//! The edge: the only reader of environment, home, clock, randomness and current directory.

mod caller;

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, SystemTime};

pub use caller::Greeting;

use crate::cli::Globals;
use crate::config::{Config, OnFailure};
use crate::error::Failure;
use crate::fleet::profile::{Profile, Runtime};
use crate::host::ancestry::{self, Ancestry};
use crate::host::process;
use crate::host::{machine, path, repository};
use crate::output::Output;
use crate::protocol::apply::Applied;
use crate::protocol::evidence::{Evidence, Fate, Machine, Moment, ProcessKey, Recorded, Settings};
use crate::protocol::fleet::Job;
use crate::protocol::lease;
use crate::protocol::op::{Op, Outcome, Refusal, Request};
use crate::protocol::place::Prepared;
use crate::protocol::state::{Instance, State};
use crate::protocol::{apply, document, spelling, time};
use crate::store::StoreError;
use crate::store::file::{Committed, FileStore, Focus};
use crate::store::lock::Patience;

/// Everything a command may use of the world.
#[derive(Debug)]
pub struct App {
    /// Where answers go.
    pub output: Output,
    /// Where the state lives.
    pub store: FileStore,
    /// The current directory.
    pub cwd: PathBuf,
    /// Whether the state was changed.
    pub changed: Cell<bool>,
    /// What ends a wait, where that is not a signal: the number of the one it is to be taken for, once it is not 0.
    pub interruption: Option<Arc<AtomicUsize>>,
    /// What is wrong with the settings, where that was passed over.
    pub ailment: Option<Failure>,
    as_id: Option<String>,
    session: OnceCell<String>,
    config: Config,
    machine: OnceCell<Machine>,
    boot_id: OnceCell<String>,
    ancestry: OnceCell<Ancestry>,
    /// A process seen alive above this one, and the boot that its record names: this one.
    alive: OnceCell<(ProcessKey, String)>,
}

impl App {
    /// Looks around.
    ///
    /// # Errors
    /// When there is no home, no current directory, or a setting that cannot be read.
    pub fn new(globals: &Globals) -> Result<App, Failure> {
        match App::despite_settings(globals)? {
            App { ailment: Some(failure), .. } => Err(failure),
            app => Ok(app),
        }
    }

    /// The same for what goes on where settings cannot be read, as if there were none, but for being told.
    ///
    /// # Errors
    /// When there is no home, or no current directory.
    pub fn despite_settings(globals: &Globals) -> Result<App, Failure> {
        let cwd = std::env::current_dir().map_err(|error| {
            Failure::environment(format!("the current directory cannot be read: {error}")).hint("cd to one that exists")
        })?;
        App::within(globals, cwd)
    }

    /// The same for a hook, whose payload says where its agent is.
    ///
    /// # Errors
    /// When there is no home.
    pub fn for_hook(globals: &Globals) -> Result<App, Failure> {
        App::within(globals, std::env::current_dir().unwrap_or_else(|_| "/".into()))
    }

    fn within(globals: &Globals, cwd: PathBuf) -> Result<App, Failure> {
        let dir = state_directory(&cwd)?;
        match Config::load(&dir) {
            Ok(config) => Ok(App::at(globals, cwd, dir, config)),
            Err(failure) => Ok(App { ailment: Some(failure), ..App::at(globals, cwd, dir, Config::default()) }),
        }
    }

    fn at(globals: &Globals, cwd: PathBuf, dir: PathBuf, config: Config) -> App {
        App {
            output: output(globals.json),
            store: FileStore::new(dir, config.lock_timeout),
            cwd,
            changed: Cell::new(false),
            interruption: None,
            ailment: None,
            as_id: globals.as_id.clone(),
            session: OnceCell::new(),
            config,
            machine: OnceCell::new(),
            boot_id: OnceCell::new(),
            ancestry: OnceCell::new(),
            alive: OnceCell::new(),
        }
    }

    /// The person's settings that rules depend on.
    pub fn settings(&self) -> &Settings {
        &self.config.settings
    }

    /// The programs that are told of tasks; the first that is there is asked.
    pub fn issue_trackers(&self) -> &'static [&'static str] {
        self.config.beads
    }

    /// The person's own ways to launch agents.
    pub fn profiles(&self) -> &[Profile] {
        &self.config.profiles
    }

    /// The task where none is given.
    pub fn default_task(&self) -> Option<&str> {
        self.config.default_task.as_deref()
    }

    /// Where agents run where nobody says.
    pub fn runtime(&self) -> Runtime {
        self.config.runtime
    }

    /// Before a crashed agent is started again, the first time.
    pub fn restart_backoff(&self) -> Duration {
        self.config.restart_backoff
    }

    /// The first and the last port that jobs may have.
    pub fn job_ports(&self) -> (u16, u16) {
        self.config.ports
    }

    /// Whether a program can be found, by its name or path.
    pub fn is_program(&self, name: &str) -> bool {
        let paths = self.variable("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
        let candidates: Vec<PathBuf> = match name.contains('/') {
            true => vec![PathBuf::from(name)],
            false => paths.unwrap_or_default().into_iter().map(|folder| folder.join(name)).collect(),
        };
        candidates.iter().any(|path| path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok())
    }

    /// The file of this program.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn own_program(&self) -> std::io::Result<PathBuf> {
        std::env::current_exe()
    }

    /// Whether somebody sits at a terminal, and sees what is printed.
    pub fn has_terminal(&self) -> bool {
        use std::io::IsTerminal;
        std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
    }

    /// All variables of the environment.
    pub fn variables(&self) -> Vec<(OsString, OsString)> {
        std::env::vars_os().collect()
    }

    /// The person's home.
    pub fn home(&self) -> Option<PathBuf> {
        self.variable("HOME").map(PathBuf::from)
    }

    /// Whether an edit is denied where aio itself fails.
    pub fn denies_on_failure(&self) -> bool {
        self.config.on_failure == OnFailure::Deny
    }

    /// Now, by both clocks.
    pub fn now(&self) -> Moment {
        Moment { wall_ms: wall_ms(), awake_ms: machine::awake_ms() }
    }

    /// Now, as the state spells it.
    pub fn stamp(&self) -> String {
        time::stamp(wall_ms())
    }

    /// The machine, looked up once.
    pub fn machine(&self) -> &Machine {
        self.machine.get_or_init(machine::machine)
    }

    /// What stands above this process, looked up once.
    pub fn ancestry(&self) -> &Ancestry {
        self.ancestry.get_or_init(|| ancestry::up_to(None))
    }

    /// A new id for a claim, wait or context entry.
    pub fn new_id(&self) -> String {
        let ms = u64::try_from(wall_ms()).unwrap_or(0);
        ulid::Ulid::from_parts(ms, random()).to_string()
    }

    /// This process, as a record names it.
    pub fn own_process(&self) -> Option<ProcessKey> {
        process::key_of(std::process::id())
    }

    /// The value of an environment variable, unless empty.
    pub fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name).filter(|value| !value.is_empty())
    }

    /// The evidence for a decision that depends on these instances and on the waiters of the state.
    pub fn evidence(&self, state: &State<'_>, instances: &[&Instance<'_>]) -> Evidence {
        let now = self.now();
        let machine = self.machine().clone();
        let mut evidence = Evidence { now, machine, settings: self.settings().clone(), ..Evidence::default() };
        let waiting = state.waiters.iter().filter_map(|waiter| waiter.process(&evidence.machine));
        let mut processes: BTreeMap<ProcessKey, Fate> = waiting.map(|key| (key, process::fate(key, None))).collect();
        for instance in instances {
            if let Some(key) = instance.process(&evidence.machine) {
                let quiet = lease::heartbeat_age_ms(instance, &evidence) >= evidence.settings.quiet_limit_ms;
                // Systems date processes by a time that goes on during sleep, as the wall clock does.
                let tool_call_age = quiet.then(|| lease::wall_age_ms(&instance.last_heartbeat, &evidence));
                let known = (!quiet && self.is_known_alive(key)).then_some(Fate::Alive { tool_call: false });
                processes.insert(key, known.unwrap_or_else(|| process::fate(key, tool_call_age)));
            }
        }
        evidence.processes = processes;
        evidence
    }

    /// The evidence for how jobs stand.
    pub fn evidence_of_jobs(&self, state: &State<'_>) -> Evidence {
        let mut evidence = self.evidence(state, &[]);
        self.look_at_parents(&state.jobs.entries().unwrap_or_default(), &mut evidence);
        evidence
    }

    /// Adds what became of the processes that keep these jobs, and of the agents of those that are gone.
    pub fn look_at_parents(&self, jobs: &[Job<'_>], evidence: &mut Evidence) {
        let running = jobs.iter().filter(|job| job.stage == *"running");
        for job in running {
            let Some(parent) = job.process(&evidence.machine) else { continue };
            let fate = process::fate(parent, None);
            evidence.processes.insert(parent, fate);
            if let Some(agent) = job.agent(&evidence.machine).filter(|_| fate == Fate::Gone) {
                evidence.processes.insert(agent, process::fate(agent, None));
            }
        }
    }

    /// The evidence for an answer that changes nothing. At a glance where that is enough: whoever is in question has just
    /// given a sign of life since this boot, and its process is seen. Then it matters not how long the machine slept.
    pub fn evidence_for_answer(&self, state: &State<'_>, instances: &[&Instance<'_>]) -> Evidence {
        let now = Moment { wall_ms: wall_ms(), ..Moment::default() };
        let is_well = |instance: &&Instance<'_>| {
            let key = ProcessKey { pid: instance.pid, start: instance.process_start };
            let is_fresh = lease::is_within(&instance.last_heartbeat, now.wall_ms, self.settings().active_ms);
            let is_seen = || self.is_known_alive(key) || process::is_seen(key);
            is_fresh && key.pid != 0 && self.is_this_boot(&instance.boot_id) && is_seen()
        };
        let no_leases = state.waiters.is_empty() && state.claims.iter().all(|claim| claim.expires_at.is_empty());
        if self.machine.get().is_none() && no_leases && instances.iter().all(is_well) {
            return Evidence { now, settings: self.settings().clone(), ..Evidence::default() };
        }
        self.evidence(state, instances)
    }

    /// Commits what `request` makes of the state.
    ///
    /// # Errors
    /// A refusal, or whatever kept it from being written.
    pub fn transact(&self, request: &Request) -> Result<Outcome, Failure> {
        let committed = self.commit(request, self.store.patience())?;
        if let Some(warning) = committed.warning {
            self.warn(&warning);
        }
        Ok(committed.outcome)
    }

    /// Runs a decision of the caller's on the part of the state that matters, without a lock. What comes out unchanged or
    /// refused is the answer; where there is none it takes a commit.
    ///
    /// # Errors
    /// When the state cannot be read, or nobody can be told to be calling.
    pub fn preview(&self, op: &Op) -> Result<(String, Option<Result<Outcome, Failure>>), Failure> {
        let Look { caller, greeting, answer } = self.look(op)?;
        // A commit that follows is a heartbeat itself, but tells nothing of what was lost.
        if answer.is_some() || greeting == Greeting::News {
            self.greet(&caller, greeting);
        }
        Ok((caller, answer.map(|answer| answer.map_err(Failure::from))))
    }

    /// As [`App::preview`], without a greeting.
    ///
    /// # Errors
    /// As [`App::preview`].
    pub fn look(&self, op: &Op) -> Result<Look, Failure> {
        let places = places_of(op);
        if matches!(op, Op::Attend(_)) {
            // Whether anything changes does not depend on claims; what changes does, and that is for the commit.
            return self.store.read_but_claims(|state| self.decide(state, op))?;
        }
        if places.is_empty() {
            return self.store.read_parsed(|text| document::read(text).map(|state| self.decide(state, op)))?;
        }
        self.store.read_around(&places, |state| self.decide(state, op))?
    }

    fn decide(&self, state: State<'_>, op: &Op) -> Result<Look, Failure> {
        let caller = self.caller(&state)?;
        let greeting = self.greeting(&state, &caller);
        let request = Request { actor: Some(caller.clone()), op: op.clone() };
        let evidence = self.evidence_for_answer(&state, &apply::in_question(&state, &request));
        let answer = match apply::apply(state, &request, &evidence) {
            Ok(Applied { outcome, changes, .. }) => changes.is_empty().then_some(Ok(outcome)),
            Err(refusal) => Some(Err(refusal)),
        };
        Ok(Look { caller, greeting, answer })
    }

    /// As [`App::transact`], for whoever cannot wait as long for the lock as a person can.
    ///
    /// # Errors
    /// As [`App::transact`].
    pub fn transact_within(&self, request: &Request, longest: Duration) -> Result<Outcome, StoreError> {
        let committed = self.commit(request, Patience::Until(longest))?;
        Ok(committed.outcome)
    }

    fn commit(&self, request: &Request, patience: Patience) -> Result<Committed, StoreError> {
        let nonce = if matches!(request.op, Op::Register(_)) { random() as u64 } else { 0 };
        let places = places_of(&request.op);
        let suffices = |state: &State<'_>| apply::is_decided_nearby(state, request, self.machine());
        let focus = Focus { places: &places, actor: request.actor.as_deref(), suffices: &suffices };
        let focus = (!places.is_empty()).then_some(focus);
        let committed = self.store.transact(patience, &self.stamp(), focus, |state| {
            let mut evidence = self.evidence(&state, &apply::in_question(&state, request));
            evidence.nonce = nonce;
            self.look_at_parents(&apply::jobs_in_question(&state, request), &mut evidence);
            apply::apply(state, request, &evidence)
        })?;
        self.changed.set(self.changed.get() || !committed.changes.is_empty());
        Ok(committed)
    }

    /// The whole state, for as long as `answer` looks at it.
    ///
    /// # Errors
    /// When it cannot be read, or `answer` fails.
    pub fn with_state<T>(&self, mut answer: impl FnMut(&State<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        self.store.read_parsed(|text| document::read(text).map(|state| answer(&state)))?
    }

    /// Says something on the side.
    pub fn warn(&self, note: &str) {
        // A closed stderr must not fail what was done.
        self.output.notes(&[note.to_owned()]).unwrap_or_default();
    }

    /// A typed path, made physical.
    ///
    /// # Errors
    /// When it names nothing that could exist.
    pub fn physical(&self, base: Option<&Path>, typed: &Path) -> Result<path::Resolved, Failure> {
        path::physical(base.unwrap_or(&self.cwd), typed)
            .map_err(|error| Failure::usage(error.to_string()).hint("name a path that can exist, . for this directory"))
    }

    /// The project the caller registered, where there is one.
    ///
    /// # Errors
    /// As [`App::caller_if_any`], and when the state cannot be read.
    pub fn registered_project(&self) -> Result<Option<PathBuf>, Failure> {
        self.with_state(|state| {
            let caller = self.caller_if_any(state)?;
            Ok(caller.and_then(|id| Some(unspell(&state.instance(&id)?.project))))
        })
    }

    /// The worktree around the current directory, or the directory itself, as the state spells it.
    pub fn current_project(&self) -> String {
        self.project_of(&self.cwd)
    }

    /// The worktree around a folder, or the folder itself, as the state spells it.
    pub fn project_of(&self, folder: &Path) -> String {
        let root = repository::worktree_of(folder).map_or_else(|| folder.to_owned(), |worktree| worktree.root);
        spell(&root)
    }
}

/// Milliseconds since the Unix epoch.
pub fn wall_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// Bits nobody can foresee.
fn random() -> u128 {
    let mut bytes = [0; 16];
    // Systems without randomness cannot start programs like this one either.
    getrandom::fill(&mut bytes).expect("the system has randomness");
    u128::from_ne_bytes(bytes)
}

/// What an operation is about, where it is about some places only.
fn places_of(op: &Op) -> Vec<Prepared<'_>> {
    match op {
        Op::Claim(request) => request.places().map(Prepared::new).collect(),
        Op::Guard { wanted } => wanted.iter().map(Prepared::new).collect(),
        _ => Vec::new(),
    }
}

/// A decision on what the state was a moment ago.
#[derive(Debug)]
pub struct Look {
    /// Who calls.
    pub caller: String,
    /// What it is owed.
    pub greeting: Greeting,
    /// The answer, where it changes nothing.
    pub answer: Option<Result<Outcome, Refusal>>,
}

/// A path as the state spells it.
pub fn spell(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    spelling::encode(path.as_os_str().as_bytes()).into_owned()
}

/// The path that the state spells so.
pub fn unspell(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    PathBuf::from(OsString::from_vec(spelling::decode(text).into_owned()))
}

/// How answers are printed, before anything else is known.
pub fn output(json: bool) -> Output {
    use std::io::IsTerminal;
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let can_move = std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    Output { json, colour: wanted && std::io::stdout().is_terminal(), can_move }
}

fn state_directory(cwd: &Path) -> Result<PathBuf, Failure> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(dir) = variable("AIO_DIR") {
        return Ok(cwd.join(dir));
    }
    let home = variable("HOME").filter(|home| home.is_absolute());
    home.map(|home| home.join(".ai-orchestrator")).ok_or_else(|| {
        Failure::environment("HOME is not set, so there is no place for the state").hint("set HOME or AIO_DIR")
    })
}

/// Sleeps; here, because this is where time is.
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
