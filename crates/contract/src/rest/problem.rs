//! What every error looks like (RFC 9457).

use serde::Serialize;
use utoipa::ToSchema;

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Names the kind of problem; the last part is `code`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words, always the same.
    pub title: String,
    /// The HTTP status again.
    pub status: u16,
    /// Stable; for programs.
    pub code: String,
    /// One sentence a person can act on.
    pub detail: String,
    /// What is wrong with which field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Its path, such as `attachments[1].url`.
    pub field: String,
    /// What to change.
    pub message: String,
    /// Stable; for programs. Absent where the message says it all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// What a buyer should know of one field, and may leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldWarning {
    /// Its path, such as `requirements.tone`.
    pub field: String,
    /// What there is to know.
    pub message: String,
}

impl FieldError {
    /// A problem without a code of its own.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        FieldError { field: field.into(), message: message.into(), code: None }
    }
}
