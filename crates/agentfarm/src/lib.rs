//! Agents on loopback, for the demo, tests and benchmarks. They play strangers: what they know of Gavel is what any
//! agent knows, the protocol.
//!
//! Read in this order: [`farm`] (starting agents, and what they received), [`spec`] (what an agent is told to be),
//! [`demo`] (the eight of the demo), [`script`] (agents that do what a test says), [`writers`] (agents that write).

pub mod brief;
pub mod demo;
pub mod farm;
pub mod script;
mod serve;
pub mod spec;
pub mod writers;

pub use demo::demo_agents;
pub use farm::{Agent, Farm, Received};
pub use script::{Action, Payload, Reply, Script};
pub use spec::{AgentSpec, Behaviour};
pub use writers::Style;
