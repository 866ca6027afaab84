//! What the programs that agents use do to the files named in their arguments.
//!
//! One function for each program or family; a program that is not listed passes. The options are those of the GNU and BSD
//! programs, and where the two differ in what a call means, it passes too.

use super::field::{Field, escape};
use super::options::{self, Argument, Options};
use super::scope::Scope;
use super::walk::Input;
use super::{Change, Copy, Effects, Extent, Landing, MOST_TOUCHES, Manner, Place, Sweep, SweepKind, Touch, paths};

mod copying;
mod editing;
mod fetching;
pub(super) mod finding;
mod formatting;
mod git;
mod patching;

/// A program's call.
pub(super) struct Call<'c> {
    /// Without the program's name.
    pub(super) args: &'c [Argument],
    pub(super) scope: &'c Scope,
    /// The text on its input, where it stands in the command.
    pub(super) input: Option<&'c Input>,
    pub(super) found: &'c mut Effects,
}

/// Programs that do the same to each operand: name, options, what they do.
const EACH: [(&str, &str, Change); 8] = [
    ("tee", "a append i ignore-interrupts p output-error?", Change::Write),
    ("touch", "a c no-create d: date: f h no-dereference m r: reference: t: time:", Change::Write),
    ("truncate", "c no-create o io-blocks r: reference: s: size:", Change::Write),
    ("shred", "f force n: iterations: s: size: u remove? v verbose x exact z zero", Change::Write),
    ("sponge", "a", Change::Write),
    ("dos2unix", "q quiet k keepdate f force", Change::Write),
    ("unix2dos", "q quiet k keepdate f force", Change::Write),
    ("unlink", "", Change::Remove),
];

/// Adds what the call changes, as far as it is understood.
pub(super) fn run(name: &str, call: &mut Call<'_>) -> Option<()> {
    match name {
        "rm" => rm(call),
        "dd" => dd(call),
        "sort" => sort(call),
        "cp" => copying::cp(call),
        "mv" => copying::mv(call),
        "ln" => copying::ln(call),
        "install" => copying::install(call),
        "rsync" => copying::rsync(call),
        "sed" | "gsed" => editing::sed(call),
        "perl" => editing::perl(call),
        "awk" | "gawk" => editing::awk(call),
        "yq" => editing::yq(call),
        "patch" => patching::patch(call),
        "apply_patch" | "applypatch" => patching::apply_patch(call),
        "git" => git::git(call),
        "curl" => fetching::curl(call),
        "wget" => fetching::wget(call),
        _ => each(name, call).or_else(|| formatting::format(name, call)),
    }
}

fn each(name: &str, call: &mut Call<'_>) -> Option<()> {
    let (_, spec, change) = EACH.iter().find(|(listed, ..)| *listed == name)?;
    let options = call.options(spec)?;
    options.operands.iter().for_each(|operand| call.touch(operand, *change, false));
    Some(())
}

fn rm(call: &mut Call<'_>) -> Option<()> {
    let options = call.options(
        "f force i I r R recursive d dir v verbose P W x one-file-system interactive? preserve-root? no-preserve-root",
    )?;
    // It asks, and there is nobody to answer.
    if options.has("i I interactive") && !options.has("f force") {
        return None;
    }
    let is_deep = options.has("r R recursive");
    options.operands.iter().for_each(|operand| call.touch(operand, Change::Remove, is_deep));
    Some(())
}

fn dd(call: &mut Call<'_>) -> Option<()> {
    let outputs: Vec<&str> = call.args.iter().filter_map(|arg| arg.as_ref()?.text()?.strip_prefix("of=")).collect();
    outputs.iter().for_each(|path| call.path(path, Change::Write));
    Some(())
}

fn sort(call: &mut Call<'_>) -> Option<()> {
    let options = call.options(
        "b d f g i M h n R r V c? C m s u z k: o: S: t: T: ignore-leading-blanks dictionary-order ignore-case \
         general-numeric-sort ignore-nonprinting month-sort human-numeric-sort numeric-sort random-sort reverse sort: \
         version-sort batch-size: check? compress-program: debug files0-from: key: merge output: stable buffer-size: \
         field-separator: temporary-directory: parallel: unique zero-terminated random-source:",
    )?;
    call.touch(options.value("o output")?, Change::Write, false);
    Some(())
}

impl Call<'_> {
    fn options<'s>(&self, spec: &'s str) -> Option<Options<'s>> {
        options::read(self.args, spec)
    }

    /// Adds a path, or each of many; `is_deep` with what is below.
    pub(super) fn touch(&mut self, argument: &Argument, change: Change, is_deep: bool) {
        if let Some(field) = argument
            && let Some(place) = place(field, self.scope, is_deep)
        {
            add(self.found, Touch { change, place });
        }
    }

    fn path(&mut self, path: &str, change: Change) {
        self.touch(&Some(Field::Text(path.to_owned())), change, false);
    }

    /// The absolute path of an argument that is one.
    fn absolute(&self, argument: &Argument) -> Option<String> {
        paths::absolute(self.scope.cwd.as_deref(), argument.as_ref()?.text()?)
    }

    fn copy(&mut self, from: Option<String>, to: String, landing: Landing, manner: Manner) {
        if !paths::is_nobodys(&to) {
            add(self.found, Touch { change: Change::Write, place: Place::Copy(Copy { from, to, landing, manner }) });
        }
    }

    fn sweep(&mut self, kind: SweepKind, folder: Option<String>, is_below: bool, unless: Option<String>) -> Option<()> {
        let folder = folder.filter(|folder| !paths::is_nobodys(folder))?;
        let sweep = Sweep { kind, folder, is_below, unless };
        if !self.found.sweeps.contains(&sweep) && self.found.sweeps.len() < MOST_TOUCHES {
            self.found.sweeps.push(sweep);
        }
        Some(())
    }
}

/// A redirection to `field`.
pub(super) fn redirect(field: &Field, scope: &Scope, found: &mut Effects) {
    if let Some(place) = place(field, scope, false) {
        add(found, Touch { change: Change::Write, place });
    }
}

fn place(field: &Field, scope: &Scope, is_deep: bool) -> Option<Place> {
    let place = match field {
        // A slash at the end is a folder's.
        Field::Text(path) if !is_deep && path.ends_with('/') || path == "-" => return None,
        Field::Text(path) => {
            let path = paths::absolute(scope.cwd.as_deref(), path).filter(|path| !paths::is_nobodys(path))?;
            Place::Certain(if is_deep { Extent::Tree(path) } else { Extent::File(path) })
        }
        Field::Glob(pattern) | Field::Each(pattern) => {
            Place::Glob { pattern: absolute_pattern(pattern, scope)?, is_deep }
        }
        Field::Doubted(_) => return None,
        Field::Found { folder, name } => Place::Certain(Extent::Named { folder: folder.clone(), name: name.clone() }),
    };
    Some(place)
}

/// A pattern, made absolute as paths are.
fn absolute_pattern(pattern: &str, scope: &Scope) -> Option<String> {
    let cwd = scope.cwd.as_deref().map(escape);
    paths::absolute(cwd.as_deref(), pattern).filter(|pattern| !paths::is_nobodys(pattern))
}

fn add(found: &mut Effects, touch: Touch) {
    if found.touched.len() < MOST_TOUCHES && !found.touched.contains(&touch) {
        found.touched.push(touch);
    }
}
