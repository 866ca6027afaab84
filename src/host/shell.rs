//! Which processes are shells, and which of them a person sits before.

use super::process::{self, Process};

const SHELLS: &[&str] =
    &["sh", "bash", "zsh", "fish", "dash", "ash", "ksh", "mksh", "nu", "elvish", "csh", "tcsh", "xonsh"];

/// Options with a value in the next argument. Only those that mean the same in every shell: taking a script for a value
/// would make an interactive shell of it.
const VALUED: &[&str] = &["--rcfile", "--init-file"];

/// Whether this is the name of a shell, be it a login shell's (`-zsh`).
pub fn is_shell(name: &str) -> bool {
    SHELLS.contains(&name.strip_prefix('-').unwrap_or(name))
}

/// Whether the process is a shell at a terminal that was given neither a command nor a script. When in doubt it is not.
/// A shell that reads a script from its standard input cannot be told from one that reads a person's.
pub fn is_interactive_shell(process: &Process) -> bool {
    process.has_terminal && process::argv(process.key.pid).is_some_and(|argv| is_interactive(&process.name, &argv))
}

fn is_interactive(name: &str, argv: &[String]) -> bool {
    let Some((first, rest)) = argv.split_first() else {
        return false;
    };
    let file = first.rsplit('/').next().unwrap_or_default();
    (is_shell(name) || is_shell(file)) && has_only_options(rest)
}

fn has_only_options(arguments: &[String]) -> bool {
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        let is_option = argument.starts_with(['-', '+']) && argument != "--" && argument != "-";
        if !is_option {
            // What follows `--` or `-`, if anything, is the script.
            return argument.starts_with('-') && arguments.next().is_none();
        }
        if runs_command(argument) {
            return false;
        }
        if takes_next(argument) {
            arguments.next();
        }
    }
    true
}

/// `-c`, also among other letters (`-lc`), and fish's and nu's long forms of it.
fn runs_command(option: &str) -> bool {
    match option.strip_prefix("--") {
        Some(long) => {
            long == "command" || long == "commands" || long.starts_with("command=") || long.starts_with("commands=")
        }
        None => option.starts_with('-') && option.contains('c'),
    }
}

/// `-o vi`, `+O extglob`, `-eo pipefail`, `--rcfile x`.
fn takes_next(option: &str) -> bool {
    VALUED.contains(&option) || (!option.starts_with("--") && option.ends_with(['o', 'O']))
}

#[cfg(test)]
mod tests {
    use super::super::process::ProcessKey;
    use super::*;

    fn interactive(name: &str, line: &str) -> bool {
        is_interactive(name, &line.split(' ').map(String::from).collect::<Vec<_>>())
    }

    #[test]
    fn shells_that_wait_for_a_person() {
        for line in [
            "bash",
            "-bash",
            "/bin/bash -i",
            "zsh -l",
            "bash --rcfile x -i",
            "bash -o vi",
            "bash --login --norc",
            "sh -",
            "zsh +o nomatch -i",
            "-/bin/zsh",
        ] {
            assert!(interactive("bash", line), "{line}");
        }
        assert!(interactive("renamed", "-zsh") && interactive("bash", "-su"));
    }

    #[test]
    fn shells_that_run_something() {
        for line in [
            "bash -c x",
            "sh -lc x",
            "bash -ic x",
            "bash -l -c x",
            "bash script.sh",
            "bash -e script.sh",
            "bash -eo pipefail script.sh",
            "bash -- script.sh",
            "bash - script.sh",
            "bash -s x",
            "fish --command=x",
            "nu --commands x",
            "bash --rcfile x script.sh",
        ] {
            assert!(!interactive("bash", line), "{line}");
        }
        assert!(!interactive("python3", "python3") && !is_interactive("bash", &[]));
    }

    #[test]
    fn without_a_terminal_nobody_sits_there() {
        let key = ProcessKey { pid: std::process::id(), start: 0 };
        let process = Process { key, parent: 1, name: "bash".into(), has_terminal: false, is_stopped: false };
        assert!(!is_interactive_shell(&process));
    }
}
