//! A task as it is written, and filled in.

use super::checks::{self, Entry};
use super::draw::{self, Draw};
use super::expression::Expression;
use super::fill::fill;
use super::flaw::Flaw;
use super::values::Values;
use super::{Instance, Level, Other, SuiteError, Template};
use crate::work::Work;
use gavel_domain::Ppm;
use gavel_domain::invitation::{Artifact, ArtifactKind};
use gavel_domain::task::Brief;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// So many instances are made when a file is read: what is wrong with it shows in one of them.
const TRIAL_SEEDS: u64 = 12;
/// Characters of a title.
const TITLE_CHARS: std::ops::RangeInclusive<usize> = 5..=200;
/// Characters of a description.
const DESCRIPTION_CHARS: std::ops::RangeInclusive<usize> = 20..=5_000;

/// A file of the suite.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    task_type: String,
    budget: String,
    title: String,
    description: String,
    user_first_name: Option<String>,
    #[serde(default)]
    draw: Vec<Draw>,
    /// What must hold of what is drawn.
    #[serde(default)]
    require: Vec<String>,
    #[serde(default)]
    requirements: Map<String, Value>,
    output_spec: Option<Value>,
    #[serde(default)]
    quality_rules: Map<String, Value>,
    checks: Vec<Entry>,
    good: Written,
    #[serde(default)]
    bad: BTreeMap<Flaw, Written>,
    /// Work of other hands, and what it is worth.
    #[serde(default)]
    others: Vec<WrittenOther>,
}

/// A work as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    full_text: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    artifacts: Vec<WrittenFile>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOther {
    name: String,
    /// Percent.
    at_least: u32,
    at_most: u32,
    work: Written,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFile {
    #[serde(rename = "type")]
    kind: String,
    filename: String,
    content: String,
}

/// Reads one file and tries it.
pub(super) fn read(name: &str, text: &str) -> Result<Template, SuiteError> {
    let refused = |line: usize, problem: String| SuiteError { file: name.to_owned(), line, problem };
    let (category, level) = place(name).ok_or_else(|| {
        refused(1, "the name must end with <category>/easy.toml, typical.toml or hard.toml".to_owned())
    })?;
    let file: File = toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(1, |span| line_at(text, span.start));
        refused(line, e.message().to_owned())
    })?;
    let key = format!("{category}/{}", level.name());
    let template = Template { key, category, level, file };
    for seed in 0..TRIAL_SEEDS {
        let (instance, mut problems) = template.file.instance(&template, seed);
        problems.extend(limits(&instance));
        if let Some(problem) = problems.into_iter().next() {
            return Err(refused(line_of(text, &problem), problem));
        }
    }
    Ok(template)
}

/// `anything/content-writing/easy.toml`
fn place(name: &str) -> Option<(String, Level)> {
    let (folder, file) = name.rsplit_once('/')?;
    let level = Level::ALL.into_iter().find(|level| file.strip_suffix(".toml") == Some(level.name()))?;
    Some((folder.rsplit('/').next()?.to_owned(), level))
}

fn limits(instance: &Instance) -> Option<String> {
    let (title, description) =
        (instance.brief.title.chars().count(), instance.brief.description.chars().count());
    let amount = instance.budget.parse::<f64>().is_ok_and(|amount| amount > 0.0);
    match () {
        () if !TITLE_CHARS.contains(&title) => {
            Some(format!("\"title\" has {title} characters, not {TITLE_CHARS:?}"))
        }
        () if !DESCRIPTION_CHARS.contains(&description) => {
            Some(format!("\"description\" has {description} characters, not {DESCRIPTION_CHARS:?}"))
        }
        () if !amount => Some(format!("\"budget\" is {:?}, not an amount", instance.budget)),
        () => None,
    }
}

fn line_at(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|b| *b == b'\n').count() + 1
}

/// The first line that holds what a problem quotes.
fn line_of(text: &str, problem: &str) -> usize {
    let quoted: Vec<&str> = problem.split('"').skip(1).step_by(2).filter(|part| !part.is_empty()).collect();
    let at = quoted.iter().find_map(|part| text.lines().position(|line| line.contains(part)));
    at.map_or(1, |at| at + 1)
}

impl File {
    pub(super) fn task_type(&self) -> &str {
        &self.task_type
    }

    /// The instance of a seed, and what makes no sense in it.
    pub(super) fn instance(&self, template: &Template, seed: u64) -> (Instance, Vec<String>) {
        let mut problems = Vec::new();
        let conditions = self.require.iter().filter_map(|text| {
            Expression::read(text).map_err(|problem| problems.push(format!("\"{text}\": {problem}"))).ok()
        });
        let conditions: Vec<Expression> = conditions.collect();
        let values = draw::values(&self.draw, &conditions, seed, &template.key);
        let text = |text: &str| fill(text, &values, None);
        let fields = |fields: &Map<String, Value>| match filled(&Value::Object(fields.clone()), &values) {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        let brief = Brief {
            title: text(&self.title),
            description: text(&self.description).trim().to_owned(),
            category: template.category.clone(),
            task_type: self.task_type.clone(),
            requirements: fields(&self.requirements),
            output_spec: self.output_spec.as_ref().map(|spec| filled(spec, &values)),
            quality_rules: fields(&self.quality_rules),
            user_first_name: self.user_first_name.as_deref().map(text),
            ..Brief::default()
        };
        let instance = Instance {
            key: template.key.clone(),
            seed,
            brief,
            budget: text(&self.budget),
            checks: checks::made(&self.checks, &values),
            good: self.good.work(&values),
            summary: text(&self.good.summary),
            others: self.others.iter().map(|other| other.made(&values)).collect(),
            bad: self.bad.iter().map(|(flaw, written)| (*flaw, written.work(&values))).collect(),
        };
        problems.extend(values.remarks());
        (instance, problems)
    }
}

impl WrittenOther {
    fn made(&self, values: &Values) -> Other {
        let percent = |percent: u32| Ppm::new(percent.saturating_mul(10_000));
        Other {
            name: self.name.clone(),
            at_least: percent(self.at_least),
            at_most: percent(self.at_most),
            work: self.work.work(values),
        }
    }
}

impl Written {
    fn work(&self, values: &Values) -> Work {
        let artifact = |file: &WrittenFile| {
            let kind = checks::file_kind(&file.kind).unwrap_or_else(|| {
                values.remark(format!("there is no file type {:?}", file.kind));
                ArtifactKind::Markdown
            });
            Artifact {
                kind,
                filename: fill(&file.filename, values, None),
                content: fill(&file.content, values, None),
            }
        };
        Work {
            full_text: fill(&self.full_text, values, None).trim().to_owned(),
            artifacts: self.artifacts.iter().map(artifact).collect(),
        }
    }
}

/// A value with all its texts filled in.
fn filled(value: &Value, values: &Values) -> Value {
    match value {
        Value::String(text) => Value::String(fill(text, values, None)),
        Value::Array(items) => items.iter().map(|item| filled(item, values)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (key.clone(), filled(value, values))).collect()
        }
        other => other.clone(),
    }
}
