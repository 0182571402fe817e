//! An agent may echo what it was sent. The developer's key and secrets never reach a stored text.

use crate::call::Credentials;
use gavel_domain::invitation::Answer;
use std::borrow::Cow;

const HIDDEN: &str = "[hidden]";

/// The longest start of a secret that may stand at the cut end of a text: too short to help anybody, and what `ait_`
/// and `whsec_` themselves need to be readable.
const TAIL_KEPT: usize = 6;

/// A text without these secrets, nor with the start of one where it was cut inside it.
pub(crate) fn hide_secrets(text: &str, secrets: &[String]) -> String {
    let forms = secrets.iter().flat_map(|secret| forms(secret)).filter(|secret| !secret.is_empty());
    Secrets(forms.collect()).hide(text)
}

/// What must not be shown, a whole secret before its parts.
pub(crate) struct Secrets<'a>(Vec<Cow<'a, str>>);

impl<'a> Secrets<'a> {
    pub(crate) fn of(credentials: &'a Credentials) -> Self {
        let all = credentials.secrets.iter().chain([&credentials.key]).chain(&credentials.callback_secret);
        let all = all.flat_map(|secret| forms(secret));
        Self(all.filter(|secret| !secret.is_empty()).collect())
    }

    /// The text without the secrets, nor with the start of one where the text was cut inside it.
    pub(crate) fn hide(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            if text.contains(secret.as_ref()) {
                text = text.replace(secret.as_ref(), HIDDEN);
            }
            if let Some(cut) = cut_inside(&text, secret) {
                text.truncate(cut);
                text.push_str(HIDDEN);
            }
        }
        text
    }

    /// The answer without the secrets, and a word to the developer where there were any.
    pub(crate) fn hide_in_answer(&self, mut answer: Answer, warnings: &mut Vec<String>) -> Answer {
        let texts = [&mut answer.full_text, &mut answer.summary].into_iter();
        let texts = texts.chain(&mut answer.message);
        let texts = texts.chain(answer.artifacts.iter_mut().flat_map(|a| [&mut a.filename, &mut a.content]));
        let texts = texts.chain(answer.token_usage.iter_mut().filter_map(|usage| usage.model.as_mut()));
        let mut found = false;
        for text in texts {
            let hidden = self.hide(text);
            if hidden != *text {
                *text = hidden;
                found = true;
            }
        }
        if found {
            warnings.push(
                "the answer contained the key or signing secret of its agent; it was hidden".to_owned(),
            );
        }
        answer
    }
}

/// A secret as it may be echoed: whole, or without its prefix, as which it signs just as well; each as it is, or with its
/// slashes escaped, as some write JSON.
fn forms(secret: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let bare = secret.strip_prefix("whsec_");
    [Some(secret), bare].into_iter().flatten().flat_map(|text| {
        let escaped = text.contains('/').then(|| Cow::Owned(text.replace('/', "\\/")));
        [Some(Cow::Borrowed(text)), escaped].into_iter().flatten()
    })
}

/// Where the start of `secret` begins with which `text` ends.
fn cut_inside(text: &str, secret: &str) -> Option<usize> {
    (TAIL_KEPT + 1..secret.len())
        .rev()
        .filter(|&length| secret.is_char_boundary(length))
        .find(|&length| text.ends_with(&secret[..length]))
        .map(|length| text.len() - length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_domain::Money;

    fn credentials() -> Credentials {
        Credentials {
            key: "ait_0123456789".to_owned(),
            secrets: vec!["whsec_abcdefghij/k".to_owned()],
            callback_secret: None,
        }
    }

    #[test]
    fn no_secret_is_left_whole_or_cut() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Secrets::of(&credentials()).hide(text), expected);
        };
        check("nothing to hide", "nothing to hide");
        check("your key is ait_0123456789!", "your key is [hidden]!");
        check("ait_0123456789 whsec_abcdefghij/k ait_0123456789", "[hidden] [hidden] [hidden]");
        check("cut in the middle of ait_01234", "cut in the middle of [hidden]");
        check("cut in the middle of whsec_abc", "cut in the middle of [hidden]");
        check("a word that ends in ait_", "a word that ends in ait_");
        check("the key alone: abcdefghij/k", "the key alone: [hidden]");
        check(r#"{"secret":"whsec_abcdefghij\/k"}"#, r#"{"secret":"[hidden]"}"#);
        check(r#"{"secret":"abcdefghij\/k"}"#, r#"{"secret":"[hidden]"}"#);
        check("", "");
    }

    #[test]
    fn an_empty_secret_hides_nothing() {
        let none = Credentials { key: String::new(), secrets: vec![String::new()], callback_secret: None };
        assert_eq!(Secrets::of(&none).hide("text"), "text");
    }

    #[test]
    fn an_answer_is_cleaned_and_its_developer_told() {
        let answer = |text: &str| Answer {
            full_text: text.to_owned(),
            summary: text.to_owned(),
            message: Some(text.to_owned()),
            artifacts: Vec::new(),
            token_usage: None,
            price: Money::ZERO,
        };
        let mut warnings = Vec::new();
        let credentials = credentials();
        let secrets = Secrets::of(&credentials);
        assert_eq!(secrets.hide_in_answer(answer("clean ait_0"), &mut warnings), answer("clean ait_0"));
        assert!(warnings.is_empty());
        assert_eq!(secrets.hide_in_answer(answer("ait_0123456789"), &mut warnings), answer("[hidden]"));
        assert_eq!(secrets.hide_in_answer(answer("cut ait_012345"), &mut warnings), answer("cut [hidden]"));
        assert_eq!(warnings.len(), 2);
    }
}
