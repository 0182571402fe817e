//! Everything that was asked for, one after another: what runs at once would measure each other.

use crate::place::Subject;
use crate::plan::{Measurement, Plan};
use crate::report::{Report, Run};
use crate::rounds::kernel;
use crate::samples::rounded;
use crate::{create, memory, overhead, size, throughput, wire};
use anyhow::Context as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Measures what is in `wanted`; everything where that is empty. Databases are made on `disk`.
///
/// # Errors
/// The first measurement that failed, by name.
pub async fn run(
    plan: &Plan,
    wanted: &[Measurement],
    subject: &Subject,
    disk: &Path,
) -> anyhow::Result<Report> {
    let (began, kernel_before) = (Instant::now(), kernel());

    // Memory first: it tells most of a machine that has done nothing yet.
    let wants = |measurement| wanted.is_empty() || wanted.contains(&measurement);
    let memory = asked(wants(Measurement::Memory), memory::measure(plan, subject, disk));
    let memory = memory.await.context("memory")?;
    let create = asked(wants(Measurement::Create), create::measure(plan, subject, disk));
    let create = create.await.context("create")?;
    let wire = asked(wants(Measurement::Wire), wire::measure(plan, subject, disk));
    let wire = wire.await.context("wire")?;
    let overhead = asked(wants(Measurement::Overhead), overhead::measure(plan));
    let overhead = overhead.await.context("overhead")?;
    let throughput = asked(wants(Measurement::Throughput), throughput::measure(plan, subject, disk));
    let throughput = throughput.await.context("throughput")?;
    let size = wants(Measurement::Size).then(|| size::measure(subject)).transpose()?;

    let run = about(plan, subject, kernel_before, began);
    Ok(Report { run, create, wire, overhead, throughput, memory, size })
}

/// A future that nobody asks for does nothing.
async fn asked<T>(
    wanted: bool,
    measuring: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<Option<T>> {
    if wanted { measuring.await.map(Some) } else { Ok(None) }
}

fn about(plan: &Plan, subject: &Subject, kernel_before: Duration, began: Instant) -> Run {
    Run {
        subject: match subject {
            Subject::Binary(_) => "process",
            Subject::Within => "within",
        },
        profile: if cfg!(debug_assertions) { "debug" } else { "release" },
        processors: std::thread::available_parallelism().map_or(1, |processors| processors.get()),
        system: std::env::consts::OS,
        architecture: std::env::consts::ARCH,
        kernel_before_us: rounded(kernel_before.as_secs_f64() * 1e6, 1),
        kernel_after_us: rounded(kernel().as_secs_f64() * 1e6, 1),
        took_seconds: rounded(began.elapsed().as_secs_f64(), 1),
        plan: plan.clone(),
    }
}
