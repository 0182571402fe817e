//! Placeholders in texts: `{name}`, `{amount:,.2}`, and lines from `{for sales}` to `{end}`, once for each row.
//!
//! Whatever else stands in braces is left as it is: JSON and styles need no escapes.

use super::expression::Expression;
use super::values::{Row, Value, Values};

/// Fills a text in.
pub(super) fn fill(text: &str, values: &Values, row: Option<&Row>) -> String {
    if !text.contains("{for ") {
        return filled(text, values, row);
    }
    let (mut out, mut lines) = (String::with_capacity(text.len()), text.split_inclusive('\n'));
    while let Some(line) = lines.next() {
        let Some(head) = line.trim().strip_prefix("{for ").and_then(|rest| rest.strip_suffix('}')) else {
            out.push_str(&filled(line, values, row));
            continue;
        };
        let body: Vec<&str> = lines.by_ref().take_while(|line| line.trim() != "{end}").collect();
        match rows(head, values) {
            Ok(rows) => {
                let each =
                    rows.iter().flat_map(|row| body.iter().map(|line| filled(line, values, Some(row))));
                each.for_each(|line| out.push_str(&line));
            }
            Err(problem) => values.remark(format!("{{for {head}}}: {problem}")),
        }
    }
    out
}

/// `sales`, `sales if units > 3`, `sales by -units`: rows that are wanted, in order.
fn rows<'v>(head: &str, values: &'v Values) -> Result<Vec<&'v Row>, String> {
    let (head, by) = head.split_once(" by ").map_or((head, None), |(head, by)| (head, Some(by)));
    let (table, condition) = head.split_once(" if ").map_or((head, None), |(table, is)| (table, Some(is)));
    let all = values.table(table.trim()).ok_or_else(|| format!("there is no table {table:?}"))?;
    let mut rows = chosen(all, condition, values)?;
    if let Some(by) = by {
        let key = Expression::read(by)?;
        rows.sort_by_key(|row| match key.value(values, Some(row)) {
            Value::Int(number) => (number, String::new()),
            Value::Text(text) => (0, text),
        });
    }
    Ok(rows)
}

/// The rows of a table for which a condition holds.
pub(super) fn chosen<'v>(
    all: &'v [Row],
    condition: Option<&str>,
    values: &Values,
) -> Result<Vec<&'v Row>, String> {
    let condition = condition.map(Expression::read).transpose()?;
    Ok(all.iter().filter(|row| condition.as_ref().is_none_or(|is| is.is_true(values, Some(row)))).collect())
}

fn filled(text: &str, values: &Values, row: Option<&Row>) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        let inside = rest[open + 1..].split_once('}').filter(|(inside, _)| is_placeholder(inside));
        let Some((inside, after)) = inside else {
            out.push('{');
            rest = &rest[open + 1..];
            continue;
        };
        let (name, form) = inside.split_once(':').unwrap_or((inside, ""));
        out.push_str(&formed(&values.get(name, row), form, values));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A name, and after a colon signs of form without blanks.
fn is_placeholder(inside: &str) -> bool {
    let (name, form) = inside.split_once(':').map_or((inside, None), |(name, form)| (name, Some(form)));
    let named = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.'));
    named && form.is_none_or(|form| !form.is_empty() && form.chars().all(|c| ",.^0123456789".contains(c)))
}

/// `,` groups thousands, `.2` puts a point before the last two digits, `^` begins with a capital, `03` fills up with
/// zeros.
fn formed(value: &Value, form: &str, values: &Values) -> String {
    match value {
        Value::Text(text) if form == "^" => capital(text),
        Value::Text(text) => {
            if !form.is_empty() {
                values.remark(format!("{text:?} cannot be written as a number {form:?}"));
            }
            text.clone()
        }
        Value::Int(number) => number_as(*number, form),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn number_as(number: i64, form: &str) -> String {
    let (whole_form, decimals) = form.split_once('.').unwrap_or((form, "0"));
    let decimals: usize = decimals.parse().unwrap_or(0).min(9);
    let width: usize = whole_form.strip_prefix('0').and_then(|width| width.parse().ok()).unwrap_or(0);
    let digits = format!("{:0>1$}", number.unsigned_abs(), decimals + width.max(1));
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let whole = if whole_form.contains(',') { grouped(whole) } else { whole.to_owned() };
    let sign = if number < 0 { "-" } else { "" };
    if decimals == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn grouped(digits: &str) -> String {
    let (mut out, mut at) = (digits.to_owned(), digits.len());
    while at > 3 {
        at -= 3;
        out.insert(at, ',');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Values {
        let mut values = Values::default();
        values.set("fee", Value::Int(123_456));
        values.set("owed", Value::Int(-5));
        values.set("town", Value::Text("ash hill".into()));
        let row = |name: &str, units: i64| {
            Row::from([
                ("name".to_owned(), Value::Text(name.into())),
                ("units".to_owned(), Value::Int(units)),
            ])
        };
        values.set_table("sales", vec![row("Ann", 10), row("Bo", 7)]);
        values
    }

    #[test]
    fn texts() {
        let values = shop();
        let check = |text: &str, expected: &str| assert_eq!(fill(text, &values, None), expected, "{text}");
        check(
            "{fee} {fee:,} {fee:.2} {fee:,.2} {owed:.2} {owed}",
            "123456 123,456 1234.56 1,234.56 -0.05 -5",
        );
        check("{town:^} of {sales}", "Ash hill of Ann and Bo");
        check("{fee:09}", "000123456");
        check("a {color: red} {\"a\": {}} { fee } {Fee} {", "a {color: red} {\"a\": {}} { fee } {Fee} {");
        check(
            "Rows:\n{for sales by units}\n- {name}: {sales.units}\n{end}\nEnd",
            "Rows:\n- Bo: 7\n- Ann: 10\nEnd",
        );
        check("{for sales if units > 7}\n{name}\n{end}\n", "Ann\n");
        check("{for sales by -units}\n{name}\n{end}", "Ann\nBo\n");
        assert!(values.remarks().is_empty(), "{:?}", values.remarks());
    }

    #[test]
    fn mistakes_are_remarked() {
        let remarked = |text: &str, word: &str| {
            let values = shop();
            fill(text, &values, None);
            assert!(
                values.remarks().iter().any(|remark| remark.contains(word)),
                "{text}: {:?}",
                values.remarks()
            );
        };
        remarked("{nobody}", "nobody");
        remarked("{for rows}\n{end}", "rows");
        remarked("{town:,}", "as a number");
        remarked("{for sales if}\n{end}", "sales if");
    }
}
