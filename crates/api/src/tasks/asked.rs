//! What kind of work a body asks for, and whether its requirements fit that kind.

use crate::fields::Fields;
use gavel_contract::rest::FieldWarning;
use gavel_domain::catalog::{Catalog, Category, Remark, TaskType, Unresolved, check};
use serde_json::{Map, Value};

/// As long as a slug may be.
const SLUG_CHARS: std::ops::RangeInclusive<usize> = 1..=100;

/// The category and the type that are named by slugs or aliases. What is stored and sent are their slugs.
pub(super) fn kind<'a>(f: &mut Fields, catalog: &'a Catalog) -> Option<(&'a Category, &'a TaskType)> {
    let (category, task_type) = (f.text("category", SLUG_CHARS), f.text("task_type", SLUG_CHARS));
    let category = category?;
    let resolved = match task_type {
        Some(task_type) => catalog.resolve(&category, &task_type).map(Some),
        None => catalog.named(&category).map(|_| None),
    };
    resolved.unwrap_or_else(|unresolved| {
        let field = match &unresolved {
            Unresolved::Category { .. } => "category",
            Unresolved::TaskType { .. } => "task_type",
        };
        f.problem(field, unresolved.to_string());
        None
    })
}

/// The requirements as they were said, and what the buyer should know of them. What does not fit is a problem.
pub(super) fn requirements(
    f: &mut Fields,
    asked: Option<(&Category, &TaskType)>,
) -> (Map<String, Value>, Vec<FieldWarning>) {
    let requirements = f.object("requirements").unwrap_or_default();
    let reading = asked.map(|(_, task_type)| check(&task_type.input, &requirements)).unwrap_or_default();
    for Remark { field, message } in reading.problems {
        f.problem(&field, message);
    }
    let warnings =
        reading.warnings.into_iter().map(|Remark { field, message }| FieldWarning { field, message });
    (requirements, warnings.collect())
}
