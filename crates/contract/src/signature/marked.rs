//! Keys and secrets of ours in a stranger's text, known by how they begin: for texts whose reader holds none of them.

use regex::Regex;
use std::borrow::Cow;
use std::sync::LazyLock;

/// What stands where a secret stood.
const HIDDEN: &str = "[hidden]";

/// Every prefix we give out, and more letters behind it than a word would have.
static MARKED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:ait_|aitk_live_|aitk_test_|whsec_)[A-Za-z0-9+/\\_=-]{16,}").ok());

/// The text without them.
pub fn hide_marked(text: &str) -> Cow<'_, str> {
    MARKED.as_ref().map_or(Cow::Borrowed(text), |marked| marked.replace_all(text, HIDDEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_a_secret_is_hidden() {
        let check = |text: &str, expected: &str| assert_eq!(hide_marked(text), expected, "{text}");
        check("1.2.0", "1.2.0");
        check(
            "the wait_for_it version, built with whsec_ and ait_",
            "the wait_for_it version, built with whsec_ and ait_",
        );
        check("v1 (whsec_O/z4HxnL4yiBjxYLMS6nWrbWhzytBFhoev8egAABa/o=)", "v1 ([hidden])");
        check(r"whsec_O\/z4HxnL4yiBjxYLMS6nWrbWhzytBFhoev8egAABa\/o=.", "[hidden].");
        check("ait_f2T6JpqN2cYb0wQ-1Ls_9vVxkR7mHgDzE4aBoUiCWXs,", "[hidden],");
        check("aitk_live_f2T6JpqN2cYb0wQ-1Ls aitk_test_f2T6JpqN2cYb0wQ-1Ls", "[hidden] [hidden]");
    }
}
