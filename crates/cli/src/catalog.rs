//! The shipped catalogue of categories and task types: one file per category, read at start.

use gavel_domain::catalog::{Catalog, Category, TaskType};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Each file beside its name.
macro_rules! files {
    ($($slug:literal),* $(,)?) => {
        &[$((
            concat!("config/catalog/", $slug, ".json"),
            include_str!(concat!("../../../config/catalog/", $slug, ".json")),
        )),*]
    };
}

/// The files, in the order in which categories are listed.
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

/// A file of the catalogue that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct CatalogError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CategoryFile {
    slug: String,
    name: String,
    task_types: Vec<TypeEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypeEntry {
    slug: String,
    name: String,
}

/// The shipped catalogue.
///
/// # Errors
/// The first file that cannot be used, with the line.
pub fn shipped() -> Result<Catalog, CatalogError> {
    read(FILES)
}

fn read(files: &[(&str, &str)]) -> Result<Catalog, CatalogError> {
    let mut seen = BTreeSet::new();
    let categories = files.iter().map(|(file, text)| read_one(file, text, &mut seen));
    Ok(Catalog { categories: categories.collect::<Result<_, _>>()? })
}

/// One category; `seen` holds every slug so far, because a slug names one thing in the whole catalogue.
fn read_one(file: &str, text: &str, seen: &mut BTreeSet<String>) -> Result<Category, CatalogError> {
    let broken = |line, problem: String| CatalogError { file: file.to_owned(), line, problem };
    let read: CategoryFile = serde_json::from_str(text).map_err(|e| broken(e.line(), e.to_string()))?;
    let stem = file.rsplit('/').next().and_then(|name| name.strip_suffix(".json")).unwrap_or(file);
    if read.slug != stem {
        let problem = format!("the slug {:?} differs from the file's name", read.slug);
        return Err(broken(line_of(text, &read.slug), problem));
    }
    if read.task_types.is_empty() {
        return Err(broken(
            line_of(text, "task_types"),
            "a category needs at least one task type".to_owned(),
        ));
    }
    let names = read.task_types.iter().map(|t| (&t.slug, &t.name));
    for (slug, name) in [(&read.slug, &read.name)].into_iter().chain(names) {
        check(slug, name, seen).map_err(|problem| broken(line_of(text, slug), problem))?;
    }
    let types = read.task_types.into_iter().map(|t| TaskType { slug: t.slug, name: t.name });
    Ok(Category { slug: read.slug, name: read.name, task_types: types.collect() })
}

fn check(slug: &str, name: &str, seen: &mut BTreeSet<String>) -> Result<(), String> {
    let spelled = slug
        .split('-')
        .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    if !spelled {
        return Err(format!("the slug {slug:?} must be lowercase words joined by single hyphens"));
    }
    if name.trim().is_empty() {
        return Err(format!("{slug:?} has no name"));
    }
    if !seen.insert(slug.to_owned()) {
        return Err(format!("the slug {slug:?} is used twice"));
    }
    Ok(())
}

/// The last line that says `word`: where a name is used twice, the second use is the mistake.
fn line_of(text: &str, word: &str) -> usize {
    let quoted = format!("\"{word}\"");
    text.lines()
        .enumerate()
        .filter(|(_, line)| line.contains(&quoted))
        .map(|(at, _)| at + 1)
        .last()
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_catalogue_is_whole() {
        let catalog = shipped().unwrap();
        assert_eq!(catalog.categories.len(), 11);
        assert_eq!(catalog.category_of("blog-post").unwrap().slug, "content-writing");
        assert!(catalog.categories.iter().all(|c| !c.task_types.is_empty()));
    }

    #[test]
    fn every_file_of_the_folder_is_shipped() {
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/catalog")).unwrap();
        assert_eq!(folder.count(), FILES.len());
    }

    #[test]
    fn mistakes_are_told_with_file_and_line() {
        let check = |text: &str, line: usize, word: &str| {
            let error = read(&[("config/catalog/a.json", text)]).unwrap_err();
            assert_eq!((error.line, error.file.as_str()), (line, "config/catalog/a.json"), "{error}");
            assert!(error.problem.contains(word), "{error}");
        };
        let file =
            |types: &str| format!("{{\n\"slug\": \"a\",\n\"name\": \"A\",\n\"task_types\": [{types}]\n}}");
        check("{\n\"slug\": \"a\",\n}", 3, "trailing comma");
        check("{\n\"slug\": \"a\",\n\"nmae\": \"A\"}", 3, "nmae");
        check(&file(""), 4, "at least one");
        check(&file("\n{\"slug\": \"B_c\", \"name\": \"B\"}"), 5, "lowercase");
        check(&file("\n{\"slug\": \"b\", \"name\": \" \"}"), 5, "no name");
        check(&file("\n{\"slug\": \"b\", \"name\": \"B\"},\n{\"slug\": \"b\", \"name\": \"B\"}"), 6, "twice");
        check("{\n\"slug\": \"b\",\n\"name\": \"B\",\n\"task_types\": []\n}", 2, "file's name");
    }
}
