//! `aio hook`: an agent's event on stdin, our answer on stdout in its own dialect, and exit 0, whatever happens.
//!
//! Guarantees that no fault of ours keeps an agent from its work unless the person set `on_failure = "deny"`: what cannot be
//! understood, or done in time, passes with a line in the journal.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use crate::app::{App, Greeting, Look};
use crate::cli::HookArgs;
use crate::error::{Exit, Failure};
use crate::hooks::adapters::{self, Adapter};
use crate::hooks::event::{Answer, Event, Moment, Tool, Unfit};
use crate::hooks::words;
use crate::output::Report;
use crate::protocol::op::{
    Attendance, Change, ClaimRequest, Event as Journaled, Op, Outcome, Refusal, Registration, Request, Turn,
};
use crate::store::{StoreError, journal};

mod changes;
mod places;
mod session;
mod shell;

use places::Places;

/// How long a hook waits for the lock: agents give it ten seconds, and sit idle meanwhile.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);
/// The same at the end of a session, when agents hurry.
const LAST_PATIENCE: Duration = Duration::from_secs(1);
/// Of what is asked, this much is enough to know it again.
const QUESTION_CHARS: usize = 200;
/// More than any tool is given to write.
const MOST_PAYLOAD_BYTES: u64 = 32 * 1024 * 1024;

pub(super) fn run(app: &App, args: &HookArgs) -> Report {
    // Whatever comes of it, no agent shall write into a closed pipe.
    let payload = payload();
    let words: Vec<String> = args.words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    if let Some(failure) = &app.ailment {
        note(app, None, &words, &failure.message);
    }
    let [agent, event] = &*words else {
        return pass(app, &words, "aio hook takes an agent and its event");
    };
    let Some(adapter) = adapters::find(agent) else {
        return pass(app, &words, &format!("unknown agent {agent:?}"));
    };
    match payload.and_then(|payload| adapter.read(event, &payload)) {
        Err(unfit) => pass(app, &words, &unfit.to_string()),
        Ok(read) => answer(app, adapter, event, &read, &words),
    }
}

fn answer(app: &App, adapter: &Adapter, event: &str, read: &Event, words: &[String]) -> Report {
    let hook = Hook { app, adapter, name: event, event: read, words };
    let answer = hook.answer().unwrap_or_else(|failure| hook.failed(&failure));
    let mut report = Report::silent("hook");
    report.lines =
        Some(adapter.render(event, &answer)).filter(|text| !text.is_empty()).map(Into::into).into_iter().collect();
    report
}

/// For when there is nothing to answer with: no home, settings that cannot be read.
pub fn unable(failure: &Failure) -> Report {
    // What it holds matters no more.
    payload().map(drop).unwrap_or_default();
    let mut report = Report::silent("hook");
    report.notes.push(failure.message.clone());
    report
}

/// All of stdin, so that no agent writes into a closed pipe; kept up to a limit.
fn payload() -> Result<Vec<u8>, Unfit> {
    let unreadable = |error: std::io::Error| Unfit::Payload(format!("stdin cannot be read: {error}"));
    let mut stdin = std::io::stdin().lock();
    let mut payload = Vec::new();
    stdin.by_ref().take(MOST_PAYLOAD_BYTES).read_to_end(&mut payload).map_err(unreadable)?;
    let rest = std::io::copy(&mut stdin, &mut std::io::sink()).map_err(unreadable)?;
    if rest > 0 { Err(Unfit::Payload(format!("it has more than {MOST_PAYLOAD_BYTES} bytes"))) } else { Ok(payload) }
}

/// Says in the journal why something passed that was not judged.
fn pass(app: &App, words: &[String], why: &str) -> Report {
    note(app, None, words, why);
    Report::silent("hook")
}

fn note(app: &App, instance: Option<String>, words: &[String], why: &str) {
    let note = Some(format!("{}: {}", words.join(" "), words::one_line(why, 300)));
    let change = Change { event: Journaled::HookPassed, instance, note, ..Change::default() };
    // The journal is best effort, and there is nobody to tell.
    journal::note(app.store.dir(), &app.stamp(), &change).unwrap_or_default();
}

struct Hook<'h> {
    app: &'h App,
    adapter: &'h Adapter,
    name: &'h str,
    event: &'h Event,
    words: &'h [String],
}

impl Hook<'_> {
    fn answer(&self) -> Result<Answer, Failure> {
        self.app.speak_for(&self.event.session);
        match &self.event.moment {
            Moment::SessionStarts => self.start_session(),
            Moment::TurnBegins { prompt } => self.begin_turn(prompt),
            Moment::BeforeTool(Tool::Edit(files)) => self.before_edit(files),
            Moment::BeforeTool(Tool::Shell { command, cwd }) => self.before_shell(command, cwd.as_deref()),
            Moment::BeforeTool(Tool::Other) => Ok(Answer::Nothing),
            Moment::AfterTool(tool) => self.after_tool(tool),
            Moment::Asks { question } if question.is_empty() => Ok(Answer::Nothing),
            Moment::Asks { question } => {
                self.tell_parent(|witness| witness.question = words::one_line(question, QUESTION_CHARS));
                Ok(Answer::Nothing)
            }
            Moment::TurnEnds { trouble } => {
                self.end_turn(Op::Attend(Attendance { turn: Turn::Ends, hears: false }), trouble)
            }
            Moment::SessionEnds => self.last_word(Op::EndSession),
        }
    }

    /// What relative paths start in.
    fn cwd(&self) -> PathBuf {
        let typed = self.event.cwd.as_ref().map_or_else(|| self.app.cwd.clone(), PathBuf::from);
        self.app.physical(None, &typed).map_or(typed, |resolved| resolved.path)
    }

    fn before_edit(&self, files: &[String]) -> Result<Answer, Failure> {
        let mut places = Places::new(self.cwd());
        // To resolve a path outside of any worktree takes to know the session's project.
        let look = self.known(|| {
            places.clear();
            files.iter().for_each(|file| places.edit(self.app, file));
            self.app.look(&Op::Claim(places.request()))
        })?;
        for passed in &places.passed {
            note(self.app, Some(look.caller.clone()), self.words, passed);
        }
        self.judge(look, &places, false)
    }

    /// All or none: held or free, and then claimed, or denied.
    fn judge(&self, look: Look, places: &Places, by_command: bool) -> Result<Answer, Failure> {
        let outcome = match look.answer {
            Some(answer) => {
                if look.greeting == Greeting::Heartbeat {
                    self.app.greet(&look.caller, Greeting::Heartbeat);
                }
                answer
            }
            None => {
                let claim = self.with_ids(places.request());
                self.commit(&look.caller, Op::Claim(claim), LOCK_PATIENCE)?
            }
        };
        Ok(match outcome {
            Ok(Outcome::Guarded { lost }) => Answer::Deny(words::read_again(&lost)),
            Ok(Outcome::Claimed { shadows, .. }) if !shadows.is_empty() => Answer::Tell(words::shadows(&shadows)),
            Ok(_) => Answer::Nothing,
            Err(Refusal::Held(conflicts)) => Answer::Deny(words::denial(&conflicts, &places.names(), by_command)),
            Err(refusal) => return Err(refusal.into()),
        })
    }

    fn with_ids(&self, mut claim: ClaimRequest) -> ClaimRequest {
        claim.wanted.iter_mut().for_each(|wanted| wanted.id = self.app.new_id().into());
        claim
    }

    /// Lives, and hears what is new. Says who it is.
    fn attend(&self, turn: Turn) -> Result<(String, String), Failure> {
        let op = Op::Attend(Attendance { turn, hears: self.adapter.listens(self.name) });
        let look = self.known(|| self.app.look(&op))?;
        let outcome = match look.answer {
            Some(answer) => answer,
            None => self.commit(&look.caller, op, LOCK_PATIENCE)?,
        };
        let Outcome::Heard { lost, news } = outcome? else { return Ok((look.caller, String::new())) };
        Ok((look.caller, words::news(&lost, &news)))
    }

    fn after_tool(&self, tool: &Tool) -> Result<Answer, Failure> {
        // What it asked was answered.
        self.tell_parent(|witness| witness.question.clear());
        let (caller, news) = self.attend(Turn::GoesOn)?;
        let found = match tool {
            Tool::Shell { .. } => self.compare_after(&caller)?,
            Tool::Edit(files) => self.note_edit(&caller, files).map(|()| String::new())?,
            Tool::Other => String::new(),
        };
        let both: Vec<String> = [found, news].into_iter().filter(|text| !text.is_empty()).collect();
        Ok(told(both.join("\n")))
    }

    fn end_turn(&self, op: Op, trouble: &str) -> Result<Answer, Failure> {
        self.tell_parent(|witness| {
            (witness.is_working, witness.question) = (false, String::new());
            trouble.clone_into(&mut witness.trouble);
        });
        self.last_word(op)
    }

    /// What nobody waits for an answer to; from a session that never did anything, nothing.
    fn last_word(&self, op: Op) -> Result<Answer, Failure> {
        match self.app.look(&op) {
            Ok(Look { caller, answer: None, .. }) => {
                if matches!(op, Op::EndSession) {
                    self.forget_calls(&caller);
                }
                self.commit(&caller, op, LAST_PATIENCE)??;
            }
            Ok(_) => {}
            Err(failure) if failure.exit == Exit::NotRegistered => {}
            Err(failure) => return Err(failure),
        }
        Ok(Answer::Nothing)
    }

    /// What `ask` gives once the session is registered: sessions are met in the middle, too.
    fn known<T>(&self, mut ask: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
        match ask() {
            Err(failure) if failure.exit == Exit::NotRegistered => {
                self.register()?;
                ask()
            }
            answer => answer,
        }
    }

    fn commit(&self, caller: &str, op: Op, patience: Duration) -> Result<Result<Outcome, Refusal>, Failure> {
        match self.app.transact_within(&Request { actor: Some(caller.to_owned()), op }, patience) {
            Ok(outcome) => Ok(Ok(outcome)),
            Err(StoreError::Refused(refusal)) => Ok(Err(refusal)),
            Err(error) => Err(error.into()),
        }
    }

    /// What an agent is answered where aio itself failed: to go on, unless the person would rather be safe.
    fn failed(&self, failure: &Failure) -> Answer {
        note(self.app, None, self.words, &failure.message);
        let words = words::failure(&failure.message, failure.hints.first());
        match &self.event.moment {
            Moment::BeforeTool(Tool::Other) => Answer::Nothing,
            Moment::BeforeTool(_) if self.app.denies_on_failure() => Answer::Deny(words),
            Moment::BeforeTool(_) => Answer::Tell(words),
            _ => Answer::Nothing,
        }
    }
}

fn told(text: String) -> Answer {
    if text.is_empty() { Answer::Nothing } else { Answer::Tell(text) }
}
