//! Profiles: the agents as a person wants them launched, each by a name.
//!
//! Owns the built-in ones, one for each agent, and what `[profiles.NAME]` in `config.toml` may say. One of the same name
//! takes the built-in one's place.

use std::ffi::OsString;
use std::path::PathBuf;

use toml::{Table, Value};

use super::agents::{AGENTS, Agent, INHERITED, Manner};
use super::stream::{Prices, micros};
use crate::error::Failure;
use crate::protocol::id;

/// An agent, and how it is wanted.
#[derive(Clone, Debug)]
pub struct Profile {
    /// As a tool's name: `[a-z][a-z0-9-]{0,31}`.
    pub name: String,
    /// Which agent it is.
    pub agent: &'static Agent,
    /// Its program, where that is not the agent's usual one.
    pub program: Option<String>,
    /// The person's own arguments. Where one is an option (`--name`) that the agent's command line has too, the person's stays.
    pub args: Vec<String>,
    /// The person's own variables.
    pub variables: Vec<(String, String)>,
    /// Where it runs, if that is always the same.
    pub runtime: Option<Runtime>,
    /// What its tokens cost, for agents that report no cost.
    pub prices: Option<Prices>,
}

/// Where an agent runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// In a terminal that one can look at and type into.
    Tmux,
    /// Without one, read by its stream.
    Headless,
    /// In the terminal that somebody sits at and started it from.
    Terminal,
}

/// What is to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// A name to be looked for on PATH, or a path.
    pub program: String,
    /// All its arguments.
    pub args: Vec<OsString>,
    /// Variables to set: the agent's, then the person's, which win.
    pub variables: Vec<(String, String)>,
    /// Variables to take away, before those are set.
    pub without: &'static [&'static str],
}

impl Runtime {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Runtime::Tmux => "tmux",
            Runtime::Headless => "headless",
            Runtime::Terminal => "terminal",
        }
    }

    /// As a record has it; one that is not known is one without a terminal, of which the least is expected.
    pub fn of(name: &str) -> Runtime {
        let all = [Runtime::Tmux, Runtime::Terminal];
        all.into_iter().find(|runtime| runtime.name() == name).unwrap_or(Runtime::Headless)
    }
}

impl Profile {
    /// The built-in one of an agent.
    pub fn built_in(agent: &'static Agent) -> Profile {
        Profile {
            name: agent.name.to_owned(),
            agent,
            program: None,
            args: Vec::new(),
            variables: Vec::new(),
            runtime: None,
            prices: None,
        }
    }

    /// How it is started, and may write in these folders beside its worktree. None where its agent has no such manner.
    pub fn launch(&self, manner: Manner<'_>, writable: &[PathBuf]) -> Option<Launch> {
        let usual = self.agent.programs.first().copied().unwrap_or(self.agent.name);
        let quiet = self.agent.variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Some(Launch {
            program: self.program.clone().unwrap_or_else(|| usual.to_owned()),
            args: self.agent.args(manner, writable, &self.args)?,
            variables: quiet.chain(self.variables.iter().cloned()).collect(),
            without: INHERITED,
        })
    }

    /// How it is started where it is not apart: as it always is, with nothing allowed but what the person's own arguments allow.
    /// None where its agent has no such manner.
    pub fn launch_as_usual(&self, manner: Manner<'_>) -> Option<Launch> {
        let launch = self.launch(manner, &[])?;
        Some(Launch { args: self.agent.usual_args(manner, &self.args)?, ..launch })
    }

    /// Its program.
    pub fn program(&self) -> &str {
        self.program.as_deref().unwrap_or(self.agent.programs[0])
    }

    /// The letter by which it can be named.
    pub fn letter(&self) -> Option<char> {
        self.agent.letter.filter(|_| self.name == self.agent.name)
    }
}

/// The profiles there are: the built-in ones, as the person changed them, then the person's own.
pub fn all(own: &[Profile]) -> Vec<Profile> {
    let named = |name: &str| own.iter().find(|profile| profile.name == name).cloned();
    let first = AGENTS.iter().map(|agent| named(agent.name).unwrap_or_else(|| Profile::built_in(agent)));
    let rest = own.iter().filter(|profile| Agent::find(&profile.name).is_none()).cloned();
    first.chain(rest).collect()
}

/// The profile of that letter or name, among the built-in ones and these of the person's.
pub fn find(own: &[Profile], word: &str) -> Option<Profile> {
    let is_it =
        |profile: &Profile| profile.name == word || profile.letter().is_some_and(|letter| word == letter.to_string());
    all(own).into_iter().find(is_it)
}

/// The profile that a job was launched by.
///
/// # Errors
/// When there is none of that name any more.
pub fn of_job(own: &[Profile], name: &str) -> Result<Profile, Failure> {
    find(own, name).ok_or_else(|| {
        let message = format!("the profile {name:?} is gone");
        Failure::usage(message).hint(format!("put [profiles.{name}] back into config.toml"))
    })
}

/// The person's profile of that name, as `[profiles.NAME]` has it.
///
/// # Errors
/// What is wrong, with the key that is.
pub fn from_table(name: &str, table: &Table) -> Result<Profile, String> {
    let is_letter = AGENTS.iter().any(|agent| agent.letter.is_some_and(|letter| name == letter.to_string()));
    if !id::is_tool_name(name) || is_letter {
        return Err(format!(
            "profiles.{name}: a profile's name is lower-case letters, digits and -, and no agent's letter"
        ));
    }
    let written = table.get("agent").map(|value| text("agent", value)).transpose();
    let agent =
        written.and_then(|agent| agent_of(name, agent)).map_err(|reason| format!("profiles.{name}.{reason}"))?;
    let mut profile = Profile { name: name.to_owned(), ..Profile::built_in(agent) };
    for (key, value) in table {
        profile.set(key, value).map_err(|reason| format!("profiles.{name}.{reason}"))?;
    }
    Ok(profile)
}

fn agent_of(name: &str, written: Option<String>) -> Result<&'static Agent, String> {
    let known = || AGENTS.iter().map(|agent| agent.name).collect::<Vec<_>>().join(", ");
    let Some(word) = written else {
        return Agent::find(name).ok_or_else(|| format!("agent is missing: one of {}", known()));
    };
    Agent::find(&word).ok_or_else(|| format!("agent = {word:?} is none of {}", known()))
}

impl Profile {
    fn set(&mut self, key: &str, value: &Value) -> Result<(), String> {
        match key {
            "agent" => {}
            "program" => self.program = Some(text(key, value)?).filter(|program| !program.is_empty()),
            "args" => self.args = texts(key, value)?,
            "env" => self.variables = variables(value)?,
            "runtime" => self.runtime = Some(runtime(&text(key, value)?)?),
            "cost" => self.prices = Some(prices(value)?),
            _ => return Err(format!("{key} is unknown: a profile has agent, program, args, env, runtime and cost")),
        }
        Ok(())
    }
}

fn text(key: &str, value: &Value) -> Result<String, String> {
    let text = value.as_str().filter(|text| !text.contains('\0'));
    text.map(str::to_owned).ok_or_else(|| format!("{key} is no text"))
}

fn texts(key: &str, value: &Value) -> Result<Vec<String>, String> {
    let list = value.as_array().ok_or_else(|| format!("{key} is no list of texts"))?;
    list.iter().map(|member| text(key, member)).collect()
}

fn variables(value: &Value) -> Result<Vec<(String, String)>, String> {
    let table = value.as_table().ok_or_else(|| "env is no table of texts".to_owned())?;
    let named = |(name, value): (&String, &Value)| match name.is_empty() || name.contains(['=', '\0']) {
        true => Err(format!("env.{name:?} is no name of a variable")),
        false => Ok((name.clone(), text(&format!("env.{name}"), value)?)),
    };
    table.iter().map(named).collect()
}

pub(crate) fn runtime(text: &str) -> Result<Runtime, String> {
    match text {
        "tmux" => Ok(Runtime::Tmux),
        "headless" => Ok(Runtime::Headless),
        _ => Err(format!("runtime = {text:?} is none of tmux, headless")),
    }
}

fn prices(value: &Value) -> Result<Prices, String> {
    let table = value.as_table().ok_or_else(|| "cost is no table of input, cached and output".to_owned())?;
    if let Some(key) = table.keys().find(|key| !matches!(&***key, "input" | "cached" | "output")) {
        return Err(format!("cost.{key} is unknown: a cost has input, cached and output"));
    }
    let price = |key: &str| table.get(key).map(|value| dollars(&format!("cost.{key}"), value)).transpose();
    let missing = |key: &str| format!("cost.{key} is missing: US dollars for a million tokens");
    let input = price("input")?.ok_or_else(|| missing("input"))?;
    let output = price("output")?.ok_or_else(|| missing("output"))?;
    Ok(Prices { input, cached: price("cached")?.unwrap_or(input), output })
}

/// A number in the digits that it was written in: the shortest ones of a float are those.
fn dollars(key: &str, value: &Value) -> Result<u64, String> {
    let digits = match value {
        Value::Integer(whole) => whole.to_string(),
        Value::Float(number) => number.to_string(),
        _ => return Err(format!("{key} is no number of US dollars")),
    };
    micros(&digits).ok_or_else(|| format!("{key} = {digits} is no number of US dollars"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<Profile, String> {
        from_table(name, &text.parse::<Table>().unwrap())
    }

    #[test]
    fn a_profile_says_what_it_says() {
        let profile = read(
            "cheap",
            "agent = \"codex\"\nprogram = \"/opt/codex\"\nargs = [\"-m\", \"mini\"]\nenv = { A = \"1\" }\n\
             runtime = \"headless\"\ncost = { input = 3.0, cached = 0.3, output = 15 }\n",
        )
        .unwrap();
        assert_eq!((&*profile.name, profile.agent.name, profile.letter()), ("cheap", "codex", None));
        assert_eq!(
            (profile.runtime, profile.prices),
            (Some(Runtime::Headless), Some(Prices { input: 3_000_000, cached: 300_000, output: 15_000_000 }),)
        );
        let launch = profile.launch(Manner::Headless, &[]).unwrap();
        assert_eq!(launch.program, "/opt/codex");
        assert!(launch.args.ends_with(&["-m", "mini", "-"].map(OsString::from)), "{launch:?}");
        assert_eq!(launch.variables, [("A".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn the_least_is_an_agent_or_an_agents_name() {
        assert_eq!(read("mine", "agent = \"gemini\"").unwrap().agent.name, "gemini");
        let changed = read("claude", "args = [\"--model\", \"opus\"]").unwrap();
        assert_eq!((changed.agent.name, changed.letter()), ("claude", Some('l')));
        let launch = changed.launch(Manner::Interactive, &[]).unwrap();
        assert_eq!(launch.variables, [("DISABLE_AUTOUPDATER".to_owned(), "1".to_owned())]);
        assert_eq!(
            read("x", "agent = \"amp\"\ncost = { input = 1, output = 2 }").unwrap().prices.unwrap().cached,
            1_000_000
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (name, text, words) in [
            ("x", "", "profiles.x.agent is missing: one of codex, claude, gemini, amp, copilot, opencode"),
            ("x", "agent = \"vi\"", "profiles.x.agent = \"vi\" is none of codex, claude"),
            ("x", "agent = 3", "profiles.x.agent is no text"),
            ("claude", "arg = []", "profiles.claude.arg is unknown: a profile has agent, program, args"),
            ("claude", "args = \"-m\"", "profiles.claude.args is no list of texts"),
            ("claude", "args = [1]", "profiles.claude.args is no text"),
            ("claude", "args = [\"a\\u0000\"]", "profiles.claude.args is no text"),
            ("claude", "env = { A = 1 }", "profiles.claude.env.A is no text"),
            ("claude", "env = { \"A=B\" = \"1\" }", "profiles.claude.env.\"A=B\" is no name of a variable"),
            ("claude", "runtime = \"screen\"", "profiles.claude.runtime = \"screen\" is none of tmux, headless"),
            ("claude", "cost = 3", "profiles.claude.cost is no table of input, cached and output"),
            ("claude", "cost = { input = 1 }", "profiles.claude.cost.output is missing"),
            ("claude", "cost = { in = 1 }", "profiles.claude.cost.in is unknown"),
            (
                "claude",
                "cost = { input = -1, output = 1 }",
                "profiles.claude.cost.input = -1 is no number of US dollars",
            ),
            ("claude", "cost = { input = nan, output = 1 }", "profiles.claude.cost.input = NaN is no number"),
            ("A B", "agent = \"claude\"", "profiles.A B: a profile's name is"),
            ("l", "agent = \"claude\"", "profiles.l: a profile's name is"),
        ] {
            let reason = read(name, text).unwrap_err();
            assert!(reason.starts_with(words), "{reason}");
        }
    }

    #[test]
    fn profiles_are_found_by_letter_and_name() {
        let own = [read("claude", "program = \"cl\"").unwrap(), read("fast", "agent = \"claude\"").unwrap()];
        let found = |word: &str| find(&own, word).map(|profile| (profile.name, profile.program));
        assert_eq!(found("l"), Some(("claude".to_owned(), Some("cl".to_owned()))));
        assert_eq!(found("claude"), found("l"));
        assert_eq!(found("c"), Some(("codex".to_owned(), None)));
        assert_eq!(found("fast"), Some(("fast".to_owned(), None)));
        assert_eq!((found("f"), found(""), found("C")), (None, None, None));
        let names: Vec<String> = all(&own).into_iter().map(|profile| profile.name).collect();
        assert_eq!(names, ["codex", "claude", "gemini", "amp", "copilot", "opencode", "fast"]);
    }
}
