//! What is known while a command is followed: the folder, variables, functions.
//!
//! Guarantees that nothing is known wrongly: where two ways of getting somewhere leave different facts, the fact is
//! given up. Copies are cheap, because every subshell and every branch takes one.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::field::Field;
use super::paths;
use super::syntax::Command;

/// More than anybody keeps track of; each is copied when one of them changes in a subshell.
const MOST_NAMES: usize = 64;
/// Longer than the paths that are put into variables.
const LONGEST_VALUE: usize = 1024;

#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// Absolute, without `.` and `..`: a shell goes by the names it came by.
    pub(super) cwd: Option<String>,
    pub(super) previous: Option<String>,
    pub(super) stack: Vec<Option<String>>,
    /// A plain `sh` may know no braces.
    pub(super) has_braces: bool,
    variables: Rc<BTreeMap<String, Field>>,
    /// `None` is a function or alias that is not known.
    functions: Rc<BTreeMap<String, Option<Rc<Command>>>>,
}

impl Scope {
    pub(super) fn new(cwd: &str, home: Option<&str>) -> Scope {
        let mut scope = Scope {
            cwd: Some(cwd).filter(|cwd| cwd.starts_with('/')).and_then(|cwd| paths::changed_into(None, cwd)),
            previous: None,
            stack: Vec::new(),
            has_braces: true,
            variables: Rc::default(),
            functions: Rc::default(),
        };
        scope.set("HOME", home.filter(|home| home.starts_with('/')).map(|home| Field::Text(home.to_owned())));
        scope
    }

    /// As a shell starts that is run from this one: it inherits the folder and `HOME`, and what else it may
    /// inherit is not kept track of.
    pub(super) fn of_child(&self, has_braces: bool) -> Scope {
        let mut child = Scope { has_braces, variables: Rc::default(), functions: Rc::default(), ..self.clone() };
        child.set("HOME", self.get("HOME"));
        child
    }

    pub(super) fn get(&self, name: &str) -> Option<Field> {
        match name {
            "PWD" => self.cwd.clone().map(Field::Text),
            "OLDPWD" => self.previous.clone().map(Field::Text),
            _ => self.variables.get(name).cloned(),
        }
    }

    /// Whether the name was given a value here that is known.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    pub(super) fn set(&mut self, name: &str, value: Option<Field>) {
        // What is empty could be replaced by a default, which is not followed.
        let value = value.filter(|value| value.text() != Some("") && value.len() <= LONGEST_VALUE);
        if self.variables.get(name) == value.as_ref() {
            return;
        }
        let variables = Rc::make_mut(&mut self.variables);
        match value {
            Some(value) if variables.len() < MOST_NAMES || variables.contains_key(name) => {
                variables.insert(name.to_owned(), value);
            }
            _ => drop(variables.remove(name)),
        }
    }

    /// In a branch: of the paths that a loop goes over, those that come here are unknown.
    pub(super) fn doubt_sets(&mut self) {
        self.exchange_sets(|value| match value {
            Field::Each(pattern) => Some(Field::Doubted(pattern.clone())),
            _ => None,
        });
    }

    /// Behind the branch they all come again, if they are what they were.
    pub(super) fn trust_sets(&mut self, before: &Scope) {
        let was_each = |pattern: &String| before.variables.values().any(|value| *value == Field::Each(pattern.clone()));
        self.exchange_sets(|value| match value {
            Field::Doubted(pattern) if was_each(pattern) => Some(Field::Each(pattern.clone())),
            _ => None,
        });
    }

    fn exchange_sets(&mut self, exchange: impl Fn(&Field) -> Option<Field>) {
        if self.variables.values().any(|value| exchange(value).is_some()) {
            for value in Rc::make_mut(&mut self.variables).values_mut() {
                *value = exchange(value).unwrap_or_else(|| value.clone());
            }
        }
    }

    /// Gives up every name that stands in `text`, as arithmetic may assign any of them.
    pub(super) fn forget_names_in(&mut self, text: &str) {
        if self.variables.keys().any(|name| text.contains(&**name)) {
            Rc::make_mut(&mut self.variables).retain(|name, _| !text.contains(&**name));
        }
    }

    /// After something that may have done anything to this shell.
    pub(super) fn forget_all(&mut self) {
        self.variables = Rc::default();
        self.cwd = None;
        self.previous = None;
        self.stack.clear();
    }

    /// A function that was defined here: `Some(None)` where another meaning is possible.
    pub(super) fn function(&self, name: &str) -> Option<Option<Rc<Command>>> {
        self.functions.get(name).cloned()
    }

    /// Nothing where there are too many of them.
    pub(super) fn define(&mut self, name: &str, body: Option<Rc<Command>>) -> Option<()> {
        (self.functions.len() < MOST_NAMES || self.functions.contains_key(name)).then_some(())?;
        Rc::make_mut(&mut self.functions).insert(name.to_owned(), body);
        Some(())
    }

    /// What `$1` and so on are in a function or script.
    pub(super) fn set_arguments(&mut self, args: &[Option<Field>]) {
        // One that is not known may be none, or many.
        let certain = args.iter().take_while(|arg| arg.is_some()).count();
        for (index, digit) in ('1'..='9').enumerate() {
            self.set(digit.encode_utf8(&mut [0; 4]), args[..certain].get(index).cloned().flatten());
        }
    }

    /// Back from a function: its arguments and what it may have made local are gone.
    pub(super) fn return_to(&mut self, before: &Scope) {
        Rc::make_mut(&mut self.variables).retain(|name, value| before.variables.get(name) == Some(value));
        for digit in '1'..='9' {
            let name = digit.encode_utf8(&mut [0; 4]).to_owned();
            self.set(&name, before.get(&name));
        }
    }

    /// After a script that was read into this shell: it is trusted to stay in the folder.
    pub(super) fn forget_variables(&mut self) {
        let home = self.get("HOME");
        self.variables = Rc::default();
        self.set("HOME", home);
    }

    /// Changes the folder; the last one can be gone back to.
    pub(super) fn go(&mut self, folder: Option<String>) {
        self.previous = std::mem::replace(&mut self.cwd, folder);
    }

    /// Keeps what is known whichever of the two ways was taken.
    pub(super) fn join(&mut self, other: &Scope) {
        keep_equal(&mut self.cwd, &other.cwd);
        keep_equal(&mut self.previous, &other.previous);
        if self.stack != other.stack {
            self.stack.clear();
        }
        if !Rc::ptr_eq(&self.variables, &other.variables) {
            Rc::make_mut(&mut self.variables).retain(|name, value| other.variables.get(name) == Some(value));
        }
        if !Rc::ptr_eq(&self.functions, &other.functions) {
            self.join_functions(other);
        }
    }

    fn join_functions(&mut self, other: &Scope) {
        let functions = Rc::make_mut(&mut self.functions);
        for (name, body) in functions.iter_mut() {
            let is_same = |theirs: &Rc<Command>| body.as_ref().is_some_and(|ours| Rc::ptr_eq(ours, theirs));
            if !matches!(other.functions.get(name), Some(Some(theirs)) if is_same(theirs)) {
                *body = None;
            }
        }
        for name in other.functions.keys() {
            functions.entry(name.clone()).or_insert(None);
        }
    }
}

fn keep_equal(ours: &mut Option<String>, theirs: &Option<String>) {
    if ours != theirs {
        *ours = None;
    }
}
