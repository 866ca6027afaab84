//! What is known of an agent's work from all that its stream has said so far.

use super::{Limit, Prices, Scope, Seen, Used};
use crate::protocol::op;

/// Parts of what is said are joined up to so many bytes.
const LONGEST_SAID: usize = 1 << 20;

/// A fold over [`Seen`]. Of what it said and of errors, the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The id by which its session can be resumed.
    pub session: Option<String>,
    /// Whether it took its prompt.
    pub is_acknowledged: bool,
    /// Whether it is in a turn.
    pub is_working: bool,
    /// How many turns of this run are over.
    pub turns_ended: u32,
    /// What it said last; empty when it said nothing.
    pub said: String,
    /// Why its last turn failed, in words.
    pub error: Option<String>,
    /// The limit it ran into.
    pub limit: Option<Limit>,
    /// What went wrong last without ending the turn.
    pub warning: Option<String>,
    /// What the tool is about that it used last: its name, then a file or command.
    pub tool: Option<(String, String)>,
    /// What earlier runs used.
    pub(super) before: op::Usage,
    /// Whether they are of another session than what this run tells of.
    pub(super) is_anew: bool,
    /// What this run used; all of the session, where the agent tells that.
    pub(super) run: Used,
    pub(super) is_saying: bool,
}

impl Progress {
    /// Of a run that resumes a session, whose earlier runs used so much.
    pub fn after(before: op::Usage) -> Progress {
        Progress { before, ..Progress::default() }
    }

    /// Of a run in a session of its own, after others that used so much.
    pub fn anew(before: op::Usage) -> Progress {
        Progress { is_anew: true, ..Progress::after(before) }
    }

    /// Takes in one more thing.
    pub fn see(&mut self, seen: Seen) {
        let is_saying = matches!(seen, Seen::SaidPart(_));
        match seen {
            Seen::Session(id) => self.session = Some(id),
            Seen::TurnStarted => self.work(),
            Seen::Said(text) => self.say(text),
            Seen::SaidPart(_) if self.is_saying && self.said.len() > LONGEST_SAID => {}
            Seen::SaidPart(text) if self.is_saying => self.said.push_str(&text),
            Seen::SaidPart(text) => self.say(text),
            Seen::ToolUsed { name, about } => {
                self.work();
                self.tool = Some((name, about));
            }
            Seen::FileChanged(_) => {}
            Seen::Used(used, scope) => self.count(used, scope),
            Seen::TurnEnded { is_error, said, reason } => self.end(is_error, said, reason),
            Seen::Limited(limit) => self.limit(limit),
            Seen::Warning(words) => self.warning = Some(words),
        }
        self.is_saying = is_saying;
    }

    /// What it used so far in all runs of its session, with a cost that the agent reported or that follows from these prices.
    /// None where nothing is known of any use yet.
    pub fn usage(&self, prices: Option<&Prices>) -> Option<op::Usage> {
        let (before, run) = (&self.before, &self.run);
        if *run == Used::default() {
            return Some(before.clone()).filter(|before| *before != op::Usage::default());
        }
        let computed = || prices.map(|prices| (prices.cost(run), "computed"));
        let cost = run.cost_micros.map(|cost| (cost, "reported")).or_else(computed);
        let is_first = *before == op::Usage::default();
        let sum = || before.cost.zip(cost).map(|(one, two)| (one.0.saturating_add(two.0), weaker(one.1, two.1)));
        Some(op::Usage {
            input_tokens: before.input_tokens.saturating_add(run.input_tokens),
            output_tokens: before.output_tokens.saturating_add(run.output_tokens),
            cost: if is_first { cost } else { sum() },
        })
    }

    fn work(&mut self) {
        self.is_acknowledged = true;
        self.is_working = true;
    }

    fn say(&mut self, text: String) {
        self.work();
        self.said = text;
    }

    fn count(&mut self, used: Used, scope: Scope) {
        match scope {
            Scope::Step => self.run = self.run.plus(used),
            Scope::Run => self.run = used,
            Scope::Session => {
                // The sum of a session never falls: what is less is that of a process, whatever the agent says elsewhere.
                self.is_anew |= is_less(&used, &self.before);
                if !self.is_anew {
                    self.before = op::Usage::default();
                }
                self.run = used;
            }
        }
    }

    fn end(&mut self, is_error: bool, said: Option<String>, reason: String) {
        self.is_working = false;
        self.turns_ended = self.turns_ended.saturating_add(1);
        if is_error {
            let words = said.or_else(|| Some(reason).filter(|reason| !reason.is_empty()));
            let words = words.or_else(|| self.warning.clone());
            self.error = Some(words.unwrap_or_else(|| "it gave no reason".to_owned()));
            return;
        }
        (self.error, self.limit) = (None, None);
        self.said = said.unwrap_or_else(|| std::mem::take(&mut self.said));
    }

    /// Told twice, once with the time when it ends.
    fn limit(&mut self, limit: Limit) {
        let until = limit.until.or_else(|| self.limit.as_ref()?.until);
        self.limit = Some(Limit { until, ..limit });
    }
}

fn is_less(used: &Used, before: &op::Usage) -> bool {
    let costs_less = used.cost_micros.zip(before.cost).is_some_and(|(now, (before, _))| now < before);
    used.input_tokens < before.input_tokens || used.output_tokens < before.output_tokens || costs_less
}

/// A sum is only as good as its parts.
fn weaker(one: &'static str, two: &'static str) -> &'static str {
    if one == "reported" { two } else { one }
}
