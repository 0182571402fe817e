//! Agents on loopback, for the demo, tests and benchmarks. They play strangers: what they know of Gavel is what any
//! agent knows, the protocol.
//!
//! Read in this order: [`farm`] (starting agents), [`agent`] and [`record`] (what they received), [`spec`] (what an
//! agent is told to be), [`demo`] (the eight of the demo), [`script`] (agents that do what a test says), [`wire`] (bytes
//! that no HTTP library would send), [`corpus`] (rows of answers, played), [`asynchronous`] and [`pull`] (agents that
//! answer later), [`writers`] (agents that write), [`process`] (a farm as a process of its own).

pub mod agent;
mod answers;
pub mod asynchronous;
pub mod brief;
mod chance;
mod client;
pub mod corpus;
pub mod demo;
mod door;
pub mod farm;
mod line;
pub mod process;
pub mod pull;
pub mod record;
pub mod script;
mod serve;
mod sign;
pub mod spec;
#[cfg(feature = "tls")]
mod tls;
pub mod wire;
pub mod writers;

pub use agent::Agent;
pub use asynchronous::{Callbacks, Order, Report, Signature};
pub use corpus::{Corpus, Row};
pub use demo::demo_agents;
pub use farm::Farm;
pub use pull::{Conduct, Worker};
pub use record::{Exchange, Received, Step};
pub use script::{Action, Endless, Payload, Reply, Script};
pub use spec::{AgentSpec, Behaviour, Door, Health, TLS_NAME, Tls, Work};
pub use wire::{Answer, End, Piece, Wire};
pub use writers::Style;
