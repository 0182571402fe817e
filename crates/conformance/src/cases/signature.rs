//! Signatures: what was not signed by the platform, for this agent, now, is not obeyed.

use crate::case::{Case, Edit, Needs, PUSHED, Play, Severity};
use crate::order::{FAR_SECONDS, Mark, Signed};

const VERIFY: &str = "take the HMAC-SHA256 of \"webhook-id.webhook-timestamp.\" and the raw bytes of the body under the \
                      decoded part of your whsec_ secret, compare in constant time, and answer 401 where it differs";
const FRESH: &str = "answer 401 where webhook-timestamp is more than five minutes from now, either way";
const ANY: &str = "split webhook-signature at spaces and accept the call if any entry fits any of your secrets; skip \
                   entries that do not begin with v1,";
const TRIO: &str =
    "verify webhook-signature: it names id and time, the older X-AITasker-Signature names neither";

const fn of(name: &'static str, about: &'static str, fix: &'static str, play: Play) -> Case {
    Case {
        name,
        group: "signature",
        about,
        fix,
        severity: Severity::Must,
        via: PUSHED,
        needs: Needs::Secret,
        play,
    }
}

const fn refused(name: &'static str, about: &'static str, fix: &'static str, edit: Edit) -> Case {
    of(name, about, fix, Play::Refused(edit))
}

const fn accepted(name: &'static str, about: &'static str, edit: Edit) -> Case {
    of(name, about, ANY, Play::Answered(edit))
}

/// Only a pair, as old senders sign; an agent that asks for the trio may refuse it.
const PAIR_FIX: &str = "accept it or refuse it with 401; a missing header must not end in an error";

pub(super) const CASES: &[Case] = &[
    refused(
        "signature-wrong",
        "a call signed with another secret is refused with 401",
        VERIFY,
        |order, kit| {
            order.seal.by(&kit.other_secret);
        },
    ),
    refused("signature-missing", "a call without any signature is refused with 401", VERIFY, |order, _| {
        order.seal.trio = None;
        order.seal.pair = None;
    }),
    refused(
        "signature-of-another-body",
        "a body that was changed on its way is refused",
        VERIFY,
        |order, _| {
            order.seal.signed = Signed::OtherBody;
        },
    ),
    refused("signature-empty", "empty signatures are refused", VERIFY, |order, _| {
        order.seal.trio = Some(Vec::new());
        order.seal.pair = None;
        order.headers.push(("X-AITasker-Signature", ""));
    }),
    refused("timestamp-old", "a rightly signed call of ten minutes ago is refused", FRESH, |order, _| {
        order.seal.age = FAR_SECONDS;
    }),
    refused(
        "timestamp-future",
        "a rightly signed call of ten minutes ahead is refused",
        FRESH,
        |order, _| {
            order.seal.age = -FAR_SECONDS;
        },
    ),
    refused(
        "timestamp-no-number",
        "a timestamp that is no number is refused, not an error",
        FRESH,
        |order, _| {
            order.headers.push(("webhook-timestamp", "yesterday"));
            order.headers.push(("X-AITasker-Timestamp", "yesterday"));
        },
    ),
    Case {
        severity: Severity::Should,
        ..refused(
            "timestamp-replaced",
            "an old signature under a fresh timestamp is refused",
            TRIO,
            |order, _| {
                order.seal.signed = Signed::OtherTime;
            },
        )
    },
    Case {
        severity: Severity::Should,
        ..refused(
            "id-replaced",
            "a signature that was made for another webhook-id is refused",
            TRIO,
            |order, _| {
                order.seal.signed = Signed::OtherId;
            },
        )
    },
    refused("trio-wrong-alone", "a wrong trio without a hex pair is refused", VERIFY, |order, kit| {
        order.seal.by(&kit.other_secret);
        order.seal.pair = None;
    }),
    refused("pair-wrong-alone", "a wrong hex pair without a trio is refused", VERIFY, |order, kit| {
        order.seal.by(&kit.other_secret);
        order.seal.trio = None;
    }),
    of(
        "pair-alone",
        "a right hex pair without a trio is accepted, or refused with 401",
        PAIR_FIX,
        Play::Handled(|order, _| {
            order.seal.trio = None;
        }),
    ),
    of(
        "trio-alone",
        "a right trio without a hex pair is accepted, or refused with 401",
        PAIR_FIX,
        Play::Handled(|order, _| {
            order.seal.pair = None;
        }),
    ),
    accepted(
        "rotation-either-first",
        "two signatures, the second of them by your secret: accepted",
        |order, kit| {
            order.seal.trio = Some(vec![Mark::By(kit.other_secret.clone()), Mark::By(kit.secret.clone())]);
        },
    ),
    accepted(
        "rotation-either-last",
        "two signatures, the first of them by your secret: accepted",
        |order, kit| {
            order.seal.trio = Some(vec![Mark::By(kit.secret.clone()), Mark::By(kit.other_secret.clone())]);
        },
    ),
    accepted(
        "signature-of-unknown-version",
        "an entry v1a,... beside a right one does no harm",
        |order, kit| {
            order.seal.trio = Some(vec![Mark::Unknown, Mark::By(kit.secret.clone())]);
        },
    ),
    Case {
        needs: Needs::NextSecret,
        fix: "hold a list of secrets and accept what any of them signed; drop the old one after the overlap",
        ..accepted(
            "rotation-next-alone",
            "after a rotation, a call signed by the next secret alone is accepted",
            |order, kit| {
                order.seal.by(kit.next_secret.as_deref().unwrap_or_default());
            },
        )
    },
    Case {
        needs: Needs::NextSecret,
        ..accepted(
            "rotation-overlap",
            "in the overlap, a call signed by both secrets is accepted",
            |order, kit| {
                let next = kit.next_secret.clone().unwrap_or_default();
                order.seal.trio = Some(vec![Mark::By(next.clone()), Mark::By(kit.secret.clone())]);
                order.seal.pair = Some(next);
            },
        )
    },
];
