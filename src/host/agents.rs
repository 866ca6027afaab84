//! The coding agents that are run from a command line, and how one is recognised among processes.
//!
//! Owns: the table of agents. Guarantees: only what a process runs makes it an agent, never its other arguments nor
//! what a shell script is called. Does not: know hooks, models or how to start one; look at environments.
//!
//! `argv[0]` decides, and the kernel's name only where there are no arguments to read. The name alone would mislead
//! both ways: what stands around Codex's sandbox is the file `codex` run as `codex-linux-sandbox`, Copilot's first
//! thread calls itself `MainThread`, a Claude Code that restarted itself is called `2.1.329`, and a wrapper script
//! bears the agent's name.

mod table;

pub use table::AGENTS;

use super::interpreter::{is_interpreter, program_name, script};
use super::process::Process;
use super::shell::is_shell;

/// One agent CLI: what its processes look like, and where it puts its session id.
#[derive(PartialEq, Eq, Debug)]
pub struct Agent {
    /// What instances of it are called: `[a-z][a-z0-9-]*`.
    pub tool: &'static str,
    /// File names of its program, without `.exe`, or the title it takes. A script may be called the same.
    pub programs: &'static [&'static str],
    /// What else an interpreter runs as this agent: with a slash at the end a folder that the script lies in, else the
    /// script's file name. For modules of the interpreter (`python -m`) as well.
    pub scripts: &'static [&'static str],
    /// Environment variables that hold the agent's own session id, best first, as its shell tool or its hooks see them.
    pub session_variables: &'static [&'static str],
}

/// Which agent this process is, if one. Asks for its arguments, unless it is called like a shell: nearly every process
/// between an agent and a command is one, and each such read costs some microseconds.
pub(super) fn recognise(process: &Process, argv: impl Fn(u32) -> Option<Vec<String>>) -> Option<&'static Agent> {
    if is_shell(&process.name) {
        return None;
    }
    identify(&process.name, &argv(process.key.pid).unwrap_or_default())
}

/// Whether the process is an interpreter that runs a script of this agent's: what npm installs as `codex` is a Node
/// script that starts the real program, and Gemini starts itself again with more memory.
pub(super) fn launches(process: &Process, agent: &Agent, argv: impl Fn(u32) -> Option<Vec<String>>) -> bool {
    !is_shell(&process.name)
        && argv(process.key.pid).is_some_and(|argv| script_agent(&process.name, &argv) == Some(agent))
}

fn identify(name: &str, argv: &[String]) -> Option<&'static Agent> {
    match argv.first().map(|first| program_name(first)) {
        None | Some("") => program_agent(name),
        Some(program) => program_agent(program).or_else(|| script_agent(name, argv)),
    }
}

fn program_agent(program: &str) -> Option<&'static Agent> {
    AGENTS.iter().find(|agent| agent.programs.contains(&program))
}

fn script_agent(name: &str, argv: &[String]) -> Option<&'static Agent> {
    let script = script(name, argv)?;
    // Node's name for its first thread is also that of programs built upon Node, whose first argument is no script:
    // there, a mere file name says nothing.
    let is_certain = is_interpreter(program_name(argv.first()?));
    AGENTS.iter().find(|agent| agent.has_script_in(script) || (is_certain && agent.has_script_named(script)))
}

impl Agent {
    fn has_script_named(&self, script: &str) -> bool {
        let file = script.rsplit('/').next().unwrap_or_default();
        self.programs.contains(&file) || self.scripts.contains(&file)
    }

    /// A package's folder also holds its dependencies', and what those run is not the agent.
    fn has_script_in(&self, script: &str) -> bool {
        let folders = self.scripts.iter().filter(|folder| folder.ends_with('/'));
        folders
            .filter_map(|folder| script.rsplit_once(folder))
            .any(|(before, below)| (before.is_empty() || before.ends_with('/')) && !below.contains("node_modules/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tool of a process given as `name | argv[0] | argv[1] …`.
    fn tool(line: &str) -> Option<&'static str> {
        let mut parts = line.split(" | ").map(String::from);
        let name = parts.next().unwrap_or_default();
        identify(&name, &parts.collect::<Vec<_>>()).map(|agent| agent.tool)
    }

    #[test]
    fn agents_as_they_were_seen_running() {
        for (line, expected) in [
            ("claude | /n/@anthropic-ai/claude-code-linux-x64/claude | -p | hello", "claude"),
            ("2.1.329 | claude | --resume", "claude"),
            ("2.1.329 | /home/u/.local/share/claude/versions/2.1.329 | --resume", "claude"),
            ("node | node | /n/node_modules/.bin/codex | exec", "codex"),
            ("codex | /n/vendor/x86_64-unknown-linux-musl/bin/codex | exec", "codex"),
            ("node | node | /n/node_modules/.bin/gemini | -p | x", "gemini"),
            ("node | /usr/bin/node | --max-old-space-size=12052 | /n/.bin/gemini | -p", "gemini"),
            ("MainThread | /n/@github/copilot-linux-x64/copilot | -p | x", "copilot"),
            ("MainThread | /u/bin/agent | --x | /s/cursor-agent/versions/1/index.js", "cursor"),
            ("node | /u/.local/bin/cursor-agent | --x | /s/index.js", "cursor"),
        ] {
            assert_eq!(tool(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn agents_as_they_may_be_installed() {
        for (line, expected) in [
            ("claude.exe | /n/@anthropic-ai/claude-code/bin/claude.exe", "claude"),
            ("node | node | /n/@anthropic-ai/claude-code/cli.js | -p", "claude"),
            ("codex-x86_64-un | /n/bin/codex-x86_64-unknown-linux-musl", "codex"),
            ("node | node | /n/@openai/codex/bin/codex.js", "codex"),
            ("node | node | --no-warnings | /n/@google/gemini-cli/dist/index.js", "gemini"),
            ("node | node | /src/gemini-cli/bundle/gemini.js", "gemini"),
            ("node-MainThread | node | /usr/bin/gemini", "gemini"),
            ("node | node | /n/@github/copilot/npm-loader.js", "copilot"),
            ("aider | /venv/bin/python | /venv/bin/aider | --yes", "aider"),
            ("python3.12 | python3.12 | -m | aider", "aider"),
            ("bun | bun | run | /n/opencode-ai/bin/opencode", "opencode"),
            ("sleep | claude", "claude"),
            ("claude", "claude"), // its arguments cannot be read
        ] {
            assert_eq!(tool(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn the_rest_are_not() {
        for line in [
            "codex | codex-linux-sandbox | --sandbox-policy-cwd | /p | -- | sh",
            "claude | /bin/bash | /home/u/bin/claude",
            "claude-start.sh | /bin/sh | ./claude-start.sh",
            "bash | bash | /usr/local/bin/claude-wrapper",
            "vim | vim | claude",
            "cat | cat | gemini",
            "grep | grep | codex",
            "timeout | timeout | 40 | /n/.bin/gemini | -p",
            "node | node | server.js | claude",
            "node | node | -e | gemini",
            "node | node | /p/test/gemini.test.js",
            "node | node | /n/@google/gemini-cli/node_modules/x/server.js",
            "node | node | /n/not@google/gemini-cli/x.js",
            "python3 | python3 | train.py | --amp",
            "python3 | python3 | -c | aider",
            "npm exec @opena | npm exec @openai/codex",
            "MainThread | prettier | codex",
            "claude start.sh | /x/claude start.sh",
            "",
        ] {
            assert_eq!(tool(line), None, "{line}");
        }
    }
}
