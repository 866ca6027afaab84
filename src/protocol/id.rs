//! Identifiers: how they are made, and how people may shorten them.

/// Fewest characters by which an id may be named.
const SHORTEST: usize = 4;
/// Characters of an id's end that are shown in tables. The start of a ULID is its time, the same for neighbours.
const SHOWN: usize = 6;

/// Whether a tool name can stand in an instance id: `[a-z][a-z0-9-]{0,31}`.
pub fn is_tool_name(name: &str) -> bool {
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    starts_well && name.len() <= 32 && name.chars().all(allowed)
}

/// What a program or a client calls itself, as far as it can be a tool's name.
pub fn tool_name(name: &str) -> Option<String> {
    let fitting = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let name: String = name.to_lowercase().chars().map(|c| if fitting(c) { c } else { '-' }).take(32).collect();
    Some(name.trim_matches('-').to_owned()).filter(|name| is_tool_name(name))
}

/// `<tool>-<unix seconds>-<4 hex>`, as the playbook writes it.
pub fn instance_id(tool: &str, unix_s: i64, nonce: u64) -> String {
    format!("{tool}-{unix_s}-{:04x}", nonce & 0xffff)
}

/// Whether `typed` is an id or a beginning or end of one.
pub fn is_abbreviation(id: &str, typed: &str) -> bool {
    let long_enough = typed.len() >= SHORTEST && typed.len() <= id.len();
    let same = |part: Option<&str>| part.is_some_and(|part| part.eq_ignore_ascii_case(typed));
    long_enough && (same(id.get(..typed.len())) || same(id.get(id.len() - typed.len()..)))
}

/// The end of an id, enough to name it by.
pub fn short(id: &str) -> &str {
    id.len().checked_sub(SHOWN).and_then(|start| id.get(start..)).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_names_are_plain() {
        assert!(is_tool_name("claude") && is_tool_name("a") && is_tool_name("gpt-5"));
        for bad in ["", "5a", "-a", "Claude", "a b", "a_b", "é", &"a".repeat(33)] {
            assert!(!is_tool_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn names_are_made_tool_names_where_they_can_be() {
        let made = |name: &str| tool_name(name).unwrap_or_default();
        assert_eq!(
            (made("Visual Studio Code"), made("my_agent.py")),
            ("visual-studio-code".into(), "my-agent-py".into())
        );
        assert_eq!(made(&"é(".repeat(40)), "");
        assert_eq!((made(""), made("7zip"), made("a ")), (String::new(), String::new(), "a".into()));
        assert_eq!(made(&"a".repeat(40)).len(), 32);
    }

    #[test]
    fn ids_are_named_by_their_beginning_or_end() {
        let id = "01KAJ0000000000000ABCDEF12";
        assert!(is_abbreviation(id, id) && is_abbreviation(id, "01KA") && is_abbreviation(id, "cdef12"));
        assert!(!is_abbreviation(id, "F12") && !is_abbreviation(id, "ABCD") && !is_abbreviation(id, ""));
        assert_eq!(short(id), "CDEF12");
    }
}
