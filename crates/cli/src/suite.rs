//! The shipped tasks that agents are tried with: one file per category and level, read at start.

use gavel_judge::benchmark::{Level, Suite, SuiteError, Template};

/// Each file beside its name; `build.rs` finds them.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/benchmark_files.rs"));

/// The shipped tasks.
///
/// # Errors
/// The first file that cannot be used, with the line.
pub fn shipped() -> Result<Suite, SuiteError> {
    Suite::read(FILES)
}

/// Whether a category has a task of every level: with fewer nobody is tried.
pub fn is_whole(suite: &Suite, category: &str) -> bool {
    suite.of(category).iter().map(Template::level).eq(Level::ALL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_domain::{Currency, Money};
    use std::collections::BTreeSet;

    #[test]
    fn every_shipped_task_belongs_to_the_catalogue() {
        let (suite, catalog) = (shipped().unwrap(), crate::catalog::shipped().unwrap());
        let mut keys = BTreeSet::new();
        for template in suite.templates() {
            let category = catalog.category(template.category());
            assert!(category.is_some_and(|c| c.has_type(template.task_type())), "{}", template.key());
            assert!(keys.insert(template.key()), "{} is there twice", template.key());
        }
        assert_eq!(keys.len(), FILES.len());
    }

    #[test]
    fn budgets_are_amounts_in_every_currency() {
        for code in ["USD", "JPY"] {
            let currency = Currency::new(code).unwrap();
            for template in shipped().unwrap().templates() {
                let budget = template.instance(1).budget;
                let amount = Money::parse_exact(&budget, &currency);
                assert!(
                    amount.is_ok_and(|amount| amount > Money::ZERO),
                    "{} {code} {budget}",
                    template.key()
                );
            }
        }
    }
}
