//! The Claude Code plugin: the hooks that `aio init` puts into the settings, for those who install plugins instead.

use std::path::Path;

use serde_json::Value;

fn read(name: &str) -> Value {
    let text = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn the_plugin_has_the_hooks_that_init_writes() {
    assert_eq!(read("integrations/claude/plugin/hooks/hooks.json"), read("integrations/claude/hooks.json"));
}

#[test]
fn the_catalogue_leads_to_the_plugin_and_versions_agree() {
    let catalogue = read(".claude-plugin/marketplace.json");
    let [entry] = &catalogue["plugins"].as_array().unwrap()[..] else { panic!("{catalogue}") };
    let plugin = read(&format!("{}/.claude-plugin/plugin.json", entry["source"].as_str().unwrap()));
    assert_eq!(plugin["name"], entry["name"]);
    assert_eq!(plugin["version"], env!("CARGO_PKG_VERSION"));
}
