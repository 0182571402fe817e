//! `gavel check-config`: whether the settings can be used, and what is in force.

use crate::args::CheckArgs;
use crate::settings::{DEFAULTS, load};
use crate::{Failure, output};

pub(super) fn check(args: &CheckArgs) -> Result<(), Failure> {
    if args.defaults {
        output::line(DEFAULTS.trim_end());
        return Ok(());
    }
    let config = load(args.config.as_deref())?;
    for (name, value) in config.summary() {
        output::line(&format!("{name:<20} {value}"));
    }
    output::line("The settings can be used.");
    Ok(())
}
