//! Projects and jobs: who starts when, with which ports, and what the end of one means for the others.

use super::super::evidence::Evidence;
use super::super::fleet::{Delivery, Job, PORTS_PER_JOB, Project, find_job, find_project, free_name, is_reserved};
use super::super::op::{
    Change, Event, JobEnd, JobNote, JobStart, JobTurn, NewJob, NewProject, Outcome, Refusal, Usage,
};
use super::super::state::{Claim, State};
use super::Turn;

/// How many jobs whose worktrees are gone are remembered.
const KEPT_REMOVED: usize = 500;

impl<'a> Turn<'a, '_> {
    pub(super) fn add_project(&mut self, new: &NewProject) -> Result<Outcome, Refusal> {
        let now = self.now_stamp();
        let projects = self.state.projects.entries_mut().map_err(malformed)?;
        let has_name = |project: &Project<'_>, name: &str| project.name == *name && project.path != *new.path;
        // A name that somebody chose is that or none.
        if let Some(name) = new.name.as_ref() {
            if is_reserved(name, &new.reserved) {
                return Err(Refusal::Taken { what: "word", word: name.clone() });
            }
            if projects.iter().any(|project| has_name(project, name)) {
                return Err(Refusal::Taken { what: "project", word: name.clone() });
            }
        }
        if let Some(known) = projects.iter_mut().find(|project| project.path == *new.path) {
            let setup = new.setup.clone().unwrap_or_else(|| known.setup.to_string());
            let name = new.name.clone().unwrap_or_else(|| known.name.to_string());
            let is_same = known.setup == *setup && known.name == *name;
            (known.setup, known.name) = (setup.into(), name.clone().into());
            if !is_same {
                self.note_project(Event::ProjectAdded, &new.path);
            }
            return Ok(Outcome::Project { name });
        }
        let folder = new.path.rsplit('/').next().unwrap_or_default();
        let name = free_name(projects, &new.reserved, new.name.as_deref().unwrap_or(folder));
        projects.push(Project {
            path: new.path.clone().into(),
            name: name.clone().into(),
            added_at: now.into(),
            setup: new.setup.clone().unwrap_or_default().into(),
            ..Project::default()
        });
        self.note_project(Event::ProjectAdded, &new.path);
        Ok(Outcome::Project { name })
    }

    pub(super) fn remove_project(&mut self, word: &str) -> Result<Outcome, Refusal> {
        let projects = self.state.projects.entries_mut().map_err(malformed)?;
        let project = find_project(projects, word)?;
        let (name, path) = (project.name.to_string(), project.path.to_string());
        projects.retain(|project| project.path != *path);
        self.note_project(Event::ProjectRemoved, &path);
        Ok(Outcome::Project { name })
    }

    /// To a number, from 1; beyond the last means the last.
    pub(super) fn move_project(&mut self, word: &str, to: usize) -> Result<Outcome, Refusal> {
        let projects = self.state.projects.entries_mut().map_err(malformed)?;
        let path = find_project(projects, word)?.path.clone();
        let at = projects.iter().position(|project| project.path == path).unwrap_or_default();
        let project = projects.remove(at);
        let (name, path) = (project.name.to_string(), project.path.to_string());
        let to = to.saturating_sub(1).min(projects.len());
        projects.insert(to, project);
        if to != at {
            self.note_project(Event::ProjectMoved, &path);
        }
        Ok(Outcome::Project { name })
    }

    pub(super) fn queue_jobs(&mut self, new: &[NewJob]) -> Result<Outcome, Refusal> {
        let now = self.now_stamp();
        let jobs = self.state.jobs.entries_mut().map_err(malformed)?;
        for new in new {
            let is_taken =
                |job: &Job<'_>| job.id == *new.id || job.stage != *"removed" && job.worktree == *new.worktree;
            if jobs.iter().any(is_taken) {
                return Err(Refusal::Taken { what: "job", word: new.id.clone() });
            }
            jobs.push(Job {
                id: new.id.clone().into(),
                project: new.project.clone().into(),
                profile: new.profile.clone().into(),
                tool: new.tool.clone().into(),
                runtime: new.runtime.clone().into(),
                title: new.title.clone().into(),
                branch: new.branch.clone().into(),
                worktree: new.worktree.clone().into(),
                stage: "queued".into(),
                queued_at: now.clone().into(),
                batch: new.batch.clone().into(),
                max_running: new.max_running,
                after: new.after.clone().into(),
                task_digest: new.task_digest.clone().into(),
                task_bytes: new.task_bytes,
                target: new.target.clone().into(),
                restarts: new.restarts,
                backoff_ms: new.backoff_ms,
                delivery: Delivery::Queued.name().into(),
                delivery_at: now.clone().into(),
                ..Job::default()
            });
        }
        for new in new {
            self.note_job(Event::JobQueued, &new.id, None);
        }
        self.waiting_jobs()
    }

    /// Takes a place for a job and its parent, if it is its turn. Its own parent takes it again after a crash, as long as it
    /// may be started again.
    pub(super) fn start_job(&mut self, start: &JobStart) -> Result<Outcome, Refusal> {
        let (now, evidence) = (self.now_stamp(), self.evidence);
        let claimed = claimed_ports(&self.state);
        let jobs = self.state.jobs.entries_mut().map_err(malformed)?;
        let id = find_job(jobs, &start.job)?.id.clone();
        let at = jobs.iter().position(|job| job.id == id).unwrap_or_default();
        let job = &jobs[at];
        let is_own =
            job.stage == *"running" && (job.parent_pid, job.parent_start) == (start.parent.pid, start.parent.start);
        let waits = match () {
            () if is_own && job.restarts == 0 => Some("it was started as often as it may be".to_owned()),
            () if is_own => None,
            () if job.stage != *"queued" => Some(format!("it is {}", job.stage)),
            () => why_not_yet(jobs, at, |job| job.occupies(evidence)),
        };
        if let Some(reason) = waits {
            return Ok(Outcome::JobWaits { reason, is_queued: job.stage == *"queued" });
        }
        if !start.hindrance.is_empty() {
            return Ok(self.stay_queued(at, start.hindrance.clone()));
        }
        let is_anothers = |first| jobs.iter().any(|job| job.id != id && meets(job, first) && job.has_ports(evidence));
        let is_used = |first| start.busy_ports.iter().chain(&claimed).any(|port| is_in(first, *port));
        // What it had it has again, unless another has it now.
        let port = Some(job.port).filter(|own| *own != 0 && !is_anothers(*own));
        // What another was told stands in its session and its worktree: it is given away last.
        let is_known = |first: &u16| jobs.iter().any(|job| job.id != id && meets(job, *first));
        let free = || blocks(start.ports).filter(|first| !(is_anothers(*first) || is_used(*first)));
        let Some(port) = port.or_else(|| free().find(|first| !is_known(first))).or_else(|| free().next()) else {
            let reason = format!("no {PORTS_PER_JOB} ports are free in {}-{}", start.ports.0, start.ports.1);
            return Ok(self.stay_queued(at, reason));
        };
        let job = &mut jobs[at];
        if is_own {
            job.restarts -= 1;
        }
        job.stage = "running".into();
        job.attempt += 1;
        job.port = port;
        job.started_at = now.clone().into();
        (job.ended_at, job.result, job.failure, job.exit_code, job.signal) = Default::default();
        (job.turn, job.turn_at, job.turn_witness, job.question, job.pane, job.receipt) = Default::default();
        job.retry_at = "".into();
        (job.delivery, job.delivery_at) = (Delivery::Queued.name().into(), now.into());
        (job.agent_pid, job.agent_start) = (0, 0);
        (job.parent_pid, job.parent_start) = (start.parent.pid, start.parent.start);
        job.host = evidence.machine.host.clone().into();
        job.boot_id = evidence.machine.boot_id.clone().into();
        job.pid_namespace = evidence.machine.pid_namespace.clone().into();
        let attempt = job.attempt;
        let id = id.to_string();
        self.note_job(Event::JobStarted, &id, (attempt > 1).then(|| format!("attempt {attempt}")));
        Ok(Outcome::JobStarted { port, attempt })
    }

    /// One that is queued stays so, and says why.
    fn stay_queued(&mut self, at: usize, reason: String) -> Outcome {
        if let Ok(jobs) = self.state.jobs.entries_mut()
            && jobs[at].stage == *"queued"
            && jobs[at].failure != *reason
        {
            jobs[at].failure = reason.clone().into();
            let id = jobs[at].id.to_string();
            self.note_job(Event::JobNoted, &id, Some(reason.clone()));
        }
        Outcome::JobWaits { reason, is_queued: true }
    }

    pub(super) fn note_on_job(&mut self, word: &str, note: &JobNote) -> Result<Outcome, Refusal> {
        let now = self.now_stamp();
        let job = self.job_mut(word)?;
        let id = job.id.to_string();
        let before = job.clone();
        take_note(job, note, &now);
        if *job != before {
            let words = note.delivery.as_ref().map(|(delivery, _)| delivery.name().to_owned());
            self.note_job(Event::JobNoted, &id, words);
        }
        Ok(Outcome::Done)
    }

    /// Writes down how it ended, lets go of what its agent held, and says who may start now. What was begun anew since is
    /// another's to end: nobody ends a job by what they knew of it before that.
    pub(super) fn end_job(&mut self, word: &str, attempt: u32, end: &JobEnd) -> Result<Outcome, Refusal> {
        let now = self.now_stamp();
        let job = self.job_mut(word)?;
        if job.stage == *"ended" || job.stage == *"removed" || job.attempt != attempt {
            return self.waiting_jobs();
        }
        job.take_end(end, now);
        let (id, instance) = (job.id.to_string(), job.instance.to_string());
        if !instance.is_empty() && self.state.instance(&instance).is_some() {
            self.end_session(&instance);
        }
        let words =
            if end.failure.is_empty() { end.result.clone() } else { format!("{}: {}", end.result, end.failure) };
        self.note_job(Event::JobEnded, &id, Some(words));
        if end.result != "done" {
            self.give_up_after(&id)?;
        }
        self.waiting_jobs()
    }

    /// What was to come after a job that did not end well does not start.
    fn give_up_after(&mut self, id: &str) -> Result<(), Refusal> {
        let now = self.now_stamp();
        let (first, mut ended) = (id, vec![id.to_owned()]);
        while let Some(id) = ended.pop() {
            let jobs = self.state.jobs.entries_mut().map_err(malformed)?;
            let mut given_up = Vec::new();
            for job in jobs.iter_mut().filter(|job| job.stage == *"queued" && job.after == *id) {
                job.stage = "ended".into();
                job.ended_at = now.clone().into();
                job.result = "stopped".into();
                job.failure = format!("not started: {first} did not end well").into();
                given_up.push(job.id.to_string());
            }
            given_up.iter().for_each(|id| self.note_job(Event::JobEnded, id, Some("stopped".to_owned())));
            ended.extend(given_up);
        }
        Ok(())
    }

    /// Lets an ended job wait for its turn again.
    pub(super) fn requeue_job(&mut self, word: &str, restarts: u32) -> Result<Outcome, Refusal> {
        let now = self.now_stamp();
        let job = self.job_mut(word)?;
        if job.stage != *"ended" {
            let what = if job.stage == *"removed" { "removed job" } else { "job that has not ended" };
            return Err(Refusal::Taken { what, word: job.id.to_string() });
        }
        job.stage = "queued".into();
        job.queued_at = now.into();
        job.restarts = restarts;
        job.after = "".into();
        (job.result, job.failure, job.ended_at) = Default::default();
        let id = job.id.to_string();
        self.note_job(Event::JobQueued, &id, Some("again".to_owned()));
        self.waiting_jobs()
    }

    /// Remembers that a job's worktree is gone, and what of it is kept where.
    pub(super) fn remove_job(
        &mut self,
        word: &str,
        rescue: Option<&str>,
        loss: Option<&str>,
    ) -> Result<Outcome, Refusal> {
        let now = self.now_stamp();
        let evidence = self.evidence;
        let job = self.job_mut(word)?;
        if job.occupies(evidence) {
            return Err(Refusal::Taken { what: "running job", word: job.id.to_string() });
        }
        if job.stage == *"queued" {
            (job.result, job.ended_at) = ("stopped".into(), now.clone().into());
        }
        job.stage = "removed".into();
        job.removed_at = now.into();
        job.port = 0;
        if let Some(rescue) = rescue {
            job.rescue = rescue.to_owned().into();
        }
        let (id, is_done) = (job.id.to_string(), job.is_done());
        if let Some(loss) = loss {
            // What nobody can look at is not well done, whatever its agent said.
            let before = if job.failure.is_empty() { String::new() } else { format!("{}; ", job.failure) };
            (job.failure, job.result) = (format!("{before}{loss}").into(), "failed".into());
        }
        self.note_job(Event::JobRemoved, &id, rescue.map(str::to_owned));
        if !is_done {
            self.give_up_after(&id)?;
        }
        self.forget_oldest()?;
        self.waiting_jobs()
    }

    fn forget_oldest(&mut self) -> Result<(), Refusal> {
        let jobs = self.state.jobs.entries_mut().map_err(malformed)?;
        let mut excess = jobs.iter().filter(|job| job.stage == *"removed").count().saturating_sub(KEPT_REMOVED);
        jobs.retain(|job| {
            let goes = excess > 0 && job.stage == *"removed";
            excess -= usize::from(goes);
            !goes
        });
        Ok(())
    }

    /// Ends the jobs whose parents vanished. Gives their ids, and the jobs whose turn it is then.
    pub(super) fn end_orphans(&mut self) -> Result<(Vec<String>, Vec<String>), Refusal> {
        let evidence = self.evidence;
        let jobs = self.state.jobs.entries().map_err(malformed)?;
        let orphans = jobs.iter().filter(|job| job.is_orphaned(evidence));
        let orphans: Vec<(String, u32)> = orphans.map(|job| (job.id.to_string(), job.attempt)).collect();
        for (id, attempt) in &orphans {
            let failure = "the aio process above its agent vanished".to_owned();
            self.end_job(id, *attempt, &JobEnd { result: "crashed".to_owned(), failure, ..JobEnd::default() })?;
        }
        let orphans = orphans.into_iter().map(|(id, _)| id).collect();
        let jobs = self.state.jobs.entries().map_err(malformed)?;
        Ok((orphans, due(&jobs, evidence)))
    }

    /// The jobs whose turn it is.
    pub(super) fn waiting_jobs(&mut self) -> Result<Outcome, Refusal> {
        let jobs = self.state.jobs.entries().map_err(malformed)?;
        Ok(Outcome::Jobs { next: due(&jobs, self.evidence) })
    }

    fn job_mut(&mut self, word: &str) -> Result<&mut Job<'a>, Refusal> {
        let jobs = self.state.jobs.entries_mut().map_err(malformed)?;
        let id = find_job(jobs, word)?.id.clone();
        let found = jobs.iter_mut().find(|job| job.id == id);
        found.ok_or_else(|| Refusal::Unknown { what: "job", word: word.to_owned() })
    }

    fn note_job(&mut self, event: Event, id: &str, note: Option<String>) {
        self.note(Change { event, id: Some(id.to_owned()), note, ..Change::default() });
    }

    fn note_project(&mut self, event: Event, path: &str) {
        self.note(Change { event, project: Some(path.to_owned()), ..Change::default() });
    }
}

/// The queued jobs whose turn it is, if all of them start. One in somebody's own terminal only that person starts.
pub fn due(jobs: &[Job<'_>], evidence: &Evidence) -> Vec<String> {
    let occupies = |job: &Job<'_>| job.occupies(evidence);
    let mut next: Vec<usize> = Vec::new();
    for at in 0..jobs.len() {
        let counts = |job: &Job<'_>| occupies(job) || next.iter().any(|taken| jobs[*taken].id == job.id);
        let is_ours = jobs[at].stage == *"queued" && jobs[at].runtime != *"terminal";
        if is_ours && why_not_yet(jobs, at, counts).is_none() {
            next.push(at);
        }
    }
    next.into_iter().map(|at| jobs[at].id.to_string()).collect()
}

/// Why a queued job cannot start, if it cannot.
fn why_not_yet(jobs: &[Job<'_>], at: usize, occupies: impl Fn(&Job<'_>) -> bool) -> Option<String> {
    let job = &jobs[at];
    let before = jobs.iter().find(|other| other.id == job.after);
    if let Some(before) = before.filter(|before| !before.is_done()) {
        return Some(format!("{} is to be done first", before.id));
    }
    let is_beside = |other: &&Job<'_>| other.batch == job.batch && other.id != job.id && occupies(other);
    let running = jobs.iter().filter(is_beside).count();
    let is_full = job.max_running > 0 && running >= job.max_running as usize;
    is_full.then(|| format!("{running} of its launch run, as many as may"))
}

/// How many jobs could be given ports of a range now, in which these are used by others.
///
/// # Errors
/// When the jobs cannot be read.
pub fn free_blocks(state: &State<'_>, range: (u16, u16), busy: &[u16], evidence: &Evidence) -> Result<usize, Refusal> {
    let (jobs, claimed) = (state.jobs.entries().map_err(malformed)?, claimed_ports(state));
    let is_anothers = |first| jobs.iter().any(|job| meets(job, first) && job.has_ports(evidence));
    let is_used = |first| busy.iter().chain(&claimed).any(|port| is_in(first, *port));
    Ok(blocks(range).filter(|first| !is_anothers(*first) && !is_used(*first)).count())
}

/// The first port of each job that there is room for in a range.
fn blocks((from, to): (u16, u16)) -> impl Iterator<Item = u16> {
    let firsts = (from..=to).step_by(usize::from(PORTS_PER_JOB));
    firsts.filter(move |first| is_whole(*first, to))
}

/// Whether a job's ports from that one on end with this one at the latest.
fn is_whole(first: u16, to: u16) -> bool {
    first != 0 && to - first >= PORTS_PER_JOB - 1
}

/// Whether a job has some of the ports from that one on.
fn meets(job: &Job<'_>, first: u16) -> bool {
    job.port != 0 && job.port.abs_diff(first) < PORTS_PER_JOB
}

/// Whether a port is one of the range that begins with that one.
fn is_in(first: u16, port: u16) -> bool {
    (first..first.saturating_add(PORTS_PER_JOB)).contains(&port)
}

fn claimed_ports(state: &State<'_>) -> Vec<u16> {
    state.claims.iter().filter_map(claimed_port).collect()
}

/// The port that a claim is on.
fn claimed_port(claim: &Claim<'_>) -> Option<u16> {
    let port = claim.target.strip_prefix("port:").filter(|_| claim.kind == *"resource");
    port.and_then(|port| port.parse().ok())
}

/// What is new in a note, taken over.
fn take_note(job: &mut Job<'_>, note: &JobNote, now: &str) {
    if let Some(agent) = note.agent {
        (job.agent_pid, job.agent_start) = (agent.pid, agent.start);
    }
    let texts = [
        (&mut job.instance, &note.instance),
        (&mut job.session, &note.session),
        (&mut job.pane, &note.pane),
        (&mut job.base, &note.base),
        (&mut job.merged, &note.merged),
        (&mut job.said, &note.said),
        (&mut job.rescue, &note.rescue),
    ];
    for (field, new) in texts {
        if let Some(new) = new {
            *field = new.clone().into();
        }
    }
    if let Some((delivery, receipt)) = &note.delivery {
        if job.delivery != *delivery.name() {
            job.delivery_at = now.to_owned().into();
        }
        (job.delivery, job.receipt) = (delivery.name().into(), receipt.clone().into());
    }
    if let Some(turn) = &note.turn {
        let name = match turn {
            // It is in none any more.
            JobTurn { witness: "", .. } => "",
            JobTurn { is_working: true, .. } => "working",
            JobTurn { .. } => "waiting",
        };
        if job.turn != *name {
            (job.turn, job.turn_at) = (name.into(), now.to_owned().into());
        }
        (job.turn_witness, job.question) = (turn.witness.into(), turn.question.clone().into());
    }
    if let Some(pause) = &note.pause {
        (job.retry_at, job.failure) = (pause.until.clone().into(), pause.reason.clone().into());
    }
    if let Some(Usage { input_tokens, output_tokens, cost }) = &note.usage {
        (job.input_tokens, job.output_tokens) = (*input_tokens, *output_tokens);
        if let Some((micros, source)) = cost {
            (job.cost_micros, job.cost_source) = (*micros, (*source).into());
        }
    }
}

fn malformed(error: serde_json::Error) -> Refusal {
    Refusal::Malformed(error.to_string())
}
