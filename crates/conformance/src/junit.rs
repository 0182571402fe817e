//! The report as the XML that build servers read.

use crate::report::{Mark, Outcome, Report};
use std::fmt::Write;

/// One document: a suite per transport and heading. A warning is told in the output of a test that passed: the format
/// knows no other place for it.
pub fn document(report: &Report) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let failures = report.count(Mark::Failed);
    let _ = writeln!(
        xml,
        "<testsuites name=\"gavel conformance\" tests=\"{}\" failures=\"{failures}\">",
        report.outcomes.len()
    );
    for (via, group) in report.headings() {
        let here: Vec<&Outcome> =
            report.outcomes.iter().filter(|o| o.via == via && o.case.group == group).collect();
        suite(&mut xml, &format!("{}.{group}", via.name()), &here);
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn suite(xml: &mut String, name: &str, outcomes: &[&Outcome]) {
    let count = |mark: Mark| outcomes.iter().filter(|outcome| outcome.mark() == mark).count();
    let seconds: f64 = outcomes.iter().map(|outcome| outcome.took.as_secs_f64()).sum();
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{seconds:.3}\">",
        escaped(name),
        outcomes.len(),
        count(Mark::Failed),
        count(Mark::Skipped)
    );
    outcomes.iter().for_each(|outcome| test(xml, name, outcome));
    xml.push_str("  </testsuite>\n");
}

fn test(xml: &mut String, suite: &str, outcome: &Outcome) {
    let why = escaped(outcome.reason().unwrap_or_default());
    let (case, time) = (outcome.case, outcome.took.as_secs_f64());
    let text = escaped(&format!("{}\nfix: {}", case.about, outcome.fix().unwrap_or_default()));
    let _ = write!(
        xml,
        "    <testcase classname=\"gavel.{}\" name=\"{}\" time=\"{time:.3}\">",
        escaped(suite),
        escaped(case.name)
    );
    let _ = match outcome.mark() {
        Mark::Passed => Ok(()),
        Mark::Skipped => write!(xml, "<skipped message=\"{why}\"/>"),
        Mark::Failed => {
            write!(xml, "<failure type=\"must\" message=\"{why}\">{text}</failure>")
        }
        Mark::Warned => {
            write!(xml, "<system-out>warning: {why}\n{text}</system-out>")
        }
    };
    xml.push_str("</testcase>\n");
}

/// Text that can stand in an attribute too. What XML cannot carry at all, even escaped, becomes a question mark.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\r' | '\t' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            '\u{FFFE}' | '\u{FFFF}' => out.push('?'),
            c if c < ' ' => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_agents_say_cannot_leave_its_attribute() {
        assert_eq!(escaped("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&apos;");
        assert_eq!(escaped("\u{0}\u{1b}[2J\u{FFFF}\n\t😀"), "??[2J?&#10;&#9;😀");
        assert_eq!(escaped("]]><script>"), "]]&gt;&lt;script&gt;");
    }
}
