//! Who starts when, and how jobs stand.

use super::super::super::fleet::{Delivery, Job, Standing, free_name, standing};
use super::super::super::op::{JobEnd, JobNote, JobStart, JobTurn, NewJob, NewProject};
use super::super::jobs::free_blocks;
use super::*;

impl Desk {
    fn queue(&mut self, jobs: &[(&str, &str)], max_running: u32) -> Vec<String> {
        let new = jobs.iter().map(|(id, after)| NewJob {
            id: (*id).to_owned(),
            worktree: format!("/w/{id}"),
            after: (*after).to_owned(),
            batch: "b".to_owned(),
            max_running,
            restarts: 1,
            ..NewJob::default()
        });
        let op = Op::QueueJobs(new.collect());
        self.next(op)
    }

    /// The jobs whose turn it is after an operation.
    fn next(&mut self, op: Op) -> Vec<String> {
        match self.perform(None, op).unwrap().0 {
            Outcome::Jobs { next } => next,
            other => panic!("{other:?}"),
        }
    }

    /// Starts a job in a process of that id; its port, or why not.
    fn start(&mut self, id: &str, pid: u32) -> Result<u16, String> {
        self.start_against(id, pid, "").map_err(|(reason, _)| reason)
    }

    /// The same where that is in its way; if not, also whether it is queued.
    fn start_against(&mut self, id: &str, pid: u32, hindrance: &str) -> Result<u16, (String, bool)> {
        let parent = ProcessKey { pid, start: 1 };
        self.evidence.processes.insert(parent, Fate::Alive { tool_call: false });
        let (ports, busy_ports) = ((5000, 5034), vec![5003]);
        let start = JobStart { job: id.to_owned(), parent, ports, busy_ports, hindrance: hindrance.to_owned() };
        match self.perform(None, Op::StartJob(start)).unwrap().0 {
            Outcome::JobStarted { port, .. } => Ok(port),
            Outcome::JobWaits { reason, is_queued } => Err((reason, is_queued)),
            other => panic!("{other:?}"),
        }
    }

    fn end(&mut self, id: &str, result: &str) -> Vec<String> {
        self.end_attempt(id, self.job(id).attempt, result)
    }

    fn end_attempt(&mut self, id: &str, attempt: u32, result: &str) -> Vec<String> {
        let end = JobEnd { result: result.to_owned(), ..JobEnd::default() };
        self.next(Op::EndJob { job: id.to_owned(), attempt, end })
    }

    fn see(&mut self, id: &str, note: JobNote) {
        self.perform(None, Op::NoteJob { job: id.to_owned(), note: Box::new(note) }).unwrap();
    }

    fn requeue(&mut self, id: &str) -> Vec<String> {
        self.next(Op::RequeueJob { job: id.to_owned(), restarts: 1 })
    }

    fn remove(&mut self, id: &str, rescue: Option<&str>) -> Result<Outcome, Refusal> {
        let op = Op::RemoveJob { job: id.to_owned(), rescue: rescue.map(str::to_owned), loss: None };
        self.perform(None, op).map(|(outcome, ..)| outcome)
    }

    fn job(&self, id: &str) -> Job<'static> {
        self.state.jobs.entries().unwrap().into_iter().find(|job| job.id == *id).unwrap()
    }

    fn standing(&self, id: &str) -> Standing {
        standing(&self.job(id), false, &self.evidence)
    }
}

#[test]
fn one_in_a_terminal_is_begun_by_nobody_but_who_sits_there() {
    let mut desk = Desk::new();
    let new = |id: &str, runtime: &str| NewJob {
        id: id.to_owned(),
        worktree: format!("/w/{id}"),
        runtime: runtime.to_owned(),
        ..NewJob::default()
    };
    assert_eq!(desk.next(Op::QueueJobs(vec![new("a", "terminal"), new("b", "headless")])), ["b"]);
    assert!(desk.start("b", 1).is_ok());
    assert!(desk.end("b", "done").is_empty());
    assert!(desk.start("a", 2).is_ok());
}

#[test]
fn nobody_ends_what_was_begun_since_they_looked() {
    let mut desk = Desk::new();
    desk.queue(&[("a", "")], 0);
    assert!(desk.start("a", 1).is_ok());
    let before = desk.state.clone();
    assert_eq!(desk.end_attempt("a", 0, "failed"), [""; 0], "whoever could not begin it was not the only one");
    assert_eq!(desk.state, before);
    desk.end_attempt("a", 1, "done");
    assert_eq!(desk.requeue("a"), ["a"]);
    assert!(desk.start("a", 2).is_ok());
    desk.end_attempt("a", 1, "crashed");
    assert_eq!(desk.standing("a"), Standing::Starting, "the first run's parent knows nothing of the second");
    desk.end_attempt("a", 2, "failed");
    assert_eq!(desk.standing("a"), Standing::Failed);
}

#[test]
fn what_cannot_be_begun_stays_queued_and_says_why() {
    let mut desk = Desk::new();
    desk.queue(&[("a", ""), ("b", "")], 1);
    assert_eq!(desk.start_against("a", 1, "no settings"), Err(("no settings".to_owned(), true)));
    assert_eq!((desk.standing("a"), &*desk.job("a").failure), (Standing::Queued, "no settings"));
    assert!(desk.start("a", 1).is_ok());
    assert_eq!(&*desk.job("a").failure, "");
    assert_eq!(desk.start_against("a", 2, "no settings"), Err(("it is running".to_owned(), false)));
    assert_eq!(&*desk.job("a").failure, "", "another began it");
    let full = "1 of its launch run, as many as may".to_owned();
    assert_eq!(desk.start_against("b", 3, "no settings"), Err((full, true)), "its turn comes first");
}

#[test]
fn no_more_run_at_once_than_may() {
    let mut desk = Desk::new();
    assert_eq!(desk.queue(&[("a", ""), ("b", ""), ("c", "")], 2), ["a", "b"]);
    assert!(desk.start("a", 1).is_ok() && desk.start("b", 2).is_ok());
    assert_eq!(desk.start("c", 3).unwrap_err(), "2 of its launch run, as many as may");
    assert_eq!(desk.end("a", "failed"), ["c"], "one that fails makes room, too");
    assert!(desk.start("c", 3).is_ok());
    let other = NewJob { id: "o".into(), worktree: "/w/o".into(), max_running: 1, ..NewJob::default() };
    assert_eq!(desk.next(Op::QueueJobs(vec![other])), ["o"], "what another launch has running is not counted");
}

#[test]
fn one_after_the_other_stops_at_the_first_failure() {
    let mut desk = Desk::new();
    assert_eq!(desk.queue(&[("a", ""), ("b", "a"), ("c", "b")], 0), ["a"]);
    assert!(desk.start("a", 1).is_ok());
    assert_eq!(desk.start("b", 2).unwrap_err(), "a is to be done first");
    assert_eq!(desk.end("a", "done"), ["b"]);
    assert!(desk.start("b", 2).is_ok());
    assert_eq!(desk.end("b", "failed"), [""; 0]);
    assert_eq!(
        (desk.standing("a"), desk.standing("b"), desk.standing("c")),
        (Standing::Done, Standing::Failed, Standing::Stopped)
    );
}

#[test]
fn all_that_was_to_come_after_a_failure_is_given_up() {
    let mut desk = Desk::new();
    desk.queue(&[("a", ""), ("b", "a"), ("c", "b"), ("d", "a")], 0);
    assert!(desk.start("a", 1).is_ok());
    assert_eq!(desk.end("a", "failed"), [""; 0]);
    assert_eq!(["b", "c", "d"].map(|id| desk.standing(id)), [Standing::Stopped; 3]);
    assert_eq!(desk.job("c").failure, *"not started: a did not end well");
    assert_eq!(desk.requeue("c"), ["c"], "whoever asks for it again need not wait for what failed");
    assert!(desk.start("c", 2).is_ok());
}

#[test]
fn to_remove_what_is_done_gives_up_nothing() {
    let mut desk = Desk::new();
    desk.queue(&[("a", ""), ("b", "a"), ("x", ""), ("y", "x")], 0);
    assert!(desk.start("a", 1).is_ok());
    desk.end("a", "done");
    desk.remove("a", None).unwrap();
    desk.remove("x", None).unwrap();
    assert_eq!((desk.standing("b"), desk.standing("y")), (Standing::Queued, Standing::Stopped));
    assert!(desk.start("b", 2).is_ok());
}

#[test]
fn a_dead_agent_is_never_running() {
    let mut desk = Desk::new();
    desk.queue(&[("a", ""), ("b", ""), ("c", "b")], 1);
    assert!(desk.start("a", 1).is_ok());
    desk.evidence.processes.insert(ProcessKey { pid: 1, start: 1 }, Fate::Gone);
    assert_eq!(desk.standing("a"), Standing::Crashed);
    assert!(desk.start("b", 2).is_ok(), "the dead take no place");
    desk.evidence.machine.boot_id = "another".to_owned();
    assert_eq!(desk.standing("b"), Standing::Crashed, "nothing outlives a reboot");
    let Outcome::Cleaned { jobs, next, .. } = desk.perform(None, Op::Cleanup).unwrap().0 else { panic!() };
    assert_eq!((jobs, next), (vec!["a".to_owned(), "b".to_owned()], vec![]));
    assert_eq!(desk.standing("c"), Standing::Stopped);
}

#[test]
fn ports_are_each_jobs_own() {
    let mut desk = Desk::new();
    desk.queue(&[("a", ""), ("b", ""), ("c", "")], 0);
    assert_eq!(desk.start("a", 1), Ok(5010), "somebody uses one of the first ten");
    assert_eq!(desk.start("b", 2), Ok(5020));
    let range = |desk: &Desk| free_blocks(&desk.state, (5000, 5034), &[5003], &desk.evidence).unwrap();
    assert_eq!((desk.start("c", 3), range(&desk)), (Err("no 10 ports are free in 5000-5034".to_owned()), 0));
    assert_eq!((desk.standing("c"), &*desk.job("c").failure), (Standing::Queued, "no 10 ports are free in 5000-5034"));
    let before = desk.state.clone();
    assert!(desk.start("c", 3).is_err());
    assert_eq!(desk.state, before, "it is said once");
    assert_eq!((desk.end("a", "done"), range(&desk)), (vec!["c".to_owned()], 1), "what ended gives them back");
    assert_eq!((desk.start("c", 4), &*desk.job("c").failure), (Ok(5010), ""));
    desk.next(Op::RequeueJob { job: "a".to_owned(), restarts: 0 });
    assert!(desk.start("a", 5).is_err(), "what it had is another's now");
    desk.end("b", "done");
    desk.next(Op::RequeueJob { job: "b".to_owned(), restarts: 0 });
    assert_eq!(desk.start("b", 6), Ok(5020), "nobody took it");
}

#[test]
fn what_another_was_told_is_given_away_last() {
    let mut desk = Desk::new();
    desk.queue(&[("a", ""), ("b", ""), ("c", "")], 0);
    assert_eq!(desk.start("a", 1), Ok(5010));
    desk.end("a", "done");
    assert_eq!((desk.start("b", 2), desk.start("c", 3)), (Ok(5020), Ok(5010)));
    for id in ["b", "c"] {
        desk.end(id, "done");
    }
    desk.next(Op::RemoveJob { job: "c".to_owned(), rescue: None, loss: None });
    desk.next(Op::RemoveJob { job: "a".to_owned(), rescue: None, loss: None });
    desk.queue(&[("d", "")], 0);
    assert_eq!(desk.start("d", 4), Ok(5010), "with the worktree its ports are free");
}

#[test]
fn an_agent_that_outlives_its_parent_keeps_its_ports() {
    let mut desk = Desk::new();
    desk.queue(&[("a", ""), ("b", "")], 0);
    assert_eq!(desk.start("a", 1), Ok(5010));
    let agent = ProcessKey { pid: 7, start: 1 };
    desk.see("a", JobNote { agent: Some(agent), ..JobNote::default() });
    desk.evidence.processes.insert(ProcessKey { pid: 1, start: 1 }, Fate::Gone);
    desk.evidence.processes.insert(agent, Fate::Alive { tool_call: false });
    let range = |desk: &Desk| free_blocks(&desk.state, (5000, 5034), &[5003], &desk.evidence).unwrap();
    assert_eq!((desk.standing("a"), range(&desk)), (Standing::Crashed, 1));
    assert_eq!(desk.start("b", 2), Ok(5020));
    desk.evidence.processes.insert(agent, Fate::Gone);
    assert_eq!(range(&desk), 1, "it has none any more");
    assert_eq!(desk.end("a", "crashed"), Vec::<String>::new());
}

#[test]
fn a_port_that_is_claimed_is_no_jobs() {
    let mut desk = Desk::new();
    let one = desk.register("claude", 1);
    let wanted = vec![desk.wanted("resource", "port:5015"), desk.wanted("file", "port:5020")];
    desk.outcome(&one, Op::Claim(ClaimRequest { wanted, ..ClaimRequest::default() })).unwrap();
    desk.queue(&[("a", "")], 0);
    assert_eq!(desk.start("a", 2), Ok(5020));
}

#[test]
fn a_crashed_job_is_started_again_as_often_as_it_may() {
    let mut desk = Desk::new();
    desk.queue(&[("a", "")], 0);
    assert!(desk.start("a", 1).is_ok());
    assert!(desk.start("a", 2).is_err(), "by its own parent only");
    assert!(desk.start("a", 1).is_ok());
    assert_eq!(desk.start("a", 1).unwrap_err(), "it was started as often as it may be");
    desk.end("a", "crashed");
    assert_eq!(desk.next(Op::RequeueJob { job: "a".to_owned(), restarts: 0 }), ["a"]);
    assert_eq!(desk.standing("a"), Standing::Queued);
}

#[test]
fn what_is_seen_says_how_it_stands() {
    let mut desk = Desk::new();
    desk.queue(&[("a", "")], 0);
    assert!(desk.start("a", 1).is_ok());
    desk.see("a", JobNote { delivery: Some((Delivery::Delivered, String::new())), ..JobNote::default() });
    assert_eq!(desk.standing("a"), Standing::Starting, "handed over is not taken");
    desk.see("a", JobNote { delivery: Some((Delivery::Acknowledged, "hook".into())), ..JobNote::default() });
    assert_eq!(desk.standing("a"), Standing::Working);
    let turn = JobTurn { is_working: false, witness: "hook", question: "which?".to_owned() };
    desk.see("a", JobNote { turn: Some(turn), ..JobNote::default() });
    assert_eq!(desk.standing("a"), Standing::WaitingForYou);
    let before = desk.state.clone();
    desk.see("a", JobNote::default());
    assert_eq!(desk.state, before, "nothing new writes nothing");
    assert!(desk.start("a", 1).is_ok());
    assert_eq!(desk.standing("a"), Standing::Starting, "what was seen of one run says nothing of the next");
}

#[test]
fn since_when_is_since_it_changed() {
    let mut desk = Desk::new();
    desk.queue(&[("a", "")], 0);
    assert!(desk.start("a", 1).is_ok());
    let delivered = |receipt: &str| JobNote {
        delivery: Some((Delivery::Delivered, receipt.to_owned())),
        turn: Some(JobTurn { is_working: true, witness: "hook", question: String::new() }),
        ..JobNote::default()
    };
    desk.see("a", delivered("one"));
    let since = |desk: &Desk| (desk.job("a").delivery_at, desk.job("a").turn_at);
    let first = since(&desk);
    desk.pass(60_000);
    desk.see("a", delivered("two"));
    assert_eq!((since(&desk), &*desk.job("a").receipt), (first, "two"));
}

#[test]
fn only_what_ended_waits_for_its_turn_again() {
    let mut desk = Desk::new();
    desk.queue(&[("a", "")], 0);
    let requeue = |desk: &mut Desk| desk.perform(None, Op::RequeueJob { job: "a".to_owned(), restarts: 1 });
    assert!(matches!(requeue(&mut desk), Err(Refusal::Taken { .. })));
    assert!(desk.start("a", 1).is_ok());
    assert!(matches!(requeue(&mut desk), Err(Refusal::Taken { .. })));
    desk.end("a", "failed");
    assert!(requeue(&mut desk).is_ok());
}

#[test]
fn ids_and_worktrees_are_one_jobs() {
    let mut desk = Desk::new();
    desk.queue(&[("a", "")], 0);
    let queue = |desk: &mut Desk, id: &str, worktree: &str| {
        let new = NewJob { id: id.to_owned(), worktree: worktree.to_owned(), ..NewJob::default() };
        desk.perform(None, Op::QueueJobs(vec![new])).map(drop)
    };
    assert!(matches!(queue(&mut desk, "a", "/w/other"), Err(Refusal::Taken { .. })));
    assert!(matches!(queue(&mut desk, "b", "/w/a"), Err(Refusal::Taken { .. })));
    desk.remove("a", None).unwrap();
    assert!(queue(&mut desk, "b", "/w/a").is_ok(), "a folder that is gone is nobody's");
}

#[test]
fn where_the_rest_of_a_removed_job_is_kept_is_not_forgotten() {
    let mut desk = Desk::new();
    desk.queue(&[("a", "")], 0);
    assert!(desk.start("a", 1).is_ok());
    desk.end("a", "failed");
    desk.remove("a", Some("refs/aio/rescue/a")).unwrap();
    desk.remove("a", None).unwrap();
    assert_eq!((&*desk.job("a").rescue, desk.job("a").port), ("refs/aio/rescue/a", 0));
    for number in 0..500 {
        let id = format!("n{number}");
        desk.queue(&[(&id, "")], 0);
        desk.remove(&id, None).unwrap();
    }
    let ids: Vec<String> = desk.state.jobs.entries().unwrap().iter().map(|job| job.id.to_string()).collect();
    assert_eq!((ids.len(), &*ids[0]), (500, "n0"), "the oldest of too many are forgotten");
}

#[test]
fn what_an_agent_held_is_free_when_its_job_ends() {
    let mut desk = Desk::new();
    let agent = desk.register("claude", 7);
    desk.claim(&agent, &["src/a.rs"]).unwrap();
    desk.queue(&[("a", "")], 0);
    assert!(desk.start("a", 1).is_ok());
    desk.see("a", JobNote { instance: Some(agent), ..JobNote::default() });
    desk.end("a", "done");
    assert!(desk.state.claims.is_empty());
    assert_eq!(desk.end("a", "failed"), [""; 0], "it ended once");
    assert_eq!(desk.standing("a"), Standing::Done);
}

#[test]
fn a_job_that_runs_is_not_removed() {
    let mut desk = Desk::new();
    desk.queue(&[("abc", ""), ("abd", "")], 0);
    assert!(desk.start("abc", 1).is_ok());
    let remove = |job: &str| Op::RemoveJob { job: job.to_owned(), rescue: Some("refs/aio/x".to_owned()), loss: None };
    assert!(matches!(desk.perform(None, remove("abc")), Err(Refusal::Taken { .. })));
    assert!(matches!(desk.perform(None, remove("ab")), Err(Refusal::Ambiguous { .. })));
    assert!(matches!(desk.perform(None, remove("x")), Err(Refusal::Unknown { .. })));
    desk.end("abc", "done");
    assert!(desk.perform(None, remove("abc")).is_ok());
    assert!(desk.perform(None, remove("ab")).is_ok(), "what was removed is not in the way of an abbreviation");
}

#[test]
fn projects_are_numbered_and_named() {
    let mut desk = Desk::new();
    let add = |desk: &mut Desk, path: &str| match desk
        .perform(None, Op::AddProject(NewProject { path: path.to_owned(), ..NewProject::default() }))
        .unwrap()
        .0
    {
        Outcome::Project { name } => name,
        other => panic!("{other:?}"),
    };
    assert_eq!((add(&mut desk, "/x/Web App"), add(&mut desk, "/y/web-app")), ("web-app".into(), "web-app-2".into()));
    assert_eq!(add(&mut desk, "/x/Web App"), "web-app", "added once");
    assert_eq!(add(&mut desk, "/z"), "z");
    for (path, name) in [("/x/Web App", "z"), ("/new", "web-app")] {
        let new = NewProject { path: path.to_owned(), name: Some(name.to_owned()), ..NewProject::default() };
        let refused = desk.perform(None, Op::AddProject(new));
        assert!(matches!(refused, Err(Refusal::Taken { what: "project", .. })), "{path} {name}");
    }
    for (name, words) in [("all", vec![]), ("x", vec!["x".to_owned()])] {
        let new = NewProject {
            path: "/new".to_owned(),
            name: Some(name.to_owned()),
            reserved: words,
            ..NewProject::default()
        };
        let refused = desk.perform(None, Op::AddProject(new));
        assert!(matches!(refused, Err(Refusal::Taken { what: "word", .. })), "{name}");
    }
    assert_eq!(free_name(&[], &[], "all"), "all-2");
    assert_eq!(free_name(&[], &["x".to_owned(), "x-2".to_owned()], "X"), "x-3");
    desk.perform(None, Op::MoveProject { project: "z".to_owned(), to: 1 }).unwrap();
    let names = |desk: &Desk| -> Vec<String> {
        desk.state.projects.entries().unwrap().iter().map(|project| project.name.to_string()).collect()
    };
    assert_eq!(names(&desk), ["z", "web-app", "web-app-2"]);
    desk.perform(None, Op::RemoveProject { project: "2".to_owned() }).unwrap();
    desk.perform(None, Op::RemoveProject { project: "/y/web-app/".to_owned() }).unwrap();
    assert_eq!(names(&desk), ["z"]);
    assert!(matches!(
        desk.perform(None, Op::RemoveProject { project: "2".to_owned() }),
        Err(Refusal::Unknown { what: "project", .. })
    ));
}
