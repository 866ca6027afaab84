//! Which file a command line runs: the program itself, or the script that an interpreter was given.
//!
//! Owns: what the options of the interpreters mean, as far as finding the script needs it. Pure; it never asks whether
//! a file exists. An option it does not know is taken for one without a value.

struct Interpreter {
    /// Without a version behind them: `python` is also `python3.12`.
    names: &'static [&'static str],
    /// A word that may stand before the options of the script (`bun run x`).
    subcommand: &'static str,
    /// Letters whose option means that there is no script file (`-c`, `-e`).
    code: &'static str,
    /// The letter whose option names a module to run instead of a file.
    module: &'static str,
    /// Letters whose option takes the next argument, unless its value is joined on.
    valued: &'static str,
    long_code: &'static [&'static str],
    long_valued: &'static [&'static str],
}

const INTERPRETERS: &[Interpreter] = &[
    Interpreter {
        names: &["node", "nodejs"],
        subcommand: "",
        code: "ep",
        module: "",
        valued: "rC",
        long_code: &["--eval", "--print", "--run"],
        long_valued: &[
            "--require",
            "--import",
            "--loader",
            "--experimental-loader",
            "--conditions",
            "--env-file",
            "--title",
            "--disable-warning",
            "--unhandled-rejections",
            "--dns-result-order",
            "--openssl-config",
            "--icu-data-dir",
            "--watch-path",
        ],
    },
    Interpreter {
        names: &["bun"],
        subcommand: "run",
        code: "ep",
        module: "",
        valued: "r",
        long_code: &["--eval", "--print"],
        long_valued: &["--require", "--import", "--preload", "--cwd", "--env-file"],
    },
    Interpreter {
        names: &["deno"],
        subcommand: "run",
        code: "",
        module: "",
        valued: "c",
        long_code: &[],
        long_valued: &["--config", "--import-map", "--lock", "--cert", "--location", "--seed"],
    },
    Interpreter {
        names: &["python", "pypy"],
        subcommand: "",
        code: "c",
        module: "m",
        valued: "WX",
        long_code: &[],
        long_valued: &["--check-hash-based-pycs"],
    },
    Interpreter {
        names: &["ruby"],
        subcommand: "",
        code: "e",
        module: "",
        valued: "rICE",
        long_code: &[],
        long_valued: &["--encoding", "--external-encoding", "--internal-encoding"],
    },
];

/// Names that Node gives its first thread, which then show as the process's own (since Node 23).
const NODE_THREADS: &[&str] = &["MainThread", "node-MainThread"];

/// The name of the program in `argv[0]`: a path's last part without `.exe`, or the first word of a title. Installers
/// that keep versions side by side name the file for the version (`claude/versions/2.1.329`): then the tool's folder.
pub(super) fn program_name(argument: &str) -> &str {
    // `npm exec @openai/codex` is a title, whose last part would be another program's name.
    let is_path = argument.starts_with(['/', '.']);
    let path = if is_path { argument } else { argument.split_whitespace().next().unwrap_or_default() };
    let mut parts = path.rsplit('/');
    let last = parts.next().unwrap_or_default();
    let is_version = last.starts_with(|c: char| c.is_ascii_digit()) && last.contains('.');
    if is_version && parts.next() == Some("versions") {
        return parts.next().unwrap_or_default();
    }
    last.strip_suffix(".exe").unwrap_or(last)
}

pub(super) fn is_interpreter(program: &str) -> bool {
    interpreter(program).is_some()
}

/// The script file (or module) that an interpreter runs, for a process called `name`. The name counts, too, because
/// `argv[0]` of an interpreter may say what it was started as (`exec -a`).
pub(super) fn script<'a>(name: &str, argv: &'a [String]) -> Option<&'a str> {
    let (first, rest) = argv.split_first()?;
    let name = if NODE_THREADS.contains(&name) { "node" } else { name };
    interpreter(program_name(first)).or_else(|| interpreter(name))?.script(rest)
}

fn interpreter(program: &str) -> Option<&'static Interpreter> {
    let plain = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    // macOS's own framework is run as `Python`.
    INTERPRETERS.iter().find(|one| one.names.iter().any(|name| name.eq_ignore_ascii_case(plain)))
}

/// What an option says about the script.
enum Meaning<'a> {
    Flag,
    TakesNext,
    Module(&'a str),
    ModuleIsNext,
    NoScript,
}

impl Interpreter {
    fn script<'a>(&self, arguments: &'a [String]) -> Option<&'a str> {
        let mut arguments = arguments.iter().map(String::as_str);
        let mut may_be_subcommand = !self.subcommand.is_empty();
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                return arguments.next();
            }
            if !argument.starts_with('-') {
                if may_be_subcommand && argument == self.subcommand {
                    may_be_subcommand = false;
                    continue;
                }
                return Some(argument);
            }
            match self.meaning(argument) {
                Meaning::Flag => {}
                Meaning::TakesNext => drop(arguments.next()),
                Meaning::Module(name) => return Some(name),
                Meaning::ModuleIsNext => return arguments.next(),
                Meaning::NoScript => return None,
            }
        }
        None
    }

    fn meaning<'a>(&self, option: &'a str) -> Meaning<'a> {
        match option {
            "-" => Meaning::NoScript, // standard input
            _ if self.long_code.contains(&option) => Meaning::NoScript,
            _ if self.long_valued.contains(&option) => Meaning::TakesNext,
            _ if option.starts_with("--") => Meaning::Flag,
            _ => self.letters(&option[1..]),
        }
    }

    /// Letters may be joined (`-Im`); what follows one that takes a value is that value (`-Wignore`).
    fn letters<'a>(&self, letters: &'a str) -> Meaning<'a> {
        for (index, letter) in letters.char_indices() {
            let rest = &letters[index + letter.len_utf8()..];
            if self.code.contains(letter) {
                return Meaning::NoScript;
            }
            if self.module.contains(letter) {
                return if rest.is_empty() { Meaning::ModuleIsNext } else { Meaning::Module(rest) };
            }
            if self.valued.contains(letter) {
                return if rest.is_empty() { Meaning::TakesNext } else { Meaning::Flag };
            }
        }
        Meaning::Flag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_named_by_path_or_title() {
        for (argument, name) in [
            ("claude", "claude"),
            ("/opt/x/bin/claude.exe", "claude"),
            ("/home/u/.local/share/claude/versions/2.1.329", "claude"),
            ("/opt/versions/2.1/tool", "tool"),
            ("2.1.329", "2.1.329"),
            ("npm exec @openai/codex", "npm"),
            ("qwen session=1", "qwen"),
            ("/x/claude start.sh", "claude start.sh"),
            ("/Users/Jo Doe/bin/claude", "claude"),
            ("", ""),
        ] {
            assert_eq!(program_name(argument), name, "{argument}");
        }
    }

    #[test]
    fn scripts_are_found_behind_options() {
        for (line, found) in [
            ("node a.js b.js", Some("a.js")),
            ("node --max-old-space-size=4096 --no-warnings /p/gemini -p x", Some("/p/gemini")),
            ("node -r ./hook.js --import tsx /p/a", Some("/p/a")),
            ("node -- a", Some("a")),
            ("node -e gemini", None),
            ("node --eval gemini", None),
            ("node -pe gemini", None),
            ("node - gemini", None),
            ("node", None),
            ("/usr/bin/python3.12 -m aider x", Some("aider")),
            ("python -Im aider", Some("aider")),
            ("python -maider", Some("aider")),
            ("python -W ignore -Xdev a.py", Some("a.py")),
            ("python -uc aider", None),
            ("bun run --bun a.ts", Some("a.ts")),
            ("bun --cwd /x a.ts", Some("a.ts")),
            ("deno run -A -c deno.json a.ts", Some("a.ts")),
            ("ruby -rjson -I lib a.rb", Some("a.rb")),
            ("/opt/Python x", Some("x")),
            ("cat gemini", None),
            ("bash /p/claude", None),
        ] {
            let argv: Vec<String> = line.split(' ').map(String::from).collect();
            assert_eq!(script("", &argv), found, "{line}");
        }
    }

    #[test]
    fn the_process_name_tells_when_the_first_argument_does_not() {
        let argv = ["agent", "--use-system-ca", "/p/index.js"].map(String::from);
        assert_eq!(script("node", &argv), Some("/p/index.js"));
        assert_eq!(script("MainThread", &argv), Some("/p/index.js"));
        assert_eq!(script("agent", &argv), None);
    }
}
