//! A whole Gavel.
pub mod catalog;
pub mod settings;
