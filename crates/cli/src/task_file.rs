//! A task in YAML: the body of `POST /tasks`, as a person writes it.

use crate::Failure;
use serde_json::Value;
use std::path::Path;

/// Reads a task.
///
/// # Errors
/// [`Failure::Usage`] when the file cannot be read or holds something else; what its fields must be, the API says.
pub(crate) fn read(path: &Path) -> Result<Value, Failure> {
    let told = |problem: String| Failure::Usage(format!("{}: {problem}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| told(format!("it cannot be read: {error}")))?;
    parse(&text).map_err(told)
}

/// Through YAML's own value: it refuses names given twice, which a JSON value would silently overwrite.
fn parse(text: &str) -> Result<Value, String> {
    let yaml: serde_yaml_ng::Value = serde_yaml_ng::from_str(text).map_err(|error| error.to_string())?;
    let task = serde_json::to_value(yaml).map_err(|error| error.to_string())?;
    if task.is_object() { Ok(task) } else { Err("it must hold fields such as \"title: ...\"".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_task_is_the_body_of_a_post() {
        let text =
            "title: A guide\nbudget_usd: 22.05\nrequirements:\n  sections: [one, two]\nclose: {first_k: 2}\n";
        let expected = json!({
            "title": "A guide", "budget_usd": 22.05,
            "requirements": { "sections": ["one", "two"] }, "close": { "first_k": 2 },
        });
        assert_eq!(parse(text), Ok(expected));
    }

    #[test]
    fn what_is_no_task_says_why() {
        let check = |text: &str, word: &str| {
            let problem = parse(text).unwrap_err();
            assert!(problem.contains(word), "{text:?} gives {problem:?}");
        };
        check("title: A\ntitle: B", "duplicate");
        check("title: [", "line 2");
        check("just words", "must hold fields");
        check("- a\n- b", "must hold fields");
        check("", "must hold fields");
        let failure = read(Path::new("/no/such/task.yaml")).unwrap_err();
        assert!(matches!(&failure, Failure::Usage(text) if text.contains("/no/such/task.yaml")), "{failure}");
    }
}
