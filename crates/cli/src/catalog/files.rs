//! The files of a catalogue as texts.

use super::CatalogError;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// More than any catalogue has; a folder with more of them is another folder.
const FILES_MAX: usize = 5_000;
/// A task type takes one or two KiB.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// Texts by their path within the catalogue.
pub(super) struct Files {
    root: String,
    texts: BTreeMap<String, Cow<'static, str>>,
}

/// Each file beside its path.
macro_rules! shipped {
    ($($category:literal: $($task_type:literal)*),* $(,)?) => {
        &[
            ("catalog.json", include_str!("../../../../config/catalog/catalog.json")),
            $(
                shipped!(@ $category, "category"),
                $(shipped!(@ $category, $task_type),)*
            )*
        ]
    };
    (@ $folder:expr, $name:literal) => {
        (
            concat!($folder, "/", $name, ".json"),
            include_str!(concat!("../../../../config/catalog/", $folder, "/", $name, ".json")),
        )
    };
}

/// The shipped files; in which order they are listed they say themselves.
const SHIPPED: &[(&str, &str)] = shipped![
    "content-writing": "blog-post" "email-sequence" "ad-copy" "press-release" "newsletter-content"
        "product-description" "case-study" "social-media-posts" "web-page-copy" "speech-writing",
    "data-spreadsheets": "spreadsheet-creation" "data-analysis-summary" "comparison-table"
        "data-cleaning" "data-extraction" "financial-model" "dashboard-design",
    "research-analysis": "market-research" "competitor-analysis" "trend-analysis"
        "literature-review" "survey-analysis" "swot-analysis" "fact-check-report" "industry-report",
    "business-documents": "business-proposal" "presentation-deck" "policy-document" "business-plan"
        "meeting-minutes" "executive-summary" "standard-operating-procedure" "project-plan"
        "job-description",
    "visual-design": "logo-design" "infographic-design" "brand-kit" "social-media-graphic"
        "banner-ad" "flyer-design" "poster-design" "business-card" "icon-set" "web-mockup"
        "email-template-design",
    "marketing": "seo-audit" "ad-campaign-strategy" "landing-page-copy" "marketing-plan"
        "keyword-research" "social-media-strategy" "buyer-persona" "email-campaign-plan",
    "scripts-planning": "video-script" "content-calendar" "podcast-script" "event-plan",
    "translation": "document-translation" "website-localisation" "subtitle-translation"
        "translation-review",
    "education-training": "course-outline" "quiz-assessment" "tutorial-writing" "lesson-plan"
        "training-manual",
    "legal-compliance": "privacy-policy" "terms-of-service" "nda-template" "compliance-checklist",
    "personal-admin": "cover-letter" "travel-itinerary" "proofreading-editing" "resume-writing"
        "meal-plan",
];

impl Files {
    /// What is in the binary.
    pub(super) fn shipped() -> Files {
        Files::of("config/catalog", SHIPPED.iter().map(|(path, text)| (*path, Cow::Borrowed(*text))))
    }

    /// Some texts.
    pub(super) fn of<'a>(root: &str, texts: impl IntoIterator<Item = (&'a str, Cow<'static, str>)>) -> Files {
        let texts = texts.into_iter().map(|(path, text)| (path.to_owned(), text));
        Files { root: root.to_owned(), texts: texts.collect() }
    }

    /// The JSON files of a folder and of the folders in it. What begins with a dot, or is no JSON, is not ours.
    pub(super) fn of_folder(folder: &Path) -> Result<Files, CatalogError> {
        let mut texts = BTreeMap::new();
        for name in names_in(folder)? {
            let path = folder.join(&name);
            if path.is_dir() {
                for inner in names_in(&path)?.into_iter().filter(|inner| is_json(inner)) {
                    let text = read(&path.join(&inner))?;
                    texts.insert(format!("{name}/{inner}"), Cow::Owned(text));
                }
            } else if is_json(&name) {
                texts.insert(name, Cow::Owned(read(&path)?));
            }
            if texts.len() > FILES_MAX {
                return Err(unreadable(folder, format!("it has more than {FILES_MAX} files")));
            }
        }
        Ok(Files { root: folder.display().to_string().trim_end_matches('/').to_owned(), texts })
    }

    pub(super) fn root(&self) -> &str {
        &self.root
    }

    pub(super) fn text(&self, file: &str) -> Option<&str> {
        self.texts.get(file).map(AsRef::as_ref)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().map(String::as_str)
    }

    /// A mistake at a line.
    pub(super) fn at(&self, file: &str, line: usize, problem: String) -> CatalogError {
        CatalogError::Wrong { file: format!("{}/{file}", self.root), line: line.max(1), problem }
    }

    /// A mistake where a word stands under a key.
    pub(super) fn wrong(&self, file: &str, key: &str, word: &str, problem: String) -> CatalogError {
        let line = self.text(file).map_or(1, |text| line_of(text, key, word));
        self.at(file, line, problem)
    }
}

/// The last line that says `word` within what a key holds: of a word that stands there twice the second is the mistake.
fn line_of(text: &str, key: &str, word: &str) -> usize {
    let (key, word) = (format!("\"{key}\":"), serde_json::json!(word).to_string());
    let start = text.find(&key).map_or(0, |start| start + key.len());
    let rest = text.get(start..).unwrap_or_default();
    let held = rest.get(..end_of_value(rest)).unwrap_or(rest);
    let place = start + held.rfind(&word).unwrap_or(0);
    text.bytes().take(place).filter(|b| *b == b'\n').count() + 1
}

/// Where the JSON value ends that a text begins with.
fn end_of_value(text: &str) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth > 1 => depth -= 1,
            b']' | b'}' => return at,
            b',' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

fn is_json(name: &str) -> bool {
    name.ends_with(".json")
}

/// In the order of the alphabet.
fn names_in(folder: &Path) -> Result<Vec<String>, CatalogError> {
    let entries = fs::read_dir(folder).map_err(|e| unreadable(folder, e))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(|e| unreadable(folder, e))?.file_name();
        names.extend(name.to_str().filter(|name| !name.starts_with('.')).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn read(path: &Path) -> Result<String, CatalogError> {
    let size = fs::metadata(path).map_err(|e| unreadable(path, e))?.len();
    if size > FILE_BYTES_MAX {
        return Err(unreadable(path, format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    fs::read_to_string(path).map_err(|e| unreadable(path, e))
}

fn unreadable(path: &Path, problem: impl ToString) -> CatalogError {
    CatalogError::Unreadable { path: path.display().to_string(), problem: problem.to_string() }
}
