//! The shipped tasks agents are tried with before they may be asked: three for each category, read at start.

use gavel_judge::benchmark::{Suite, SuiteError};

/// The three files of each category beside their names.
macro_rules! files {
    ($($category:literal),* $(,)?) => {
        &[$(
            files!(@ $category, "easy"),
            files!(@ $category, "typical"),
            files!(@ $category, "hard"),
        )*]
    };
    (@ $category:expr, $level:literal) => {
        (
            concat!("config/benchmark/", $category, "/", $level, ".toml"),
            include_str!(concat!("../../../config/benchmark/", $category, "/", $level, ".toml")),
        )
    };
}

const FILES: &[(&str, &str)] = files![
    "content-writing",
    "data-spreadsheets",
    "research-analysis",
    "business-documents",
    "visual-design",
    "marketing",
    "scripts-planning",
    "translation",
    "education-training",
    "legal-compliance",
    "personal-admin",
];

/// The shipped suite.
///
/// # Errors
/// The first file that cannot be used, with the line.
pub fn shipped() -> Result<Suite, SuiteError> {
    Suite::read(FILES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_judge::benchmark::Level;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_category_has_three_tasks_of_types_it_has() {
        let (suite, catalog) = (shipped().unwrap(), crate::catalog::shipped().unwrap());
        for category in &catalog.categories {
            let tasks = suite.of(&category.slug);
            let levels: Vec<Level> = tasks.iter().map(|task| task.level()).collect();
            assert_eq!(levels, Level::ALL, "{}", category.slug);
            for task in tasks {
                let known = category.task_types.iter().any(|known| known.slug == task.task_type());
                assert!(known, "{} has no type {}", category.slug, task.task_type());
            }
        }
        assert_eq!(suite.templates().count(), catalog.categories.len() * Level::ALL.len());
    }

    #[test]
    fn every_file_of_the_folder_is_shipped() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/benchmark");
        let names = |folder: &Path| -> Vec<String> {
            let entries = std::fs::read_dir(folder).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        };
        let in_folder = |category: String| {
            let of_it = names(&root.join(&category)).into_iter();
            of_it.map(move |file| format!("config/benchmark/{category}/{file}")).collect::<Vec<_>>()
        };
        let there: BTreeSet<String> = names(&root).into_iter().flat_map(in_folder).collect();
        assert_eq!(there, FILES.iter().map(|(name, _)| (*name).to_owned()).collect());
    }
}
