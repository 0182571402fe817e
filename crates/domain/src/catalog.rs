//! Categories and task types, read from files by the binary.

/// The catalogue of what may be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalog {
    /// In the order of the files.
    pub categories: Vec<Category>,
}

/// A kind of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// Its slug.
    pub slug: String,
    /// Its name as shown.
    pub name: String,
    /// The types within it.
    pub task_types: Vec<TaskType>,
}

/// A type of task within a category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskType {
    /// Its slug.
    pub slug: String,
    /// Its name as shown.
    pub name: String,
}

impl Catalog {
    /// A category by slug.
    pub fn category(&self, slug: &str) -> Option<&Category> {
        self.categories.iter().find(|c| c.slug == slug)
    }

    /// The category a task type belongs to.
    pub fn category_of(&self, task_type: &str) -> Option<&Category> {
        self.categories.iter().find(|c| c.has_type(task_type))
    }
}

impl Category {
    /// Whether a type belongs to it.
    pub fn has_type(&self, slug: &str) -> bool {
        self.task_types.iter().any(|t| t.slug == slug)
    }
}
