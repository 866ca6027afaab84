//! Amp. Files and shapes are those of the plugin documentation of Amp 0.0.1790142911.

use super::{Agent, Folder, Paths, Template, Trial};

pub(super) const AMP: Agent = Agent {
    name: "amp",
    programs: &["amp"],
    folder: Folder { usual: ".config/amp", moved: Some(("XDG_CONFIG_HOME", "amp")) },
    template: Template::Plugin(include_str!("../../../integrations/amp/aio.ts")),
    hooks: Paths { user: "plugins/aio.ts", project: ".amp/plugins/aio.ts" },
    memory: None,
    trust: None,
    switch: None,
    trusts: None,
    trial: Trial {
        event: "tool.call",
        payload: r#"{"session":"aio-doctor","cwd":"{cwd}","tool":"create_file","input":{"path":"{file}","content":"x"},"call":"aio-doctor-1","files":["{file}"]}"#,
    },
};
