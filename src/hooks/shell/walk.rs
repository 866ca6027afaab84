//! Follows a command from its beginning to its end and collects what it touches.
//!
//! Everything is followed as if it succeeded; see [`super`] for what that means behind branches. The number of steps and
//! the depth of calls are limited, so that a short text cannot keep it busy.

use std::rc::Rc;

use super::field::Field;
use super::options::Argument;
use super::scope::Scope;
use super::syntax::{Assignment, Body, Command, Document, List, Part, Pipeline, Redirect, Simple, Value, Word};
use super::{Effects, Surroundings, builtins, expand, parser, programs};

/// Commands and arguments, loops unrolled.
const MOST_STEPS: usize = 20_000;
/// How much text takes as long as a command.
const BYTES_A_STEP: usize = 128;
/// Functions that call functions, and shells in shells.
const MOST_CALLS: usize = 6;

/// Whether the commands behind this one are reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Flow {
    GoesOn,
    /// Out of a function or loop.
    Returns,
    Exits,
}

pub(super) struct Walker {
    pub(super) found: Effects,
    steps: usize,
    calls: usize,
}

/// The text that a command finds on its input.
#[derive(Clone)]
pub(super) struct Input {
    pub(super) text: String,
    /// Nothing in it is expanded.
    is_literal: bool,
}

impl Input {
    fn new(text: Option<impl AsRef<str>>, is_literal: bool) -> Option<Input> {
        text.map(|text| Input { text: text.as_ref().to_owned(), is_literal })
    }

    /// Whether the text is what the command gets.
    pub(super) fn is_certain(&self) -> bool {
        self.is_literal || !self.text.contains(['$', '`', '\\'])
    }
}

pub(super) fn follow(list: &List, surroundings: &Surroundings<'_>) -> Effects {
    let mut walker = Walker { found: Effects::default(), steps: MOST_STEPS, calls: MOST_CALLS };
    walker.list(list, &mut Scope::new(surroundings.cwd, surroundings.home));
    walker.found
}

impl Walker {
    /// Takes account of work: commands and arguments, and the text that is gone through for them.
    pub(super) fn spend(&mut self, items: usize, bytes: usize) {
        self.steps = self.steps.saturating_sub(items + bytes / BYTES_A_STEP);
    }

    /// Whether it has done as much as it does for any command.
    pub(super) fn is_spent(&self) -> bool {
        self.steps == 0
    }

    pub(super) fn list(&mut self, list: &List, scope: &mut Scope) -> Flow {
        for item in &list.0 {
            if self.is_spent() {
                return Flow::Exits;
            }
            if item.background {
                self.chain(&item.chain, &mut scope.clone());
                continue;
            }
            let flow = self.chain(&item.chain, scope);
            if flow != Flow::GoesOn {
                return flow;
            }
        }
        Flow::GoesOn
    }

    /// Each command of a longer pipeline is a shell of its own, the last one not in all shells.
    pub(super) fn pipeline(&mut self, pipeline: &Pipeline, scope: &mut Scope) -> Flow {
        if let [command] = &pipeline.commands[..] {
            return self.command(command, scope, None);
        }
        let mut last = scope.clone();
        let mut input = None;
        for command in &pipeline.commands {
            last = scope.clone();
            self.command(command, &mut last, input.as_ref());
            input = command.passed_on();
        }
        scope.join(&last);
        Flow::GoesOn
    }

    fn command(&mut self, command: &Command, scope: &mut Scope, piped: Option<&Input>) -> Flow {
        self.spend(1, piped.map_or(0, |input| input.text.len()));
        let mut input = piped.cloned();
        for redirect in &command.redirects {
            self.redirect(redirect, scope, &mut input);
        }
        match &command.body {
            Body::Simple(simple) => self.simple(simple, scope, input.as_ref()),
            Body::Group(list) => self.list(list, scope),
            Body::Subshell(list) => {
                self.list(list, &mut scope.clone());
                Flow::GoesOn
            }
            Body::If { branches, otherwise } => self.conditional(branches, otherwise.as_ref(), scope),
            Body::While { condition, body } => {
                let flow = self.list(condition, scope);
                if flow == Flow::GoesOn { self.repeat(body, scope) } else { flow }
            }
            Body::For { name, words, body } => self.each(name, words.as_deref(), body, scope),
            Body::Count { arithmetic, body } => {
                self.spend(0, arithmetic.len());
                scope.forget_names_in(arithmetic);
                self.repeat(body, scope)
            }
            Body::Case { word, branches } => self.case(word, branches, scope),
            Body::Function { name, body } => {
                self.define(name, Some(Rc::clone(body)), scope);
                Flow::GoesOn
            }
            Body::Test(words) => {
                words.iter().for_each(|word| self.word(word, scope));
                Flow::GoesOn
            }
            Body::Arithmetic(text) => {
                self.spend(0, text.len());
                scope.forget_names_in(text);
                Flow::GoesOn
            }
        }
    }

    /// With too many functions to remember, no command is sure to be what it is called.
    pub(super) fn define(&mut self, name: &str, body: Option<Rc<Command>>, scope: &mut Scope) {
        if scope.define(name, body).is_none() {
            self.steps = 0;
        }
    }

    fn redirect(&mut self, redirect: &Redirect, scope: &mut Scope, input: &mut Option<Input>) {
        match redirect {
            Redirect::Write(word) | Redirect::WriteOrDuplicate(word) => {
                self.word(word, scope);
                let is_descriptor = |field: &Field| {
                    field
                        .text()
                        .is_some_and(|text| text.trim_end_matches('-').bytes().all(|byte| byte.is_ascii_digit()))
                };
                let is_both = matches!(redirect, Redirect::WriteOrDuplicate(_));
                if let Some(field) = expand::target(word, scope).filter(|field| !is_both || !is_descriptor(field)) {
                    programs::redirect(&field, scope, &mut self.found);
                }
            }
            Redirect::Other(word) => {
                self.word(word, scope);
                *input = None;
            }
            Redirect::Text(Document::Here { text, literal }) => *input = Input::new(text.get(), *literal),
            Redirect::Text(Document::String(word)) => {
                self.word(word, scope);
                let value = expand::value(word, scope);
                *input = Input::new(value.as_ref().and_then(Field::text), true);
            }
        }
    }

    /// Follows the commands inside a word.
    pub(super) fn word(&mut self, word: &Word, scope: &mut Scope) {
        for part in &word.0 {
            match part {
                Part::Output { list, .. } | Part::Process(list) => drop(self.list(list, &mut scope.clone())),
                Part::Arithmetic(text) => {
                    self.spend(0, text.len());
                    scope.forget_names_in(text);
                }
                Part::Text(_) | Part::Quoted(_) | Part::Variable { .. } | Part::Unknown { .. } => {}
            }
        }
    }

    fn simple(&mut self, simple: &Simple, scope: &mut Scope, input: Option<&Input>) -> Flow {
        let assigned = self.assigned(&simple.assignments, scope, simple.words.is_empty());
        simple.words.iter().for_each(|word| self.word(word, scope));
        let args: Vec<Argument> = simple.words.iter().flat_map(|word| expand::arguments(word, scope)).collect();
        self.spend(args.len(), args.iter().flatten().map(Field::len).sum());
        if self.is_spent() {
            return Flow::Exits;
        }
        if args.is_empty() {
            return Flow::GoesOn;
        }
        let flow = builtins::invoke(self, &args, &assigned, scope, input);
        self.assigned(&simple.declared, scope, true);
        flow
    }

    /// The values of assignments, which see those before them; they stay where no command follows.
    fn assigned(&mut self, assignments: &[Assignment], scope: &mut Scope, stays: bool) -> Vec<(String, Argument)> {
        let mut during = scope.clone();
        let mut assigned = Vec::new();
        for Assignment { name, value } in assignments {
            let value = match value {
                Value::Plain(word) => {
                    self.word(word, &mut during);
                    expand::value(word, &during)
                }
                Value::Other(words) => {
                    words.iter().for_each(|word| self.word(word, &mut during));
                    None
                }
            };
            during.set(name, value.clone());
            assigned.push((name.clone(), value));
        }
        if stays {
            *scope = during;
        }
        assigned
    }

    /// Something that may come back to where it was called from.
    pub(super) fn called(&mut self, run: impl FnOnce(&mut Self) -> Flow) -> Flow {
        if self.calls == 0 {
            return Flow::GoesOn;
        }
        self.calls -= 1;
        let flow = run(self);
        self.calls += 1;
        flow
    }

    /// Commands in a text of their own.
    pub(super) fn script(&mut self, text: &str, scope: &mut Scope) -> Flow {
        self.spend(0, text.len());
        let list = parser::parse(text).filter(|_| !self.is_spent());
        match list {
            Some(list) => self.called(|walker| walker.list(&list, scope)),
            None => {
                scope.forget_all();
                Flow::GoesOn
            }
        }
    }

    /// The body of a function, with its arguments.
    pub(super) fn function(
        &mut self,
        body: &Command,
        args: &[Argument],
        scope: &mut Scope,
        input: Option<&Input>,
    ) -> Flow {
        let before = scope.clone();
        scope.set_arguments(args);
        let flow = self.called(|walker| walker.command(body, scope, input));
        scope.return_to(&before);
        if flow == Flow::Exits { flow } else { Flow::GoesOn }
    }
}

impl Command {
    /// The text that `cat` passes on to the next command of a pipeline.
    fn passed_on(&self) -> Option<Input> {
        let Body::Simple(simple) = &self.body else { return None };
        match (&simple.words[..], &self.redirects[..]) {
            ([word], [Redirect::Text(Document::Here { text, literal })]) if word.plain() == Some("cat") => {
                Input::new(text.get(), *literal)
            }
            _ => None,
        }
    }
}
