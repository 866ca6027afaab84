//! The words that settings contain to call us, for the state directory that is in use.
//!
//! Templates name the usual directory by way of `$HOME`, so that they can be shared and read; where the state lies
//! elsewhere, hooks and person must use the same one.

use std::path::Path;

/// How every hook line of a template begins.
pub(super) const USUAL_LINE: &str = r#"PATH="$HOME/.ai-orchestrator/bin:$PATH";"#;
/// How the plugins of agents that run JavaScript find us.
const USUAL_PATH: &str = "${process.env.HOME}/.ai-orchestrator/bin:";
const USUAL_ENVIRONMENT: &str = "{ ...process.env, PATH: path }";

/// A hook line for a state directory; none is the usual one.
pub(super) fn hook_line(line: &str, dir: Option<&Path>) -> String {
    let Some(dir) = dir else { return line.to_owned() };
    let bin = dir.join("bin");
    let ours = format!("export AIO_DIR={} PATH={}:\"$PATH\";", quoted(dir), quoted(&bin));
    line.replacen(USUAL_LINE, &ours, 1)
}

/// A plugin for a state directory; none is the usual one.
pub(super) fn plugin(text: &str, dir: Option<&Path>) -> String {
    let Some(dir) = dir else { return text.to_owned() };
    let path = format!("{}/bin:", dir.display()).replace('\\', "\\\\").replace('`', "\\`").replace("${", "\\${");
    let dir = serde_json::Value::from(dir.to_string_lossy());
    let environment = format!("{{ ...process.env, AIO_DIR: {dir}, PATH: path }}");
    text.replace(USUAL_PATH, &path).replace(USUAL_ENVIRONMENT, &environment)
}

/// A word that every shell takes as it is.
pub(super) fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::agents::AGENTS;

    #[test]
    fn every_template_begins_as_it_can_be_adapted() {
        let dir = Path::new("/srv/it's here/`aio`");
        for agent in AGENTS {
            let adapted = match agent.template {
                crate::setup::agents::Template::Hooks(text) => {
                    assert_eq!(
                        text.matches("aio hook").count(),
                        text.matches("PATH=\\\"$HOME/.ai-orch").count(),
                        "{}",
                        agent.name
                    );
                    continue;
                }
                crate::setup::agents::Template::Plugin(text) => plugin(text, Some(dir)),
            };
            assert!(adapted.contains("AIO_DIR: \"/srv/it's here/`aio`\""), "{}", agent.name);
            assert!(adapted.contains("/srv/it's here/\\`aio\\`/bin:"), "{}", agent.name);
        }
    }

    #[test]
    fn another_directory_reaches_the_shell_whole() {
        let line = format!("{USUAL_LINE} echo x");
        assert_eq!(hook_line(&line, None), line);
        let adapted = hook_line(&line, Some(Path::new("/a b/it's")));
        assert_eq!(adapted, r#"export AIO_DIR='/a b/it'\''s' PATH='/a b/it'\''s/bin':"$PATH"; echo x"#);
    }
}
