//! Network guard.
