//! x
mod words; mod text; mod language; pub mod canonical;
