//! The rules, pure: no file, environment, process, clock or randomness is touched below here.
//!
//! [`apply::apply`] decides what an operation makes of a [`state::State`], from [`evidence::Evidence`] that the edge
//! looked up; [`query`] answers without changing anything. `spec/PROTOCOL.md` says the same in prose.

pub mod apply;
pub mod context;
pub mod document;
pub mod evidence;
pub mod excerpt;
pub mod fleet;
pub mod id;
pub mod identity;
pub mod lease;
pub mod news;
pub mod op;
pub mod overlap;
pub mod place;
pub mod query;
pub mod record;
pub mod salvage;
pub mod spelling;
pub mod state;
pub mod text;
pub mod time;
