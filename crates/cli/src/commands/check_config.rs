//! `gavel check-config`: whether the settings and the catalogue can be used, and what is in force.

use crate::args::CheckArgs;
use crate::settings::{DEFAULTS, default_values, doubts, in_force, load};
use crate::{Failure, output};
use serde_json::{Value, json};

pub(super) fn check(args: &CheckArgs) -> Result<(), Failure> {
    match (args.defaults, args.json) {
        (true, false) => output::line(DEFAULTS.trim_end()),
        (true, true) => output::json(&json!(default_values()?)),
        (false, true) => output::json(&json!(in_force(args.config.as_deref())?)),
        (false, false) => {
            for (name, value) in in_force(args.config.as_deref())? {
                output::line(&format!("{name:<56} {}", written(&value)));
            }
            let catalog = load(args.config.as_deref())?.catalog;
            let types: usize = catalog.categories.iter().map(|category| category.task_types.len()).sum();
            let categories = catalog.categories.len();
            output::line(&format!("The catalogue has {categories} categories and {types} task types."));
            output::line("The settings can be used.");
        }
    }
    if !args.defaults {
        let doubts = doubts(&load(args.config.as_deref())?);
        doubts.iter().for_each(|doubt| output::note(&format!("warning: {doubt}")));
    }
    Ok(())
}

/// A text without its quotes: that is how it is put into the environment.
fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
