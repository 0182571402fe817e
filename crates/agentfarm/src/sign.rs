//! Signing a callback, as its documentation says: the Standard Webhooks trio, and the older pair.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

type Headers = Vec<(String, String)>;

/// `webhook-id`, `webhook-timestamp` and `webhook-signature` under the decoded secret.
pub(crate) fn trio(secret: &str, id: &str, at: i64, body: &[u8]) -> Headers {
    let bare = secret.strip_prefix("whsec_").unwrap_or(secret);
    // A secret that is no base64 signs all the same: what becomes of it is the other side's matter.
    let key = STANDARD.decode(bare).unwrap_or_else(|_| bare.as_bytes().to_vec());
    let signed = [format!("{id}.{at}.").as_bytes(), body].concat();
    let signature = format!("v1,{}", STANDARD.encode(hmac(&key, &signed)));
    headers([
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", at.to_string()),
        ("webhook-signature", signature),
    ])
}

/// `X-AITasker-Signature` and `X-AITasker-Timestamp` under the secret's text.
pub(crate) fn pair(secret: &str, at: i64, body: &[u8]) -> Headers {
    let signature = hex::encode(hmac(secret.as_bytes(), body));
    headers([("X-AITasker-Signature", signature), ("X-AITasker-Timestamp", at.to_string())])
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    // Keys of every length are taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn headers<const N: usize>(pairs: [(&str, String); N]) -> Headers {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification.
    #[test]
    fn the_trio_is_the_published_one() {
        let made = trio(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(made[2].1, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(made[1], ("webhook-timestamp".to_owned(), "1614265330".to_owned()));
    }

    /// RFC 4231, the second test case.
    #[test]
    fn the_pair_is_hmac_sha256_in_hex() {
        let made = pair("Jefe", 7, b"what do ya want for nothing?");
        assert_eq!(made[0].1, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert_eq!(made[1], ("X-AITasker-Timestamp".to_owned(), "7".to_owned()));
    }
}
