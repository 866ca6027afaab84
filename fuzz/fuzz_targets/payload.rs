//! What any program may write on a hook's stdin: every agent's adapter reads or refuses it, and whatever is answered is JSON.

#![no_main]

use aio::hooks::adapters::ADAPTERS;
use aio::hooks::event::{Answer, Moment, Tool};
use aio::hooks::{patch, words};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    for adapter in ADAPTERS {
        for event in adapter.events() {
            if let Ok(read) = adapter.read(event, data) {
                assert!(!read.session.is_empty() && read.session.len() <= 256);
                if let Moment::BeforeTool(Tool::Edit(files)) = read.moment {
                    assert!(!files.is_empty() && files.iter().all(|file| !file.is_empty()));
                }
            }
            for answer in [Answer::Nothing, Answer::Tell(text.to_string()), Answer::Deny(text.to_string())] {
                let line = adapter.render(event, &answer);
                assert!(!line.contains('\n'));
                assert!(line.is_empty() || serde_json::from_str::<serde_json::Value>(&line).is_ok());
            }
        }
    }
    let line = words::one_line(&text, 20);
    assert!(line.chars().count() <= 21 && !line.contains(char::is_control));
    assert!(patch::changes(&text).iter().all(|change| !change.path.contains('\n')));
});
