//! `gavel agents`: what only an operator does to an agent.

use super::existing;
use crate::args::UnhideArgs;
use crate::{Failure, output};
use gavel_domain::Clock;
use gavel_domain::clock::SystemClock;
use serde_json::json;

pub(super) async fn unhide(args: &UnhideArgs) -> Result<(), Failure> {
    let (_, store) = existing(&args.place).await?;
    let unhidden = store.unhide(&args.slug, SystemClock.now()).await?;
    store.close().await;
    if !unhidden {
        return Err(Failure::Usage(format!("there is no hidden agent {:?}", args.slug)));
    }
    if args.json {
        output::json(&json!({ "slug": args.slug, "visibility": "live" }));
    } else {
        output::line(&format!("{} is live again; it is asked as soon as a probe passes.", args.slug));
    }
    Ok(())
}
