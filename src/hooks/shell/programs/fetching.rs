//! `curl` and `wget`, where they name the file they write.

use super::Call;
use crate::hooks::shell::field::Field;
use crate::hooks::shell::options::Argument;
use crate::hooks::shell::{Change, paths};

pub(super) fn curl(call: &mut Call<'_>) -> Option<()> {
    let options = call.options(
        "a b: c: C: d: D: e: E: f F: g G H: i I j k K: l L m: n N o: O p P: q Q: r: R s S t: T: u: U: v w: x: X: y: Y: z: \
         Z # 0 1 2 3 4 6 output: remote-name location silent show-error fail fail-with-body fail-early insecure header: \
         data: data-raw: data-binary: data-urlencode: json: request: user: user-agent: A: compressed include head verbose \
         max-time: connect-timeout: retry: retry-delay: retry-all-errors retry-max-time: retry-connrefused cacert: cert: \
         key: form: get proto: proto-redir: tlsv1.2 tlsv1.3 http1.1 http2 url: cookie: cookie-jar: dump-header: referer: \
         range: remote-time parallel progress-bar no-progress-meter create-dirs output-dir: proxy: noproxy: resolve: \
         write-out: globoff location-trusted path-as-is ipv4 ipv6 limit-rate: max-redirs: oauth2-bearer:",
    )?;
    if options.has("output-dir") {
        return None;
    }
    let outputs = ["o output", "c cookie-jar", "D dump-header"];
    outputs.iter().filter_map(|name| options.value(name)).for_each(|path| call.touch(path, Change::Write, false));
    if options.has("O remote-name") {
        options.operands.iter().filter_map(remote_name).for_each(|name| call.path(&name, Change::Write));
    }
    Some(())
}

/// Without `-O` it takes a name that is free.
pub(super) fn wget(call: &mut Call<'_>) -> Option<()> {
    let options = call.options(
        "O: output-document: q quiet n no-verbose v verbose c continue t: tries: T: timeout: U: user-agent: header: S \
         server-response no-check-certificate show-progress progress: 4 6 i: L k m N p r l: A: e: waitretry: read-timeout: \
         retry-connrefused post-data: method: body-data: user: password: o: output-file: a: append-output:",
    )?;
    let outputs = ["O output-document", "o output-file", "a append-output"];
    outputs.iter().filter_map(|name| options.value(name)).for_each(|path| call.touch(path, Change::Write, false));
    Some(())
}

/// The last part of an address, where it is plain.
fn remote_name(address: &Argument) -> Option<String> {
    let address = address.as_ref().and_then(Field::text)?;
    let path = address.split_once("://").map_or(address, |(_, rest)| rest).split(['?', '#']).next()?;
    let (_, path) = path.split_once('/')?;
    paths::name(path).filter(|_| !path.ends_with('/') && !path.contains(['{', '['])).map(str::to_owned)
}
