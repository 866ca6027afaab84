//! Chains, branches and loops: what is known behind a command that may have been passed over.

use super::expand;
use super::field::Field;
use super::options::Argument;
use super::scope::Scope;
use super::syntax::{Body, Chain, Command, Link, List, Pipeline, Simple, Word};
use super::walk::{Flow, Walker};

impl Walker {
    pub(super) fn chain(&mut self, chain: &Chain, scope: &mut Scope) -> Flow {
        let flow = self.pipeline(&chain.first, scope);
        if flow != Flow::GoesOn || chain.rest.is_empty() {
            return flow;
        }
        let mut last = &chain.first;
        // How things stand where a command failed, and where the ones behind it were passed over.
        let mut failed = scope.clone();
        let mut stopped: Option<Scope> = None;
        for (link, pipeline) in &chain.rest {
            let mut taken = scope.clone();
            match link {
                Link::And => {
                    if !last.is_made_to_succeed() {
                        join(&mut stopped, scope.clone());
                    }
                    let goes_on = self.branch(pipeline, &mut taken, last.is_question());
                    failed.join(scope);
                    *scope = if goes_on { taken } else { stopped.take().unwrap_or(failed) };
                    if !goes_on && last.is_question() {
                        scope.doubt_sets();
                    }
                    failed = scope.clone();
                }
                Link::Or => {
                    taken.join(&failed);
                    stopped.take().iter().for_each(|stopped| taken.join(stopped));
                    failed = taken.clone();
                    match self.branch(pipeline, &mut taken, true) {
                        true => scope.join(&taken),
                        false if last.is_question() => scope.doubt_sets(),
                        false => {}
                    }
                }
            }
            last = pipeline;
        }
        stopped.iter().for_each(|stopped| scope.join(stopped));
        Flow::GoesOn
    }

    /// Whether the commands behind it are reached.
    fn branch(&mut self, pipeline: &Pipeline, scope: &mut Scope, is_filtered: bool) -> bool {
        let before = scope.clone();
        if is_filtered {
            scope.doubt_sets();
        }
        let flow = self.pipeline(pipeline, scope);
        scope.trust_sets(&before);
        flow == Flow::GoesOn
    }

    pub(super) fn conditional(
        &mut self,
        branches: &[(List, List)],
        otherwise: Option<&List>,
        scope: &mut Scope,
    ) -> Flow {
        let start = scope.clone();
        let mut after = None;
        let mut flows = Vec::new();
        for (condition, body) in branches {
            let before = scope.clone();
            let flow = self.list(condition, scope);
            if flow != Flow::GoesOn {
                return flow;
            }
            let mut taken = scope.clone();
            scope.join(&before);
            if condition.is_question() {
                taken.doubt_sets();
                scope.doubt_sets();
            }
            flows.push(self.list(body, &mut taken));
            if flows.last() == Some(&Flow::GoesOn) {
                join(&mut after, taken);
            }
        }
        flows.push(otherwise.map_or(Flow::GoesOn, |list| self.list(list, scope)));
        if flows.last() == Some(&Flow::GoesOn) {
            join(&mut after, scope.clone());
        }
        let Some(mut after) = after else { return flows[0] };
        if flows.iter().all(|flow| *flow == Flow::GoesOn) {
            after.trust_sets(&start);
        }
        *scope = after;
        Flow::GoesOn
    }

    pub(super) fn case(&mut self, word: &Word, branches: &[List], scope: &mut Scope) -> Flow {
        self.word(word, scope);
        let start = scope.clone();
        scope.doubt_sets();
        let mut after = scope.clone();
        let mut all_go_on = true;
        for branch in branches {
            let mut taken = scope.clone();
            match self.list(branch, &mut taken) {
                Flow::GoesOn => after.join(&taken),
                Flow::Returns | Flow::Exits => all_go_on = false,
            }
        }
        if all_go_on {
            after.trust_sets(&start);
        }
        *scope = after;
        Flow::GoesOn
    }

    /// Once, which is as much as can be told.
    pub(super) fn repeat(&mut self, body: &List, scope: &mut Scope) -> Flow {
        let before = scope.clone();
        self.list(body, scope);
        scope.join(&before);
        Flow::GoesOn
    }

    pub(super) fn each(&mut self, name: &str, words: Option<&[Word]>, body: &List, scope: &mut Scope) -> Flow {
        let before = scope.clone();
        for value in self.values(words, scope) {
            scope.set(name, value);
            self.list(body, scope);
            self.spend(1, 0);
            if self.is_spent() {
                return Flow::Exits;
            }
        }
        scope.join(&before);
        Flow::GoesOn
    }

    /// What a loop goes over; the paths of a pattern in one.
    fn values(&mut self, words: Option<&[Word]>, scope: &mut Scope) -> Vec<Argument> {
        let Some(words) = words else { return vec![None] };
        words.iter().for_each(|word| self.word(word, scope));
        let one = |value: Argument| match value {
            Some(Field::Glob(pattern)) => Some(Field::Each(pattern)),
            other => other,
        };
        words.iter().flat_map(|word| expand::arguments(word, scope)).map(one).collect()
    }
}

fn join(facts: &mut Option<Scope>, other: Scope) {
    match facts {
        Some(facts) => facts.join(&other),
        None => *facts = Some(other),
    }
}

/// Commands that one counts on.
const MADE_TO_SUCCEED: [&str; 14] =
    ["cd", "pushd", "popd", "mkdir", "echo", "printf", "export", "set", "true", ":", "touch", "source", ".", "rm"];

/// Commands whose success says nothing about the file they are given, beside those.
const WORKING: [&str; 16] = [
    "sed", "perl", "awk", "cat", "sort", "jq", "tr", "cut", "head", "tail", "uniq", "tee", "cp", "mv", "ln", "prettier",
];

impl Pipeline {
    /// Whether only an accident keeps it from succeeding.
    fn is_made_to_succeed(&self) -> bool {
        let [Command { body: Body::Simple(simple), .. }] = &self.commands[..] else { return false };
        !self.negated && simple.is_one_of(&MADE_TO_SUCCEED)
    }

    /// Whether it may be there to tell some files from others.
    fn is_question(&self) -> bool {
        match self.commands.last().map(|command| &command.body) {
            _ if self.negated => true,
            Some(Body::Simple(simple)) => {
                !(simple.is_one_of(&MADE_TO_SUCCEED) || simple.is_one_of(&WORKING) || simple.asks_for_existence())
            }
            Some(Body::Test(words)) => !asks_for_existence(words),
            _ => true,
        }
    }
}

impl List {
    fn is_question(&self) -> bool {
        let [item] = &self.0[..] else { return true };
        !item.chain.rest.is_empty() || item.chain.first.is_question()
    }
}

impl Simple {
    fn is_one_of(&self, names: &[&str]) -> bool {
        self.words.first().is_none_or(|word| word.plain().is_some_and(|name| names.contains(&name)))
    }

    /// `[ -f "$file" ]`, which holds for whatever a pattern matched.
    fn asks_for_existence(&self) -> bool {
        match &self.words[..] {
            [test, rest @ .., end] if test.plain() == Some("[") => end.plain() == Some("]") && asks_for_existence(rest),
            [test, rest @ ..] if test.plain() == Some("test") => asks_for_existence(rest),
            _ => false,
        }
    }
}

fn asks_for_existence(words: &[Word]) -> bool {
    matches!(words, [option, _] if matches!(option.plain(), Some("-e" | "-f")))
}
