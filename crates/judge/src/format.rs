//! Whether a work has a form: told from the text itself, from a code block in it, or from a file beside it.

use crate::checklist::{TextFormat, share};
use crate::text::{Role, Text};
use crate::work::Work;
use gavel_domain::Ppm;
use gavel_domain::invitation::{Artifact, ArtifactKind};

/// How well a work fits a format.
pub(crate) fn fits(work: &Work, text: &Text<'_>, format: TextFormat) -> Ppm {
    let of_kind = |kind| work.artifacts.iter().filter(move |artifact| artifact.kind == kind);
    match format {
        TextFormat::Markdown => yes(of_kind(ArtifactKind::Markdown).next().is_some() || has_markdown(text)),
        TextFormat::Html => yes(of_kind(ArtifactKind::Html).next().is_some() || has_elements(text.source)),
        TextFormat::Json => yes(bodies(text).chain(of_kind(ArtifactKind::Json).map(content)).any(is_json)),
        TextFormat::Csv => best(bodies(text).chain(of_kind(ArtifactKind::Csv).map(content)).map(rectangular)),
        TextFormat::Table => yes(text.count(Role::Row) >= 3
            || text.source.contains("<table")
            || of_kind(ArtifactKind::Csv).next().is_some()),
        TextFormat::List => share(text.distinct_items().min(3), 3),
        TextFormat::Plain => yes(!has_markdown(text) && !has_elements(text.source)),
    }
}

/// Whether a file is what its kind says.
pub(crate) fn is_sound(artifact: &Artifact) -> bool {
    match artifact.kind {
        ArtifactKind::Json => is_json(&artifact.content),
        ArtifactKind::Csv => rectangular(&artifact.content) == Ppm::ONE,
        ArtifactKind::Html => has_elements(&artifact.content),
        ArtifactKind::Markdown => !artifact.content.trim().is_empty(),
    }
}

/// The JSON documents of a work: its text, code blocks in it, files.
pub(crate) fn documents(work: &Work, text: &Text<'_>) -> Vec<serde_json::Value> {
    let files = work.artifacts.iter().filter(|artifact| artifact.kind == ArtifactKind::Json).map(content);
    let all = bodies(text).chain(files).filter(|body| body.trim_start().starts_with(['{', '[']));
    all.filter_map(|body| serde_json::from_str(body).ok()).collect()
}

fn content(artifact: &Artifact) -> &str {
    &artifact.content
}

fn yes(fits: bool) -> Ppm {
    if fits { Ppm::ONE } else { Ppm::ZERO }
}

fn best(values: impl Iterator<Item = Ppm>) -> Ppm {
    values.max().unwrap_or(Ppm::ZERO)
}

/// The whole text and every code block in it.
fn bodies<'a>(text: &Text<'a>) -> impl Iterator<Item = &'a str> {
    let source = text.source;
    let fences: Vec<_> =
        text.lines.iter().filter(|line| line.role == Role::Fence).map(|line| line.span.clone()).collect();
    let blocks: Vec<_> =
        fences.chunks(2).filter_map(|pair| Some(pair.first()?.end..pair.get(1)?.start)).collect();
    std::iter::once(source.trim()).chain(blocks.into_iter().map(move |span| source[span].trim()))
}

fn has_markdown(text: &Text<'_>) -> bool {
    let marked = |role| text.count(role) > 0;
    let headed = text.lines.iter().any(|l| l.role == Role::Heading && !text.of(l).starts_with('<'));
    headed || marked(Role::Fence) || marked(Role::Row) || marked(Role::Item) || text.source.contains("**")
}

/// At least two closing tags: one may be an accident.
fn has_elements(source: &str) -> bool {
    source
        .match_indices("</")
        .filter(|(at, _)| source.as_bytes().get(at + 2).is_some_and(u8::is_ascii_alphabetic))
        .nth(1)
        .is_some()
}

fn is_json(body: &str) -> bool {
    // A lone number or word is JSON too, but nobody asks for that.
    body.trim_start().starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok()
}

/// The share of rows that have as many cells as the first, where there are two columns and two rows at least.
fn rectangular(body: &str) -> Ppm {
    let mut rows = cells_per_row(body).into_iter();
    let (Some(first), rest) = (rows.next(), rows.collect::<Vec<_>>()) else { return Ppm::ZERO };
    if first < 2 || rest.is_empty() {
        return Ppm::ZERO;
    }
    share(rest.iter().filter(|cells| **cells == first).count(), rest.len())
}

/// Cells of each row that is not empty; quoted cells may hold commas and line ends.
fn cells_per_row(body: &str) -> Vec<usize> {
    let (mut rows, mut cells, mut quoted, mut written) = (Vec::new(), 1, false, false);
    for byte in body.bytes().chain([b'\n']) {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => cells += 1,
            b'\n' if !quoted => {
                if written {
                    rows.push(cells);
                }
                (cells, written) = (1, false);
                continue;
            }
            _ => {}
        }
        written |= !byte.is_ascii_whitespace();
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let check = |text: &str, format, expected: u32| {
            let work = Work { full_text: text.into(), artifacts: vec![] };
            assert_eq!(fits(&work, &Text::read(text), format), Ppm::new(expected), "{format:?} {text:?}");
        };
        check("# Title\ntext", TextFormat::Markdown, 1_000_000);
        check("just text", TextFormat::Markdown, 0);
        check("just text", TextFormat::Plain, 1_000_000);
        check("- item", TextFormat::Plain, 0);
        check("{\"a\": [1]}", TextFormat::Json, 1_000_000);
        check("Here:\n```json\n{\"a\": 1}\n```\n", TextFormat::Json, 1_000_000);
        check("{\"a\": 1", TextFormat::Json, 0);
        check("a,b\n1,2\n3,4", TextFormat::Csv, 1_000_000);
        check("a,b\n\"1,5\",2\n3", TextFormat::Csv, 500_000);
        check("no commas here", TextFormat::Csv, 0);
        check("| a |\n| - |\n| 1 |", TextFormat::Table, 1_000_000);
        check("1. a\n2. b", TextFormat::List, 666_666);
        check("<p>a</p><p>b</p>", TextFormat::Html, 1_000_000);
        check("a < b </", TextFormat::Html, 0);
    }

    #[test]
    fn files() {
        let check = |kind, content: &str, sound| {
            let artifact = Artifact { kind, filename: "f".into(), content: content.into() };
            assert_eq!(is_sound(&artifact), sound, "{kind:?} {content:?}");
        };
        check(ArtifactKind::Json, "[1]", true);
        check(ArtifactKind::Json, "[1", false);
        check(ArtifactKind::Json, &"[".repeat(10_000), false);
        check(ArtifactKind::Csv, "a,b\n1,2\n", true);
        check(ArtifactKind::Csv, "a,b\n1\n", false);
        check(ArtifactKind::Markdown, " ", false);
    }
}
