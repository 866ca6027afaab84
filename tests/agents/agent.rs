//! What is particular to each agent: its program, its settings, its command line, its tools.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::model::{Call, Input};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agent {
    Claude,
    Codex,
    Gemini,
    Copilot,
    OpenCode,
}

/// Which kind of model an agent believes to talk to: with OpenAI's, Copilot and OpenCode edit by patches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    #[default]
    Usual,
    Patching,
}

/// How an agent is started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    pub family: Family,
    /// It takes up the last session of this project.
    pub resumed: bool,
    /// Codex only: what its model runs may write the project, and little else.
    pub sandboxed: bool,
    /// Claude Code only: our plugin is loaded.
    pub plugged: bool,
}

impl Agent {
    /// As aio calls it.
    pub fn name(self) -> &'static str {
        match self {
            Agent::Claude => "claude",
            Agent::Codex => "codex",
            Agent::Gemini => "gemini",
            Agent::Copilot => "copilot",
            Agent::OpenCode => "opencode",
        }
    }

    /// The installed program; fails with the way to install it.
    pub fn program(self) -> PathBuf {
        let name = self.name();
        let version = include_str!("../../integrations/VERSIONS").lines().find_map(|line| {
            let mut words = line.split(' ');
            (words.next() == Some(name)).then(|| words.nth(1)).flatten()
        });
        let cache = std::env::var_os("AIO_AGENTS_DIR").map(PathBuf::from);
        let cache = cache.unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/aio-agents"));
        let folder = cache.join(format!("{name}-{}", version.unwrap())).join("node_modules");
        let program = self.programs().iter().map(|program| folder.join(program)).find(|program| program.exists());
        program.unwrap_or_else(|| panic!("{name} is not in {}: run tests/agents/install {name}", folder.display()))
    }

    /// The native programs where packages have them: their launchers need a second or a newer Node.js.
    fn programs(self) -> &'static [&'static str] {
        match self {
            Agent::Claude => {
                &["@anthropic-ai/claude-code-linux-x64/claude", "@anthropic-ai/claude-code-linux-arm64/claude"]
            }
            Agent::Codex => &[
                "@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex",
                "@openai/codex-linux-arm64/vendor/aarch64-unknown-linux-musl/bin/codex",
            ],
            Agent::Gemini => &[".bin/gemini"],
            Agent::Copilot => &["@github/copilot-linux-x64/copilot", "@github/copilot-linux-arm64/copilot"],
            Agent::OpenCode => &["opencode-linux-x64/bin/opencode", "opencode-linux-arm64/bin/opencode"],
        }
    }

    /// The settings of a person who has used the agent before, and has not heard of aio.
    pub fn settle(self, home: &Path, project: &Path) {
        let write = |name: &str, text: String| {
            let path = home.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        match self {
            Agent::Claude => {
                write(".claude/settings.json", "{\n  \"cleanupPeriodDays\": 30\n}\n".into());
                write(".claude.json", claude_memory(project));
            }
            Agent::Codex => write(".codex/config.toml", codex_settings(project)),
            Agent::Gemini => {
                write(
                    ".gemini/settings.json",
                    json!({
                        "privacy": {"usageStatisticsEnabled": false},
                        "telemetry": {"enabled": false},
                        "model": {"disableLoopDetection": true},
                        "general": {"enableAutoUpdate": false, "enableAutoUpdateNotification": false},
                        "security": {"auth": {"selectedType": "gemini-api-key"}},
                    })
                    .to_string(),
                );
                write(".gemini/trustedFolders.json", json!({project.to_str().unwrap(): "TRUST_FOLDER"}).to_string());
            }
            Agent::Copilot => write(".copilot/config.json", "{}\n".into()),
            Agent::OpenCode => write(".config/opencode/opencode.json", "{\n  \"share\": \"disabled\"\n}\n".into()),
        }
    }

    /// The command line of one headless run against a model at this port, and its environment.
    pub fn command(self, port: u16, manner: Manner) -> Command {
        let mut command = Command::new(self.program());
        let origin = format!("http://127.0.0.1:{port}");
        let (patching, resumed) = (manner.family == Family::Patching, manner.resumed);
        match self {
            Agent::Claude => {
                command.args(["-p", "--output-format", "stream-json", "--verbose", "--permission-mode", "acceptEdits"]);
                command.args(["--allowedTools", "Bash"]).args(resumed.then_some("--continue"));
                let plugin = concat!(env!("CARGO_MANIFEST_DIR"), "/integrations/claude/plugin");
                command.args(manner.plugged.then_some(["--plugin-dir", plugin]).into_iter().flatten());
                command.args(["--", "Do the work."]);
                command.env("ANTHROPIC_BASE_URL", origin).env("ANTHROPIC_API_KEY", "dummy");
                let off = ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_AUTOUPDATER", "DISABLE_TELEMETRY"];
                command.envs(off.map(|variable| (variable, "1"))).env("DISABLE_ERROR_REPORTING", "1");
            }
            Agent::Codex => {
                command.args(["exec", "--json", "-c", &format!("model_providers.scripted.base_url=\"{origin}/v1\"")]);
                let sandbox = if manner.sandboxed { "workspace-write" } else { "danger-full-access" };
                command.args(["-c", &format!("sandbox_mode=\"{sandbox}\"")]);
                command.args(resumed.then_some(["resume", "--last"]).into_iter().flatten()).arg("Do the work.");
                command.env("SCRIPTED_KEY", "dummy");
            }
            Agent::Gemini => {
                command.args(["-o", "stream-json", "-m", "gemini-2.5-pro", "--approval-mode", "yolo"]);
                command.args(resumed.then_some(["--resume", "latest"]).into_iter().flatten());
                command.args(["-p", "Do the work."]);
                command.env("GEMINI_API_KEY", "dummy").env("GOOGLE_GEMINI_BASE_URL", origin);
            }
            Agent::Copilot => {
                command.args(["-p", "Do the work.", "--allow-all-tools", "--output-format", "json", "--no-color"]);
                command.args(resumed.then_some("--continue"));
                command.env("COPILOT_OFFLINE", "true").env("COPILOT_AUTO_UPDATE", "false");
                command
                    .env("COPILOT_PROVIDER_BASE_URL", format!("{origin}/v1"))
                    .env("COPILOT_PROVIDER_API_KEY", "dummy");
                command.env("COPILOT_MODEL", if patching { "gpt-5.4" } else { "claude-sonnet-4.5" });
            }
            Agent::OpenCode => {
                command.args(["run", "--format", "json"]).args(resumed.then_some("--continue")).arg("Do the work.");
                command.env("OPENCODE_CONFIG_CONTENT", opencode_settings(&origin, patching));
                let off = ["AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD", "DEFAULT_PLUGINS", "SHARE"];
                command.envs(off.map(|switch| (format!("OPENCODE_DISABLE_{switch}"), "1")));
                // Before its first plugin it fetches a package that only editors need; it goes on without.
                command.env("npm_config_registry", "http://127.0.0.1:9/").env("npm_config_fetch_retries", "0");
            }
        }
        command
    }

    /// Reads a file, as a model does before it edits; some agents insist.
    pub fn read(self, path: &Path) -> Call {
        match self {
            Agent::Claude => call("Read", json!({"file_path": path})),
            Agent::Codex => self.shell(&format!("cat '{}'", path.display())),
            Agent::Gemini => call("read_file", json!({"file_path": path})),
            Agent::Copilot => call("view", json!({"path": path})),
            Agent::OpenCode => call("read", json!({"filePath": path})),
        }
    }

    /// Writes a whole file, whatever stood in it. Copilot's tool for that makes new files only.
    pub fn write(self, path: &Path, text: &str) -> Call {
        match self {
            Agent::Claude => call("Write", json!({"file_path": path, "content": text})),
            Agent::Codex => {
                let lines: String = text.lines().map(|line| format!("+{line}\n")).collect();
                let patch = format!("*** Begin Patch\n*** Add File: {}\n{lines}*** End Patch\n", path.display());
                Call { tool: "apply_patch", input: Input::Text(patch) }
            }
            Agent::Gemini => call("write_file", json!({"file_path": path, "content": text})),
            Agent::Copilot => call("create", json!({"path": path, "file_text": text})),
            Agent::OpenCode => call("write", json!({"filePath": path, "content": text})),
        }
    }

    /// Replaces a text that is the whole of one line.
    pub fn edit(self, family: Family, path: &Path, old: &str, new: &str) -> Call {
        match (self, family) {
            (Agent::Claude, _) => call("Edit", json!({"file_path": path, "old_string": old, "new_string": new})),
            (Agent::Gemini, _) => {
                let input =
                    json!({"file_path": path, "instruction": "Change it.", "old_string": old, "new_string": new});
                call("replace", input)
            }
            (Agent::Copilot, Family::Usual) => call("edit", json!({"path": path, "old_str": old, "new_str": new})),
            (Agent::OpenCode, Family::Usual) => {
                call("edit", json!({"filePath": path, "oldString": old, "newString": new}))
            }
            _ => self.patch(&[(path, old, new)]).unwrap(),
        }
    }

    /// One call that replaces a line in each of several files, where the agent has such a tool.
    pub fn patch(self, edits: &[(&Path, &str, &str)]) -> Option<Call> {
        let hunks =
            edits.iter().map(|(path, old, new)| format!("*** Update File: {}\n@@\n-{old}\n+{new}\n", path.display()));
        let patch = format!("*** Begin Patch\n{}*** End Patch\n", hunks.collect::<String>());
        match self {
            Agent::Codex | Agent::Copilot => Some(Call { tool: "apply_patch", input: Input::Text(patch) }),
            Agent::OpenCode => Some(call("apply_patch", json!({"patchText": patch}))),
            Agent::Claude | Agent::Gemini => None,
        }
    }

    /// Runs a command in the agent's shell.
    pub fn shell(self, line: &str) -> Call {
        let described = json!({"command": line, "description": "Runs it"});
        match self {
            Agent::Claude => call("Bash", described),
            Agent::Codex => call("exec_command", json!({"cmd": line})),
            Agent::Gemini => call("run_shell_command", described),
            Agent::Copilot | Agent::OpenCode => call("bash", described),
        }
    }
}

fn call(tool: &'static str, input: Value) -> Call {
    Call { tool, input: Input::Object(input) }
}

/// What it has asked in a terminal, and was told: to use the key, and that the repository, with all its worktrees, is trusted.
fn claude_memory(project: &Path) -> String {
    let memory = json!({
        "hasCompletedOnboarding": true,
        "customApiKeyResponses": {"approved": ["dummy"], "rejected": []},
        "projects": {project.to_str().unwrap(): {"hasTrustDialogAccepted": true}},
    });
    memory.to_string()
}

fn codex_settings(project: &Path) -> String {
    format!(
        "# My settings.
model = \"gpt-5.5-codex\"
model_provider = \"scripted\"
check_for_update_on_startup = false
approval_policy = \"never\"

[analytics]
enabled = false

[feedback]
enabled = false

[model_providers.scripted]
name = \"scripted\"
base_url = \"http://127.0.0.1:9/v1\" # each run says where
env_key = \"SCRIPTED_KEY\"
wire_api = \"responses\"
request_max_retries = 0
stream_max_retries = 0

[projects.\"{}\"]
trust_level = \"trusted\"
",
        project.display()
    )
}

fn opencode_settings(origin: &str, patching: bool) -> String {
    let model = if patching { "gpt-5.4" } else { "scripted" };
    let models = json!({model: {"name": model, "limit": {"context": 100_000, "output": 4000}}});
    let options = json!({"baseURL": format!("{origin}/v1"), "apiKey": "dummy"});
    let provider =
        json!({"npm": "@ai-sdk/openai-compatible", "name": "loopback", "options": options, "models": models});
    let name = format!("loopback/{model}");
    let settings = json!({
        "autoupdate": false,
        "snapshot": false,
        "model": name,
        "small_model": name,
        "provider": {"loopback": provider},
    });
    settings.to_string()
}
