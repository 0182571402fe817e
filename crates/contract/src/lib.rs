//! Every shape that enters or leaves: the agent protocol, reading what a stranger's agent answers, and signatures.
//! Pure: bytes in, values out, and no panic on any bytes.

pub mod agent;
pub mod signature;
