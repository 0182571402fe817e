//! What is program code: measures of prose do not fit it.

use crate::text::{Line, Role, Text};

/// Whether at least half of the written lines are code, in a code block or not.
pub(crate) fn is_code(text: &Text<'_>) -> bool {
    let (lines, code) = text.written().fold((0usize, 0usize), |(lines, code), line| {
        (lines + 1, code + usize::from(is_code_line(text, line)))
    });
    lines > 0 && code * 2 >= lines
}

/// Whether a line is code, as far as its ends tell.
pub(crate) fn is_code_line(text: &Text<'_>, line: &Line) -> bool {
    const OPENINGS: [&str; 12] = [
        "def ", "return ", "return;", "import ", "#include", "elif ", "else:", "try:", "except ", "self.",
        "let ", "print(",
    ];
    let content = text.of(line);
    let opens = || OPENINGS.iter().any(|opening| content.starts_with(opening));
    let block = || {
        content.ends_with(':')
            && ["if ", "for ", "while ", "class ", "with "].iter().any(|k| content.starts_with(k))
    };
    matches!(line.role, Role::Code | Role::Fence) || content.ends_with([';', '{', '}']) || opens() || block()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_code() {
        let check = |text: &str, expected| assert_eq!(is_code(&Text::read(text)), expected, "{text:?}");
        check("", false);
        check("def f(a):\n    return a", true);
        check("int main() {\n  int x;\n  cin >> x;\n}", true);
        check("Here it is:\n```\nx = 1\ny = 2\n```", true);
        check("We return to the sea.\nFor a while: nothing.", false);
        check("Import taxes rose; so did prices.\nThe end.", false);
    }
}
