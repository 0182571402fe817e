//! What may be asked for.

use serde::Serialize;
use utoipa::ToSchema;

/// All categories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CategoriesResponse {
    /// In the order of the catalogue.
    pub categories: Vec<CategoryView>,
}

/// A kind of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CategoryView {
    /// Its slug.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// The types within it.
    pub task_types: Vec<TaskTypeView>,
}

/// A type of task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TaskTypeView {
    /// Its slug.
    pub slug: String,
    /// Its name.
    pub name: String,
}
