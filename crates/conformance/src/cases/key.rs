//! The key: who shows another is a stranger.

use crate::case::{Case, Edit, Needs, PUSHED, Play, Severity, Verdict};
use crate::judge::{is_refusal, told};
use crate::kit::Kit;
use crate::stage::Asked;

const FIX: &str = "compare X-AITasker-Key with your ait_ key, whole and in constant time, before anything else, and \
                   answer 401 to any other";

const fn refused(name: &'static str, about: &'static str, edit: Edit) -> Case {
    Case {
        name,
        group: "key",
        about,
        fix: FIX,
        severity: Severity::Must,
        via: PUSHED,
        needs: Needs::Key,
        play: Play::Refused(edit),
    }
}

pub(super) const CASES: &[Case] = &[
    Case {
        play: Play::Prototype(known),
        fix: "accept calls that show the ait_ key of your developer account in X-AITasker-Key, and give that key as --key",
        ..refused("key-right", "a call with the right key is not refused", |_, _| {})
    },
    refused("key-wrong", "a call with another key is refused with 401, and nothing is done", |order, kit| {
        order.seal.key = Some(kit.other_key.clone());
    }),
    refused("key-missing", "a call without a key is refused with 401", |order, _| order.seal.key = None),
    refused("key-empty", "a call with an empty key is refused with 401", |order, _| {
        order.seal.key = Some(String::new());
    }),
    refused("key-longer", "a key that only begins like the right one is refused", |order, kit| {
        order.seal.key = Some(format!("{}x", kit.key));
    }),
    refused("key-shorter", "the beginning of the right key is refused", |order, kit| {
        order.seal.key = Some(kit.key.chars().take(kit.key.chars().count() - 1).collect());
    }),
    refused("key-case", "the right key in another case is refused", |order, kit| {
        let swap =
            |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
        order.seal.key = Some(kit.key.chars().map(swap).collect());
    }),
];

fn known(asked: &Asked, _: &Kit) -> Verdict {
    match &asked.trouble {
        Some(_) => Verdict::Skipped("there is no answer to look at: see answer-valid".to_owned()),
        None if is_refusal(asked) => Verdict::Failed(format!("it was {}", told(asked))),
        None => Verdict::Passed,
    }
}
