//! Paths as text.

/// The path, made absolute: without `.`, doubled slashes and a slash at the end. Nothing where it is empty, or relative to
/// a folder that is not known. `..` stays.
pub(super) fn absolute(cwd: Option<&str>, path: &str) -> Option<String> {
    if path.is_empty() || path.contains('\0') {
        return None;
    }
    let base = if path.starts_with('/') { "" } else { cwd? };
    let mut whole = String::with_capacity(base.len() + path.len() + 1);
    for name in base.split('/').chain(path.split('/')).filter(|name| !matches!(*name, "" | ".")) {
        whole.push('/');
        whole.push_str(name);
    }
    Some(if whole.is_empty() { "/".to_owned() } else { whole })
}

/// The folder that `cd` ends up in: `..` takes away the name before it, whatever that leads to.
pub(super) fn changed_into(cwd: Option<&str>, folder: &str) -> Option<String> {
    let path = absolute(cwd, folder)?;
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/').skip(1) {
        match name {
            ".." => drop(names.pop()),
            "" => {}
            name => names.push(name),
        }
    }
    Some(format!("/{}", names.join("/")))
}

/// Devices and processes: nobody's files.
pub(super) fn is_nobodys(path: &str) -> bool {
    ["/dev", "/proc"].iter().any(|root| is_below(path, root))
}

/// The folder itself is below it as well.
pub(super) fn is_below(path: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The last name of a path; nothing where it has none of its own.
pub(super) fn name(path: &str) -> Option<&str> {
    let name = path.trim_end_matches('/').rsplit('/').next()?;
    (!matches!(name, "" | "." | "..")).then_some(name)
}

/// `name` in `folder`.
pub(super) fn inside(folder: &str, name: &str) -> String {
    format!("{}/{name}", folder.trim_end_matches('/'))
}
