//! `gavel ledger verify`: whether the chain holds, every transfer balances, and tasks and money agree.

use super::existing;
use crate::args::VerifyArgs;
use crate::{Failure, output, report};
use anyhow::anyhow;

pub(super) async fn verify(args: VerifyArgs) -> Result<(), Failure> {
    let (config, store) = existing(&args.place).await?;
    let ledger = report::ledger(&store, &config.currency).await?;
    store.close().await;
    if args.json {
        output::json(&ledger);
    } else {
        report::balances(&ledger);
    }
    match ledger["problems"].as_array().map_or(0, Vec::len) {
        0 => Ok(()),
        problems => Err(anyhow!("the ledger is not sound: {problems} problems").into()),
    }
}
