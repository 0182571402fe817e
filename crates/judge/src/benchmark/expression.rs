//! The small language of values: whole numbers and texts, names, arithmetic, and functions over the rows of a table.
//!
//! An expression never fails when it is worked out: what makes no sense (a division by nothing, a text in a sum) gives
//! nothing and a remark, and a suite with remarks is refused when it is read.

use super::values::{Row, Value, Values};

/// How deep brackets may go.
const DEPTH_MAX: usize = 50;

/// An expression that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    Just(Value),
    Name(String),
    Minus(Box<Expression>),
    Two(&'static str, Box<(Expression, Expression)>),
    Call(String, Vec<Expression>),
}

/// The signs, those that bind least first.
const SIGNS: [&[&str]; 6] =
    [&["or"], &["and"], &["!=", "<=", ">=", "=", "<", ">"], &["&"], &["+", "-"], &["*", "/", "%"]];

impl Expression {
    /// Reads an expression, whole.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut reader = Reader { text, at: 0, depth: 0 };
        let read = reader.level(0)?;
        reader.skip_blanks();
        if reader.at < text.len() {
            return Err(format!("`{}` is not understood", &text[reader.at..]));
        }
        Ok(read)
    }

    /// The value, with the row at hand, if there is one.
    pub(super) fn value(&self, values: &Values, row: Option<&Row>) -> Value {
        match self {
            Expression::Just(value) => value.clone(),
            Expression::Name(name) => values.get(name, row),
            Expression::Minus(inner) => Value::Int(0i64.saturating_sub(inner.number(values, row))),
            Expression::Two(sign, sides) => two(sign, &sides.0, &sides.1, values, row),
            Expression::Call(function, arguments) => call(function, arguments, values, row),
        }
    }

    pub(super) fn is_true(&self, values: &Values, row: Option<&Row>) -> bool {
        self.value(values, row) != Value::Int(0)
    }

    fn number(&self, values: &Values, row: Option<&Row>) -> i64 {
        match self.value(values, row) {
            Value::Int(number) => number,
            Value::Text(text) => {
                values.remark(format!("{text:?} is no number"));
                0
            }
        }
    }
}

fn two(sign: &str, left: &Expression, right: &Expression, values: &Values, row: Option<&Row>) -> Value {
    let numbers = || (left.number(values, row), right.number(values, row));
    let truth = |is: bool| Value::Int(i64::from(is));
    match sign {
        "or" => truth(left.is_true(values, row) || right.is_true(values, row)),
        "and" => truth(left.is_true(values, row) && right.is_true(values, row)),
        "=" => truth(left.value(values, row) == right.value(values, row)),
        "!=" => truth(left.value(values, row) != right.value(values, row)),
        "&" => Value::Text(format!("{}{}", left.value(values, row), right.value(values, row))),
        "<" => truth(numbers().0 < numbers().1),
        ">" => truth(numbers().0 > numbers().1),
        "<=" => truth(numbers().0 <= numbers().1),
        ">=" => truth(numbers().0 >= numbers().1),
        arithmetic => Value::Int(calculate(arithmetic, numbers(), values)),
    }
}

fn calculate(sign: &str, (a, b): (i64, i64), values: &Values) -> i64 {
    let result = match sign {
        "+" => a.checked_add(b),
        "-" => a.checked_sub(b),
        "*" => a.checked_mul(b),
        "/" => a.checked_div_euclid(b),
        _ => a.checked_rem_euclid(b),
    };
    result.unwrap_or_else(|| {
        values.remark(format!("{a} {sign} {b} is no number"));
        0
    })
}

/// Half up; `b` is above nothing.
fn rounded(a: i64, b: i64, values: &Values) -> i64 {
    calculate("/", (a.saturating_mul(2).saturating_add(b), b.saturating_mul(2)), values)
}

fn call(function: &str, arguments: &[Expression], values: &Values, row: Option<&Row>) -> Value {
    let number = |i: usize| arguments.get(i).map_or(0, |argument| argument.number(values, row));
    match (function, arguments.len()) {
        ("round", 2) => Value::Int(rounded(number(0), number(1), values)),
        ("percent", 2) => Value::Int(rounded(number(0).saturating_mul(100), number(1), values)),
        ("abs", 1) => Value::Int(number(0).saturating_abs()),
        ("lesser", 2) => Value::Int(number(0).min(number(1))),
        ("greater", 2) => Value::Int(number(0).max(number(1))),
        ("if", 3) => arguments[if arguments[0].is_true(values, row) { 1 } else { 2 }].value(values, row),
        (_, 0) => unknown(function, values),
        _ => over_rows(function, arguments, values, row),
    }
}

fn unknown(function: &str, values: &Values) -> Value {
    values.remark(format!("there is no function {function:?} with these arguments"));
    Value::Int(0)
}

/// `sum(table, what, condition)` and its like; the condition may be left out. What the rows do not have is looked up
/// in the row at hand.
fn over_rows(function: &str, arguments: &[Expression], values: &Values, outer: Option<&Row>) -> Value {
    let table = match &arguments[0] {
        Expression::Name(name) => values.table(name),
        _ => None,
    };
    let Some(table) = table else { return unknown(function, values) };
    let takes = match function {
        "count" => 1,
        "best" | "worst" => 3,
        _ => 2,
    };
    if arguments.len() < takes || arguments.len() > takes + 1 {
        return unknown(function, values);
    }
    let condition = arguments.get(takes);
    let table: Vec<Row> = table.iter().map(|row| within(row, outer)).collect();
    let rows: Vec<&Row> =
        table.iter().filter(|row| condition.is_none_or(|is| is.is_true(values, Some(row)))).collect();
    if rows.is_empty() && !matches!(function, "count" | "sum") {
        values.remark(format!("{function} over no rows"));
        return Value::Int(0);
    }
    let numbers = || rows.iter().map(|row| arguments[1].number(values, Some(row)));
    let total = || numbers().fold(0i64, i64::saturating_add);
    let key = |row: &&&Row| arguments[1].number(values, Some(row));
    let of = |row: Option<&&Row>, what: usize| {
        row.map_or(Value::Int(0), |row| arguments[what].value(values, Some(row)))
    };
    match function {
        "count" => Value::Int(i64::try_from(rows.len()).unwrap_or(0)),
        "sum" => Value::Int(total()),
        "mean" => Value::Int(rounded(total(), i64::try_from(rows.len()).unwrap_or(1), values)),
        "min" => Value::Int(numbers().min().unwrap_or(0)),
        "max" => Value::Int(numbers().max().unwrap_or(0)),
        "first" => of(rows.first(), 1),
        "last" => of(rows.last(), 1),
        "best" => of(rows.iter().max_by_key(key), 2),
        "worst" => of(rows.iter().min_by_key(key), 2),
        _ => unknown(function, values),
    }
}

/// A row with what only the outer one has.
fn within(row: &Row, outer: Option<&Row>) -> Row {
    let mut all = outer.cloned().unwrap_or_default();
    all.extend(row.iter().map(|(column, value)| (column.clone(), value.clone())));
    all
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn level(&mut self, level: usize) -> Result<Expression, String> {
        let Some(signs) = SIGNS.get(level) else { return self.single() };
        let mut left = self.level(level + 1)?;
        while let Some(sign) = signs.iter().find(|sign| self.takes(sign)) {
            left = Expression::Two(sign, Box::new((left, self.level(level + 1)?)));
        }
        Ok(left)
    }

    fn single(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("too many brackets".to_owned());
        }
        let read = self.single_within();
        self.depth -= 1;
        read
    }

    fn single_within(&mut self) -> Result<Expression, String> {
        if self.takes("-") {
            return Ok(Expression::Minus(Box::new(self.single()?)));
        }
        if self.takes("(") {
            let inner = self.level(0)?;
            return self.expects(")").map(|()| inner);
        }
        self.skip_blanks();
        let rest = &self.text[self.at..];
        match rest.chars().next() {
            Some('\'') => self.quoted(),
            Some(c) if c.is_ascii_digit() => self.digits(),
            Some(c) if c.is_ascii_lowercase() => self.name_or_call(),
            _ => Err(format!("a value is missing before `{rest}`")),
        }
    }

    fn quoted(&mut self) -> Result<Expression, String> {
        let inside = &self.text[self.at + 1..];
        let end = inside.find('\'').ok_or("a quote is left open")?;
        self.at += end + 2;
        Ok(Expression::Just(Value::Text(inside[..end].to_owned())))
    }

    fn digits(&mut self) -> Result<Expression, String> {
        let digits = self.take_while(|c| c.is_ascii_digit());
        digits
            .parse()
            .map(|number| Expression::Just(Value::Int(number)))
            .map_err(|_| format!("{digits} is too large"))
    }

    fn name_or_call(&mut self) -> Result<Expression, String> {
        let name =
            self.take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.'));
        if !self.takes("(") {
            return Ok(Expression::Name(name));
        }
        let mut arguments = vec![self.level(0)?];
        while self.takes(",") {
            arguments.push(self.level(0)?);
        }
        self.expects(")").map(|()| Expression::Call(name, arguments))
    }

    fn take_while(&mut self, fits: impl Fn(char) -> bool) -> String {
        let taken: String = self.text[self.at..].chars().take_while(|c| fits(*c)).collect();
        self.at += taken.len();
        taken
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.text[self.at..].trim_start().len();
    }

    /// Passes a sign if it comes next. Words end where a word ends.
    fn takes(&mut self, sign: &str) -> bool {
        self.skip_blanks();
        let Some(rest) = self.text[self.at..].strip_prefix(sign) else { return false };
        let word = sign.starts_with(char::is_alphabetic);
        if word && rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            return false;
        }
        self.at = self.text.len() - rest.len();
        true
    }

    fn expects(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) { Ok(()) } else { Err(format!("`{sign}` is missing in `{}`", self.text)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Values {
        let mut values = Values::default();
        values.set("fee", Value::Int(5));
        let row = |name: &str, units: i64| {
            Row::from([
                ("name".to_owned(), Value::Text(name.to_owned())),
                ("units".to_owned(), Value::Int(units)),
            ])
        };
        values.set_table("sales", vec![row("Ann", 10), row("Bo", 7), row("Cy", 12)]);
        values
    }

    #[test]
    fn worked_out() {
        let values = shop();
        let check = |text: &str, expected: &str| {
            assert_eq!(Expression::read(text).unwrap().value(&values, None).to_string(), expected, "{text}");
        };
        check("1 + 2 * 3 - (4 - 2)", "5");
        check("-fee + 7", "2");
        check("7 / 2", "3");
        check("round(7, 2)", "4");
        check("percent(1, 3)", "33");
        check("'a' & fee & 'b'", "a5b");
        check("if(fee > 4 and fee != 6, 'more', 'less')", "more");
        check("sum(sales, units)", "29");
        check("sum(sales, units * fee, name != 'Bo')", "110");
        check("count(sales)", "3");
        check("count(sales, units > 8)", "2");
        check("mean(sales, units)", "10");
        check("best(sales, units, name)", "Cy");
        check("worst(sales, units, name)", "Bo");
        check("max(sales, units) - min(sales, units)", "5");
        check("first(sales, units, name = 'Bo')", "7");
        check("sales.2.units", "7");
        let row = Row::from([("least".to_owned(), Value::Int(8)), ("units".to_owned(), Value::Int(1))]);
        let counted = Expression::read("count(sales, units > least)").unwrap();
        assert_eq!(counted.value(&values, Some(&row)), Value::Int(2));
        check("sales", "Ann, Bo and Cy");
        assert!(values.remarks().is_empty());
    }

    #[test]
    fn mistakes() {
        let told = |text: &str| Expression::read(text).unwrap_err();
        assert!(told("1 +").contains("missing"));
        assert!(told("(1").contains("`)`"));
        assert!(told("'a").contains("quote"));
        assert!(told("1 2").contains("not understood"));
        assert!(told(&"(".repeat(100)).contains("brackets"));
        let remarked = |text: &str, word: &str| {
            let values = shop();
            assert_eq!(Expression::read(text).unwrap().value(&values, None), Value::Int(0), "{text}");
            assert!(
                values.remarks().iter().any(|remark| remark.contains(word)),
                "{text}: {:?}",
                values.remarks()
            );
        };
        remarked("1 / 0", "1 / 0");
        remarked("nobody", "nobody");
        remarked("sqrt(4)", "sqrt");
        remarked("sum(sales)", "sum");
        remarked("mean(sales, units, units > 99)", "no rows");
        remarked("'a' * 2", "no number");
    }
}
