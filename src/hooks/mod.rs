//! From what an agent's hook says to what it is answered.
//!
//! An [`adapters::Adapter`] reads an agent's own payload into a neutral [`event::Event`] and renders a neutral
//! [`event::Answer`] in that agent's own dialect; [`words`] are what a model is told. What an event does to the state is an
//! operation, and decided where all operations are.
//!
//! Pure: the same answer to the same question, always. No file, environment, clock, process or randomness is read here.

pub mod adapters;
pub mod diff;
pub mod event;
pub mod patch;
pub mod shell;
pub mod words;
