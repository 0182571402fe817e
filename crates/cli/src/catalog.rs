//! The catalogue of categories and task types, read at start: the files that are shipped, or an operator's own folder in
//! the same form. `catalog.json` lists the categories; each has a folder with its `category.json`, which lists its task
//! types, and one file for each of them. Every mistake is told with its file and line.

mod files; // the files as texts: embedded, or of a folder
mod written; // the shapes of the files
mod field; // a field of a type as it is written
mod checked; // values that are checked while they are read
mod names; // slugs and aliases, over all files

use files::Files;
use gavel_domain::catalog::{Catalog, Category, TaskType};
use names::{Names, Use};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::path::Path;
use written::{CategoryFile, Index, TypeFile};

/// Why a catalogue cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// A mistake in a file.
    #[error("{file}:{line}: {problem}")]
    Wrong {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// What cannot be read at all.
    #[error("the catalogue {path} (catalog.folder) cannot be read: {problem}")]
    Unreadable {
        /// The folder or a file in it.
        path: String,
        /// Why not.
        problem: String,
    },
}

/// The shipped catalogue.
///
/// # Errors
/// Never for the shipped files; a test holds that.
pub fn shipped() -> Result<Catalog, CatalogError> {
    read(&Files::shipped())
}

/// The catalogue of a folder; the shipped one where none is named.
///
/// # Errors
/// The first mistake, with file and line.
pub fn load(folder: &str) -> Result<Catalog, CatalogError> {
    match folder {
        "" => shipped(),
        folder => read(&Files::of_folder(Path::new(folder))?),
    }
}

const INDEX: &str = "catalog.json";
const CATEGORY: &str = "category.json";

fn read(files: &Files) -> Result<Catalog, CatalogError> {
    let mut reader = Reader { files, read: BTreeSet::new(), names: Names::default() };
    let catalog = reader.catalog()?;
    reader.refuse_strays()?;
    reader.names.check(files)?;
    Ok(catalog)
}

/// What was read of the files so far.
struct Reader<'a> {
    files: &'a Files,
    read: BTreeSet<String>,
    names: Names,
}

impl Reader<'_> {
    fn catalog(&mut self) -> Result<Catalog, CatalogError> {
        let index: Index = self.parse(INDEX).unwrap_or_else(|| {
            let problem = format!("there is no {INDEX} in it, which lists the categories");
            Err(CatalogError::Unreadable { path: self.files.root().to_owned(), problem })
        })?;
        self.some_of(&index.categories, INDEX, "categories")?;
        let categories = index.categories.iter().map(|slug| self.category(slug));
        Ok(Catalog { categories: categories.collect::<Result<_, _>>()? })
    }

    fn category(&mut self, slug: &str) -> Result<Category, CatalogError> {
        let file = format!("{slug}/{CATEGORY}");
        let read: CategoryFile = self.named_in(INDEX, "categories", slug, &file)?;
        self.same_slug(&file, &read.slug, slug, "the folder's name")?;
        self.names.note(Use::Category, &read.slug, &read.aliases, &file);
        self.some_of(&read.task_types, &file, "task_types")?;
        let types = read.task_types.iter().map(|task_type| self.task_type(slug, task_type));
        let types = types.collect::<Result<_, _>>()?;
        Ok(read.with(types))
    }

    fn task_type(&mut self, category: &str, slug: &str) -> Result<TaskType, CatalogError> {
        let file = format!("{category}/{slug}.json");
        let read: TypeFile = self.named_in(&format!("{category}/{CATEGORY}"), "task_types", slug, &file)?;
        self.same_slug(&file, &read.slug, slug, "the file's name")?;
        self.names.note(Use::TaskType, &read.slug, &read.aliases, &file);
        let task_type = TaskType::from(read);
        match written::stray_price(&task_type) {
            Some((word, problem)) => Err(self.files.wrong(&file, "pricing_model", &word, problem)),
            None => Ok(task_type),
        }
    }

    /// A file that another one names.
    fn named_in<T: DeserializeOwned>(
        &mut self,
        list: &str,
        key: &str,
        slug: &str,
        file: &str,
    ) -> Result<T, CatalogError> {
        if self.read.contains(file) {
            return Err(self.files.wrong(list, key, slug, format!("{slug:?} is listed twice")));
        }
        let missing = || self.files.wrong(list, key, slug, format!("{slug:?} has no file {file}"));
        self.parse(file).unwrap_or_else(|| Err(missing()))
    }

    fn parse<T: DeserializeOwned>(&mut self, file: &str) -> Option<Result<T, CatalogError>> {
        let text = self.files.text(file)?;
        self.read.insert(file.to_owned());
        Some(serde_json::from_str(text).map_err(|e| self.files.at(file, e.line(), plain(&e))))
    }

    fn some_of(&self, list: &[String], file: &str, key: &str) -> Result<(), CatalogError> {
        match list.is_empty() {
            true => Err(self.files.wrong(file, key, key, format!("{key} must list at least one"))),
            false => Ok(()),
        }
    }

    fn same_slug(&self, file: &str, written: &str, expected: &str, of: &str) -> Result<(), CatalogError> {
        match written == expected {
            true => Ok(()),
            false => {
                let problem = format!("the slug {written:?} differs from {of}");
                Err(self.files.wrong(file, "slug", written, problem))
            }
        }
    }

    /// A file that no list names is a type that somebody misses.
    fn refuse_strays(&self) -> Result<(), CatalogError> {
        let Some(stray) = self.files.names().find(|name| !self.read.contains(*name)) else { return Ok(()) };
        let list = match stray.split_once('/') {
            Some((category, _)) if self.read.contains(&format!("{category}/{CATEGORY}")) => {
                format!("{category}/{CATEGORY}")
            }
            _ => INDEX.to_owned(),
        };
        Err(self.files.at(stray, 1, format!("it is not listed in {list}")))
    }
}

/// The complaint without the place, which is told apart.
fn plain(error: &serde_json::Error) -> String {
    let told = error.to_string();
    told.rsplit_once(" at line ").map_or(told.clone(), |(problem, _)| problem.to_owned())
}

#[cfg(test)]
mod tests;
