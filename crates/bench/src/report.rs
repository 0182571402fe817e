//! The document that is printed. What was not asked for is absent.

use crate::create::Create;
use crate::memory::Memory;
use crate::overhead::Overhead;
use crate::plan::Plan;
use crate::size::Size;
use crate::throughput::Throughput;
use crate::wire::Wire;
use serde::Serialize;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where and how.
    pub run: Run,
    /// A task is posted and durable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create: Option<Create>,
    /// From the post to the agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wire: Option<Wire>,
    /// What a call costs more than a bare one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overhead: Option<Overhead>,
    /// Tasks and bids, sustained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throughput: Option<Throughput>,
    /// Idle, and with calls held open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// The binary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
}

/// Where and how it was measured.
#[derive(Debug, Serialize)]
pub struct Run {
    /// `process`: a binary of its own; `within`: in the process of the benchmark.
    pub subject: &'static str,
    /// How the benchmark, and the binary beside it, were built.
    pub profile: &'static str,
    /// Processors that this process may use; server, agents and load share them.
    pub processors: usize,
    /// The operating system.
    pub system: &'static str,
    /// The machine's architecture.
    pub architecture: &'static str,
    /// What a fixed piece of work took before the first measurement, in microseconds.
    pub kernel_before_us: f64,
    /// The same behind the last: far from the first, the machine was busy with something else.
    pub kernel_after_us: f64,
    /// How long everything took.
    pub took_seconds: f64,
    /// How much was measured.
    pub plan: Plan,
}
