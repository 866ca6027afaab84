//! What a command's first word leads to: a function, a builtin of the shell, another shell, a command behind a prefix such
//! as `sudo`, or a program.

use super::field::Field;
use super::options::{self, Argument};
use super::programs::finding;
use super::scope::Scope;
use super::walk::{Flow, Input, Walker};
use super::{paths, programs};

/// Commands that run the command in their arguments: name, options, how many operands come before it, and whether the shell
/// itself runs it.
const PREFIXES: [(&str, &str, usize, bool); 15] = [
    ("command", "p", 0, true),
    ("builtin", "", 0, true),
    ("nocorrect", "", 0, true),
    ("exec", "a: c l", 0, true),
    ("sudo", "A b E H k n P S C: g: p: T: u: preserve-env? non-interactive stdin set-home user: group:", 0, false),
    ("doas", "n u:", 0, false),
    ("env", "i ignore-environment u: unset: v debug", 0, false),
    ("nohup", "", 0, false),
    ("setsid", "c ctty f fork w wait", 0, false),
    ("time", "p v verbose f: format: q quiet", 0, false),
    ("timeout", "k: kill-after: s: signal: foreground preserve-status v verbose", 1, false),
    ("nice", "n: adjustment:", 0, false),
    ("ionice", "c: class: n: classdata: t ignore", 0, false),
    ("stdbuf", "i: input: o: output: e: error:", 0, false),
    ("caffeinate", "d i m s u t:", 0, false),
];

/// Builtins that give values to the variables in their arguments.
const ASSIGNING: [&str; 8] = ["read", "mapfile", "readarray", "getopts", "let", "unset", "vared", "integer"];

/// Follows a command with its arguments, the first of which is its name.
pub(super) fn invoke(
    walker: &mut Walker,
    args: &[Argument],
    assigned: &[(String, Argument)],
    scope: &mut Scope,
    input: Option<&Input>,
) -> Flow {
    let mut call = Invocation {
        walker,
        args,
        assigned: assigned.to_vec(),
        in_shell: true,
        may_be_function: true,
        replaces: false,
    };
    let Some(name) = call.unwrap(scope) else { return Flow::GoesOn };
    let replaces = call.replaces;
    let flow = call.run(&name, scope, input);
    if replaces { Flow::Exits } else { flow }
}

struct Invocation<'w, 'a> {
    walker: &'w mut Walker,
    args: &'a [Argument],
    /// Variables for this command only.
    assigned: Vec<(String, Argument)>,
    in_shell: bool,
    may_be_function: bool,
    /// `exec`: nothing comes after it.
    replaces: bool,
}

impl Invocation<'_, '_> {
    /// Steps behind prefixes and the name, which is returned; nothing where the command is not known.
    fn unwrap(&mut self, scope: &Scope) -> Option<String> {
        loop {
            let (name, rest) = self.args.split_first()?;
            let name = program_name(name.as_ref()?.text()?)?;
            self.args = rest;
            let is_function = self.may_be_function && self.in_shell && scope.function(name).is_some();
            let prefix =
                PREFIXES.iter().find(|(listed, _, _, in_shell)| *listed == name && (self.in_shell || !in_shell));
            let Some((_, spec, operands, in_shell)) = prefix.filter(|_| !is_function) else {
                return Some(name.to_owned());
            };
            let (_, rest) = options::read_leading(rest, spec)?;
            self.args = rest.get(*operands..)?;
            self.in_shell &= in_shell;
            self.may_be_function = false;
            self.replaces |= name == "exec";
            if matches!(name, "env" | "sudo" | "doas") {
                self.take_assignments();
            }
            if matches!(name, "sudo" | "doas") {
                self.assigned.push(("HOME".to_owned(), None));
            }
        }
    }

    /// `name=value` in front of the command.
    fn take_assignments(&mut self) {
        while let Some((argument, rest)) = self.args.split_first()
            && let Some((name, value)) = argument.as_ref().and_then(Field::text).and_then(|text| text.split_once('='))
        {
            self.assigned.push((name.to_owned(), Some(Field::Text(value.to_owned()))));
            self.args = rest;
        }
    }

    fn run(mut self, name: &str, scope: &mut Scope, input: Option<&Input>) -> Flow {
        if self.in_shell {
            match scope.function(name).filter(|_| self.may_be_function) {
                Some(Some(body)) => return self.walker.function(&body, self.args, scope, input),
                Some(None) => return Flow::GoesOn,
                None => {}
            }
            if let Some(flow) = self.builtin(name, scope) {
                return flow;
            }
        }
        // A call that is not understood passes.
        let _understood = match name {
            "sh" | "bash" | "zsh" | "dash" | "ksh" => self.shell(name, scope, input),
            "find" | "gfind" => self.find(scope),
            _ => self.program(name, scope, input),
        };
        Flow::GoesOn
    }

    fn program(self, name: &str, scope: &Scope, input: Option<&Input>) -> Option<()> {
        let mut own = scope.clone();
        // Of all variables only those matter here that lead a program elsewhere.
        let places = self.assigned.iter().filter(|(name, _)| matches!(&**name, "GIT_DIR" | "GIT_WORK_TREE"));
        places.for_each(|(name, _)| own.set(name, Some(Field::Text("elsewhere".to_owned()))));
        programs::run(name, &mut programs::Call { args: self.args, scope: &own, input, found: &mut self.walker.found })
    }

    /// A shell that is given its commands, as an argument or as input.
    fn shell(self, name: &str, scope: &Scope, input: Option<&Input>) -> Option<()> {
        let (options, rest) =
            options::read_leading(self.args, "c l i e u x v f h m s o: O: login norc noprofile posix restricted")?;
        let mut child = scope.of_child(!matches!(name, "sh" | "dash"));
        self.assigned.iter().for_each(|(name, value)| child.set(name, value.clone()));
        let text = match rest.split_first() {
            Some((script, args)) if options.has("c") => {
                child.set_arguments(args.get(1..).unwrap_or_default());
                script.as_ref()?.text()?
            }
            None if !options.has("c") => input.filter(|input| input.is_certain())?.text.as_str(),
            _ => return None,
        };
        self.walker.script(text, &mut child);
        Some(())
    }

    /// What `find` deletes, and the command it runs for what it finds.
    fn find(self, scope: &Scope) -> Option<()> {
        let search = finding::search(self.args, scope)?;
        search.delete(scope, &mut self.walker.found);
        for command in search.commands() {
            self.walker.called(|walker| invoke(walker, &command, &[], &mut scope.of_child(true), None));
        }
        Some(())
    }

    /// What the shell does itself, if it is one of its builtins.
    fn builtin(&mut self, name: &str, scope: &mut Scope) -> Option<Flow> {
        let args = self.args;
        match name {
            "exit" | "logout" => return Some(Flow::Exits),
            "return" | "break" | "continue" => return Some(Flow::Returns),
            "eval" => return Some(self.eval(scope)),
            "cd" | "chdir" => {
                let folder = cd(args, scope);
                scope.go(folder);
            }
            "pushd" => pushd(args, scope),
            "popd" => {
                let folder = if args.is_empty() { scope.stack.pop().flatten() } else { None };
                scope.go(folder);
            }
            "source" | "." => scope.forget_variables(),
            "set" | "shift" => scope.set_arguments(&[]),
            "printf" if has_text(args, "-v") => forget(args, scope),
            "alias" => self.alias(scope),
            _ if ASSIGNING.contains(&name) => forget(args, scope),
            _ => return None,
        }
        Some(Flow::GoesOn)
    }

    fn eval(&mut self, scope: &mut Scope) -> Flow {
        let words: Option<Vec<&str>> = self.args.iter().map(|arg| arg.as_ref()?.text()).collect();
        match words {
            Some(words) => self.walker.script(&words.join(" "), scope),
            None => {
                scope.forget_all();
                Flow::GoesOn
            }
        }
    }

    fn alias(&mut self, scope: &mut Scope) {
        for arg in self.args {
            if let Some((name, _)) = arg.as_ref().and_then(Field::text).and_then(|text| text.split_once('=')) {
                self.walker.define(name, None, scope);
            }
        }
    }
}

/// Where `cd` goes.
fn cd(args: &[Argument], scope: &Scope) -> Option<String> {
    let (_, operands) = options::read_leading(args, "L e @")?;
    match operands {
        _ if scope.knows("CDPATH") => None,
        [] => scope.get("HOME")?.text().map(str::to_owned),
        [folder] => match folder.as_ref()?.text()? {
            "-" => scope.previous.clone(),
            folder => paths::changed_into(scope.cwd.as_deref(), folder),
        },
        _ => None,
    }
}

fn pushd(args: &[Argument], scope: &mut Scope) {
    let folder = match args {
        [Some(Field::Text(folder))] if !folder.starts_with(['+', '-']) => {
            paths::changed_into(scope.cwd.as_deref(), folder)
        }
        _ => None,
    };
    scope.stack.push(scope.cwd.clone());
    scope.go(folder);
}

/// A program by its name, or by its path where programs lie. What lies elsewhere only has the same name.
fn program_name(word: &str) -> Option<&str> {
    match word.rsplit_once('/') {
        None => Some(word),
        Some(("/bin" | "/usr/bin" | "/usr/local/bin" | "/opt/homebrew/bin" | "/sbin" | "/usr/sbin", name)) => {
            Some(name)
        }
        Some(_) => None,
    }
}

fn has_text(args: &[Argument], text: &str) -> bool {
    args.iter().any(|arg| arg.as_ref().and_then(Field::text) == Some(text))
}

fn forget(args: &[Argument], scope: &mut Scope) {
    for arg in args {
        match arg.as_ref().and_then(Field::text) {
            Some(text) => scope.forget_names_in(text),
            None => scope.forget_variables(),
        }
    }
}
