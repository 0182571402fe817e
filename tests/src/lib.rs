//! What the tests of the whole share; they live in `tests/`.

pub mod hunt;
