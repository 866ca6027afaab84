//! OpenCode. Files and shapes are those of OpenCode 1.18.33.

use super::{Agent, Folder, Paths, Template, Trial};

pub(super) const OPENCODE: Agent = Agent {
    name: "opencode",
    programs: &["opencode"],
    folder: Folder { usual: ".config/opencode", moved: Some(("XDG_CONFIG_HOME", "opencode")) },
    template: Template::Plugin(include_str!("../../../integrations/opencode/aio.js")),
    hooks: Paths { user: "plugins/aio.js", project: ".opencode/plugins/aio.js" },
    memory: None,
    trust: None,
    switch: None,
    trusts: None,
    trial: Trial {
        event: "tool.execute.before",
        payload: r#"{"session":"aio-doctor","cwd":"{cwd}","tool":"write","input":{"filePath":"{file}","content":"x"},"call":"aio-doctor-1"}"#,
    },
};
