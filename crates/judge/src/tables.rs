//! Tables wherever they stand: rows of markdown, code blocks and files of comma-separated values, elements of a page.

use crate::number;

/// Rows read from one table.
const ROWS_MAX: usize = 20_000;
/// Tags longer than this are read as text.
const TAG_BYTES_MAX: usize = 400;
/// Cells read from one row.
const CELLS_MAX: usize = 200;

/// A table with the names of its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    fn of(mut rows: Vec<Vec<String>>) -> Option<Self> {
        if rows.len() < 2 || rows[0].len() < 2 {
            return None;
        }
        let header = rows.remove(0);
        Some(Self { header, rows })
    }

    /// The column whose name is this one, or holds all its words.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        let wanted = normal(name);
        let same = self.header.iter().position(|cell| normal(cell) == wanted);
        same.or_else(|| self.header.iter().position(|cell| holds(&normal(cell), &wanted)))
    }

    /// The rows that have all of the keys, each in some cell.
    pub(crate) fn rows_of<'a>(&'a self, keys: &'a [String]) -> impl Iterator<Item = &'a Vec<String>> {
        self.rows.iter().filter(move |row| keys.iter().all(|key| row.iter().any(|cell| says(cell, key))))
    }
}

/// Whether a cell says a value: the same number, or the words of it.
pub(crate) fn says(cell: &str, value: &str) -> bool {
    match (number::exact(value), number::exact(cell)) {
        (Some(wanted), Some(found)) => {
            wanted == found || number::numbers(cell.trim()).iter().any(|n| n.is(wanted))
        }
        (Some(wanted), None) => number::numbers(cell).iter().any(|n| n.is(wanted)),
        (None, _) => holds(&normal(cell), &normal(value)),
    }
}

/// Lower-case words and numbers, one blank between them.
fn normal(text: &str) -> String {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether `words` stand in `text`, whole and in order.
fn holds(text: &str, words: &str) -> bool {
    !words.is_empty() && format!(" {text} ").contains(&format!(" {words} "))
}

/// The tables of a text: markdown, pages, and code blocks of comma-separated values.
pub(crate) fn in_text(source: &str) -> Vec<Table> {
    let mut found: Vec<Table> = Vec::new();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in source.lines().map(str::trim).chain([""]) {
        if line.starts_with('|') && line.len() > 1 {
            if rows.len() < ROWS_MAX && !is_rule(line) {
                rows.push(cells_of(line));
            }
        } else if !rows.is_empty() {
            found.extend(Table::of(std::mem::take(&mut rows)));
        }
    }
    found.extend(blocks(source).filter_map(csv));
    found
}

/// `|---|:-:|`
fn is_rule(line: &str) -> bool {
    line.contains('-') && line.chars().all(|c| matches!(c, '|' | '-' | ':' | ' ' | '\t'))
}

fn cells_of(line: &str) -> Vec<String> {
    let inner = line.trim_start_matches('|').trim_end_matches('|');
    inner.split('|').take(CELLS_MAX).map(|cell| cell.trim().to_owned()).collect()
}

/// The bodies of code blocks.
fn blocks(source: &str) -> impl Iterator<Item = &str> {
    source.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').map_or("", |(_, body)| body))
}

/// A table of comma-separated values; the separator is the one the first line has most of.
pub(crate) fn csv(body: &str) -> Option<Table> {
    let first = body.lines().find(|line| !line.trim().is_empty())?;
    let separator =
        [',', ';', '\t'].into_iter().max_by_key(|sign| (first.matches(*sign).count(), *sign == ','))?;
    Table::of(csv_rows(body, separator))
}

/// Rows that are not empty; quoted cells may hold separators, line ends and doubled quotes.
pub(crate) fn csv_rows(body: &str, separator: char) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = body.chars().chain(['\n']).peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                cell.push('"');
                chars.next();
            }
            '"' => quoted = !quoted,
            c if c == separator && !quoted => take(&mut row, &mut cell),
            '\n' if !quoted => {
                take(&mut row, &mut cell);
                let whole = std::mem::take(&mut row);
                if whole.iter().any(|cell| !cell.is_empty()) && rows.len() < ROWS_MAX {
                    rows.push(whole);
                }
            }
            c => cell.push(c),
        }
    }
    rows
}

fn take(row: &mut Vec<String>, cell: &mut String) {
    let whole = std::mem::take(cell);
    if row.len() < CELLS_MAX {
        row.push(whole.trim().to_owned());
    }
}

/// A page as text: cells and rows of tables as in markdown, headings marked, blocks on lines of their own.
pub(crate) fn page_as_text(page: &str) -> String {
    let (mut text, mut rest) = (String::with_capacity(page.len()), page);
    while let Some(open) = rest.find('<') {
        text.push_str(&rest[..open]);
        let after = &rest[open + 1..];
        let named = after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!'));
        let end = after.bytes().take(TAG_BYTES_MAX).position(|b| matches!(b, b'<' | b'>'));
        let Some(end) = end.filter(|end| named && after[*end..].starts_with('>')) else {
            text.push('<');
            rest = after;
            continue;
        };
        text.push_str(in_place_of(&after[..end]));
        rest = &after[end + 1..];
    }
    text.push_str(rest);
    text
}

fn in_place_of(tag: &str) -> &'static str {
    let lower: String =
        tag.chars().take_while(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect();
    match lower.as_str() {
        "h1" => "\n\n# ",
        "h2" => "\n\n## ",
        "h3" => "\n\n### ",
        "h4" | "h5" | "h6" => "\n\n#### ",
        "li" => "\n- ",
        "tr" => "\n| ",
        "/td" | "/th" => " | ",
        "/tr" => "",
        "/table" | "table" | "p" | "/p" | "/h1" | "/h2" | "/h3" | "/h4" | "/h5" | "/h6" | "/ul" | "/ol" => {
            "\n\n"
        }
        "br" | "br/" | "div" | "/div" | "section" | "/section" => "\n",
        _ => " ",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKDOWN: &str = "Text.\n\n| Region | Total (EUR) |\n|---|---:|\n| **North** | 1,240.50 |\n| South-West | 90 |\n\nMore.";

    #[test]
    fn markdown_csv_and_pages() {
        let keys = |key: &str| [key.to_owned()];
        let check = |table: &Table| {
            assert_eq!(table.column("total"), Some(1));
            assert_eq!(table.rows.len(), 2);
            assert!(says(&table.rows_of(&keys("north")).next().unwrap()[1], "1240.5"));
            assert_eq!(table.rows_of(&keys("West")).count(), 1);
            assert_eq!(table.rows_of(&keys("East")).count(), 0);
        };
        check(&in_text(MARKDOWN)[0]);
        check(&csv("Region,Total\nNorth,\"1,240.50\"\nSouth-West,90\n").unwrap());
        check(&csv("Region;Total\nNorth;1240,50\nSouth-West;90\n").unwrap());
        check(&in_text("```csv\nRegion,Total\nNorth,1240.50\nSouth West,90\n```")[0]);
        let page = "<table><tr><th>Region</th><th>Total</th></tr><tr><td>North</td><td>1,240.50</td></tr>\
                    <tr><td>South-West</td><td>90</td></tr></table>";
        check(&in_text(&page_as_text(page))[0]);
        assert!(in_text("no table | here").is_empty());
    }

    #[test]
    fn quoted_cells() {
        let table = csv("a,b\n\"x, \"\"y\"\"\nz\",2\n").unwrap();
        assert_eq!(table.rows, [["x, \"y\"\nz".to_owned(), "2".to_owned()]]);
    }
}
