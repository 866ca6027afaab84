//! What hooks say and are answered, whichever agent's they are.

use std::fmt;

/// Something an agent is about to do, or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The agent's own id of its session. Subagents share their parent's.
    pub session: String,
    /// The folder that relative paths start in, where the agent says so.
    pub cwd: Option<String>,
    /// The agent's own id of the tool call, where it gives one.
    pub call: Option<String>,
    /// What it is about.
    pub moment: Moment,
}

/// See [`Event::moment`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A session starts, or is taken up again.
    SessionStarts,
    /// A person said something.
    TurnBegins {
        /// What.
        prompt: String,
    },
    /// A tool is about to be used.
    BeforeTool(Tool),
    /// A tool was used, well or not.
    AfterTool(Tool),
    /// The agent waits for a person to allow something, or to choose.
    Asks {
        /// What, in a few words; empty where it is about something else.
        question: String,
    },
    /// The agent is done, until a person says something again.
    TurnEnds {
        /// Why it gave up, in its own words; empty where it did not.
        trouble: String,
    },
    /// The session is over.
    SessionEnds,
}

/// What a tool does to files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tool {
    /// It writes, moves or deletes these, as the model named them.
    Edit(Vec<String>),
    /// It runs a shell command, in this folder where one is named.
    Shell {
        /// The command.
        command: String,
        /// The folder.
        cwd: Option<String>,
    },
    /// Nothing that is ours to judge.
    Other,
}

/// What an agent is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// Go on. Nothing is said, and so nothing costs a token.
    #[default]
    Nothing,
    /// Go on, and know this.
    Tell(String),
    /// Do not do it, for this reason.
    Deny(String),
}

/// A payload that no event can be read from. The agent goes on as if nothing had been asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The agent has no event of that name that is ours.
    Event(String),
    /// It is not what the agent sends.
    Payload(String),
}

impl fmt::Display for Unfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Event(name) => write!(formatter, "unknown event {name:?}"),
            Unfit::Payload(reason) => write!(formatter, "the payload cannot be understood: {reason}"),
        }
    }
}
