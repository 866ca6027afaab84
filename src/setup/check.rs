//! Whether an agent's settings say what they should.
