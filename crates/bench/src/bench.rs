//! One run: the workload, and what the machine was like before and after it.

use crate::ground::Ground;
use crate::plan::Plan;
use crate::report::{Measured, Report, Run};
use crate::rounds::kernel;
use crate::samples::rounded;
use crate::workload::Workload;
use crate::{create, fanout, growth, hold, overhead, process, recover, size, triage, watch};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What a run is given.
pub struct Bench {
    /// The binary `gavel`: started as the server, and as its agents.
    pub binary: PathBuf,
    /// Where databases are made.
    pub ground: Ground,
    /// How much is measured.
    pub plan: Plan,
    /// Is told what is going on.
    pub tell: fn(&str),
}

impl Bench {
    /// Measures one workload. A future that is dropped takes its processes with it; the ground is the caller's to clear.
    ///
    /// # Errors
    /// When the server, the database, the disk or an agent fails, or does not do what is to be measured.
    pub async fn run(&self, workload: Workload) -> anyhow::Result<Report> {
        process::allow_open_files();
        let (began, kernel_before) = (Instant::now(), kernel());
        let Measured { ratios, figures, noise } = match workload {
            Workload::Fanout => fanout::measure(self).await?,
            Workload::Hold => hold::measure(self).await?,
            Workload::Create => create::measure(self).await?,
            Workload::Recover => recover::measure(self).await?,
            Workload::Watch => watch::measure(self).await?,
            Workload::Growth => growth::measure(self).await?,
            Workload::Overhead => overhead::measure(self).await?,
            Workload::Triage => triage::measure(self).await?,
            Workload::Size => size::measure(self).await?,
        };
        let run = self.about(kernel_before, began);
        Ok(Report { workload: workload.name(), ratios, figures, noise, run })
    }

    /// Tells what is going on.
    pub(crate) fn say(&self, text: &str) {
        (self.tell)(text);
    }

    fn about(&self, kernel_before: Duration, began: Instant) -> Run {
        let us = |time: Duration| rounded(time.as_secs_f64() * 1e6, 1);
        Run {
            database: self.ground.engine(),
            profile: if cfg!(debug_assertions) { "debug" } else { "release" },
            processors: std::thread::available_parallelism().map_or(1, |processors| processors.get()),
            system: std::env::consts::OS,
            architecture: std::env::consts::ARCH,
            kernel_before_us: us(kernel_before),
            kernel_after_us: us(kernel()),
            took_seconds: rounded(began.elapsed().as_secs_f64(), 1),
            plan: self.plan.clone(),
        }
    }
}
