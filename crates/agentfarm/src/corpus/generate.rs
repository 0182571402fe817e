//! Recipes: bodies and heads too large, too slow or too endless to stand in a row.

use super::{Parts, decoded};
use crate::wire::{End, Piece, Wire, chunk, head, pair};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::io::Write;

/// A bomb is made of gzip members of so many zeros each: 1,000 times smaller than what comes out of them.
const BOMB_MEMBER_BYTES: usize = 1024 * 1024;
/// What one row may make in memory; the largest of the corpus is a hundredth of it.
const MADE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The body of a row's response.
pub(super) fn parts(response: &Value, scaled: &dyn Fn(u64) -> u64) -> Result<Parts, String> {
    if let Some(recipe) = response.get("body_gen") {
        return Recipe { recipe, scaled }.body();
    }
    if let Some(encoded) = response["body_b64"].as_str() {
        return Ok(Parts::whole(decoded(encoded)?));
    }
    Ok(Parts::whole(response["body"].as_str().unwrap_or_default().to_owned()))
}

/// The recipe of a row that makes its own head, wherever the row says it.
pub(super) fn of_a_wire(response: &Value) -> Option<&Value> {
    const HEADS: [&str; 5] =
        ["chunked_with_trailer", "informational_flood", "many_headers", "huge_header", "slow_headers"];
    let in_body = response.get("body_gen").filter(|recipe| HEADS.iter().any(|head| recipe["gen"] == *head));
    response.get("wire_gen").or(in_body)
}

/// Everything that goes out, head included.
pub(super) fn wire(recipe: &Value, scaled: &dyn Fn(u64) -> u64) -> Result<Wire, String> {
    Recipe { recipe, scaled }.wire()
}

struct Recipe<'a> {
    recipe: &'a Value,
    scaled: &'a dyn Fn(u64) -> u64,
}

impl Recipe<'_> {
    fn body(&self) -> Result<Parts, String> {
        let name = self.text("gen")?;
        Ok(match name {
            "nest" => Parts::whole(self.nest()?),
            "field_repeat" => {
                let (field, text) = (self.text("field")?, self.repeated()?);
                Parts::whole(self.base_with(field, text.into())?)
            }
            "artifact_repeat" => {
                let content = self.repeated()?;
                let artifact = json!({ "type": "markdown", "filename": "a.md", "content": content });
                Parts::whole(self.base_with("artifacts", json!([artifact]))?)
            }
            "pad_json" => Parts::whole(self.padded()?),
            "bytes" => Parts::whole(hex::decode(self.text("hex")?).map_err(|e| format!("hex: {e}"))?),
            "gzip_of" => Parts::whole(gzip(self.text("text")?.as_bytes())),
            "gzip_bomb" => self.bomb()?,
            "stream" => self.stream()?,
            "stream_forever" => self.forever(Piece::repeated(self.unit(), None)),
            "drip" => self.drip()?,
            "stall_after" => self.stalled()?,
            "close_after" | "wire_body" => {
                let text = self.text("text")?.to_owned();
                Parts { pieces: vec![Piece::once(text)], end: Some(End::Close), length: None }
            }
            _ => return Err(format!("no body is made by {name}")),
        })
    }

    fn wire(&self) -> Result<Wire, String> {
        let name = self.text("gen")?;
        let json = pair("content-type", "application/json");
        let whole = |headers: &[(String, String)], body: &[u8]| {
            let length = pair("content-length", body.len().to_string());
            [head(200, &[headers, &[length]].concat()).as_bytes(), body].concat()
        };
        Ok(match name {
            "chunked_with_trailer" => Wire::new(self.chunked_with_trailer(), End::Close),
            "informational_flood" => {
                let status = self.number("status").unwrap_or(103);
                let unit = format!("HTTP/1.1 {status} Chaos\r\n\r\n");
                let flood = Piece::repeated(unit, Some(self.number("count").unwrap_or(1_000_000)));
                // An answer at the end: only who refuses the flood does not take it.
                Wire { pieces: vec![flood, Piece::once(whole(&[json], &self.good()))], end: End::Close }
            }
            "many_headers" => {
                let value = "v".repeat(self.size("value_bytes", 1)?);
                let count = self.size("count", 10_000)?;
                let headers: Vec<_> = (0..count).map(|n| pair(&format!("x-{n}"), value.as_str())).collect();
                Wire::new(whole(&headers, &self.good()), End::Close)
            }
            "huge_header" => {
                let bytes =
                    self.first_size(&["bytes", "value_bytes", "total_bytes", "count", "size"], 1 << 20)?;
                Wire::new(whole(&[json, pair("x-huge", "h".repeat(bytes))], &self.good()), End::Close)
            }
            "slow_headers" => {
                let drop = "x".repeat(self.size("bytes_per_tick", 1)?);
                let slow = Piece::repeated(drop, None).every_ms(self.tick());
                Wire::new("HTTP/1.1 200 Chaos\r\nx-slow: ", End::Close).then(slow)
            }
            _ => return Err(format!("no wire is made by {name}")),
        })
    }

    fn nest(&self) -> Result<String, String> {
        let part = |key: &str| self.recipe[key].as_str().unwrap_or_default();
        let depth = self.size("depth", 0)?;
        let (open, close) = (part("open").repeat(depth), part("close").repeat(depth));
        Ok([part("before"), &open, &close, part("after")].concat())
    }

    fn padded(&self) -> Result<String, String> {
        let mut json = self.base()?.to_string();
        let missing = self.size("total_bytes", 0)?.saturating_sub(json.len());
        json.push_str(&" ".repeat(missing));
        Ok(json)
    }

    fn bomb(&self) -> Result<Parts, String> {
        let wanted = self.number("decoded_bytes").ok_or("decoded_bytes is missing")?;
        let member = gzip(&vec![0; BOMB_MEMBER_BYTES]);
        let (times, rest) = (wanted / BOMB_MEMBER_BYTES as u64, wanted % BOMB_MEMBER_BYTES as u64);
        let last = gzip(&vec![0; rest as usize]);
        let length = Some(member.len() as u64 * times + last.len() as u64);
        let pieces = vec![Piece::repeated(member, Some(times)), Piece::once(last)];
        Ok(Parts { pieces, end: Some(End::Close), length })
    }

    fn stream(&self) -> Result<Parts, String> {
        let (unit, total) = (self.unit(), self.number("total_bytes").ok_or("total_bytes is missing")?);
        let (times, rest) = (total / unit.len() as u64, total % unit.len() as u64);
        let rest = unit.slice(..rest as usize);
        let pieces = vec![Piece::repeated(unit, Some(times)), Piece::once(rest)];
        Ok(Parts { pieces, end: Some(End::Close), length: Some(total) })
    }

    /// Of the text, where there is one; else without end.
    fn drip(&self) -> Result<Parts, String> {
        let (bytes, tick) = (self.size("bytes_per_tick", 1)?.max(1), self.tick());
        let Ok(text) = self.content() else {
            return Ok(self.forever(Piece::repeated("x".repeat(bytes), None).every_ms(tick)));
        };
        let drops = text.chunks(bytes).map(|drop| Piece::once(drop.to_vec()).every_ms(tick)).collect();
        Ok(Parts { pieces: drops, end: Some(End::Close), length: Some(text.len() as u64) })
    }

    fn stalled(&self) -> Result<Parts, String> {
        let sent = self.size("sent_bytes", 0)?;
        let mut text = self.content().unwrap_or_else(|_| b"{\"full_text\": \"".to_vec());
        text.resize(sent, b'a');
        Ok(Parts { pieces: vec![Piece::once(text)], end: Some(End::Hold), length: None })
    }

    fn forever(&self, piece: Piece) -> Parts {
        Parts { pieces: vec![piece], end: Some(End::Close), length: None }
    }

    fn chunked_with_trailer(&self) -> Vec<u8> {
        let chunked = [pair("content-type", "application/json"), pair("transfer-encoding", "chunked")];
        let one = |pair: &Value| Some(format!("{}: {}\r\n", pair[0].as_str()?, pair[1].as_str()?));
        let trailers = self.recipe.get("trailers").or(self.recipe.get("trailer"));
        let listed = trailers.and_then(Value::as_array).map(|list| list.iter().filter_map(one).collect());
        let literal = trailers.and_then(Value::as_str).map(|line| format!("{line}\r\n"));
        let trailer: String = listed.or(literal).unwrap_or_else(|| "x-trailer: 1\r\n".to_owned());
        [head(200, &chunked).as_bytes(), &chunk(&self.good()), format!("0\r\n{trailer}\r\n").as_bytes()]
            .concat()
    }

    /// A body that would be taken.
    fn good(&self) -> Vec<u8> {
        self.content().unwrap_or_else(|_| crate::answers::bid_body().to_vec())
    }

    /// The recipe's own text or document.
    fn content(&self) -> Result<Vec<u8>, String> {
        let text = self.text("text").or_else(|_| self.text("body"));
        text.map(|text| text.as_bytes().to_vec()).or_else(|_| Ok(self.base()?.to_string().into_bytes()))
    }

    fn base(&self) -> Result<&Value, String> {
        self.recipe.get("base").ok_or_else(|| "base is missing".to_owned())
    }

    fn base_with(&self, field: &str, value: Value) -> Result<String, String> {
        let mut base = self.base()?.clone();
        base.as_object_mut().ok_or("base is no object")?.insert(field.to_owned(), value);
        Ok(base.to_string())
    }

    fn repeated(&self) -> Result<String, String> {
        let unit = self.text("unit")?;
        Ok(unit.repeat(bounded(self.number("count").unwrap_or_default(), unit.len())?))
    }

    fn unit(&self) -> Bytes {
        let unit = self.text("unit").ok().filter(|unit| !unit.is_empty()).unwrap_or("a");
        Bytes::from(unit.to_owned())
    }

    fn tick(&self) -> u64 {
        // Never nought: a drip that is scaled down is still a drip.
        (self.scaled)(self.number("tick_ms").unwrap_or(1000)).max(1)
    }

    fn text(&self, key: &str) -> Result<&str, String> {
        self.recipe[key].as_str().ok_or_else(|| format!("{key} is missing"))
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.recipe[key].as_u64()
    }

    fn size(&self, key: &str, default: u64) -> Result<usize, String> {
        bounded(self.number(key).unwrap_or(default), 1)
    }

    fn first_size(&self, keys: &[&str], default: u64) -> Result<usize, String> {
        bounded(keys.iter().find_map(|key| self.number(key)).unwrap_or(default), 1)
    }
}

/// How often a unit is repeated, where that fits into memory.
fn bounded(count: u64, unit_bytes: usize) -> Result<usize, String> {
    let bytes = count.checked_mul(unit_bytes as u64).filter(|bytes| *bytes <= MADE_BYTES_MAX);
    bytes.map(|_| count as usize).ok_or_else(|| format!("{count} are too many: at most 256 MiB are made"))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing into a vector cannot fail.
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn made(recipe: Value) -> Parts {
        parts(&json!({ "body_gen": recipe }), &|ms| ms / 100).unwrap()
    }

    fn bytes(parts: &Parts) -> Vec<u8> {
        let out = |piece: &Piece| piece.bytes.repeat(piece.times.unwrap() as usize);
        parts.pieces.iter().flat_map(out).collect()
    }

    #[test]
    fn bodies_are_made_as_told() {
        let base = json!({ "full_text": "t", "summary": "s" });
        let document = |recipe| serde_json::from_slice::<Value>(&bytes(&made(recipe))).unwrap();
        let long =
            json!({ "gen": "field_repeat", "base": base, "field": "full_text", "unit": "ab", "count": 3 });
        assert_eq!(document(long), json!({ "full_text": "ababab", "summary": "s" }));
        let large = json!({ "gen": "artifact_repeat", "base": base, "unit": "x", "count": 5 });
        assert_eq!(document(large)["artifacts"][0]["content"], "xxxxx");
        let padded = json!({ "gen": "pad_json", "base": base, "total_bytes": 100 });
        assert_eq!((bytes(&made(padded.clone())).len(), document(padded)), (100, base));
        let nest =
            json!({ "gen": "nest", "before": "{", "open": "[", "close": "]", "depth": 3, "after": "}" });
        assert_eq!(bytes(&made(nest)), b"{[[[]]]}");
        assert_eq!(bytes(&made(json!({ "gen": "bytes", "hex": "00ff" }))), [0, 255]);
        let stream = made(json!({ "gen": "stream", "unit": "abc", "total_bytes": 8 }));
        assert_eq!((&bytes(&stream)[..], stream.length), (&b"abcabcab"[..], Some(8)));
    }

    #[test]
    fn gzip_is_gzip_and_a_bomb_is_as_large_as_told() {
        let unzipped = |zipped: &[u8]| {
            let mut out = Vec::new();
            flate2::read::MultiGzDecoder::new(zipped).read_to_end(&mut out).unwrap();
            out
        };
        assert_eq!(unzipped(&bytes(&made(json!({ "gen": "gzip_of", "text": "text" })))), b"text");
        let bomb = made(json!({ "gen": "gzip_bomb", "decoded_bytes": 2 * BOMB_MEMBER_BYTES + 5 }));
        let zipped = bytes(&bomb);
        assert_eq!(unzipped(&zipped).len(), 2 * BOMB_MEMBER_BYTES + 5);
        assert!(zipped.len() < 10_000 && bomb.length == Some(zipped.len() as u64), "{}", zipped.len());
    }

    #[test]
    fn what_takes_time_is_scaled_and_what_is_unknown_is_said() {
        let drip = made(json!({ "gen": "drip", "bytes_per_tick": 2, "tick_ms": 1000, "text": "abc" }));
        assert_eq!((drip.pieces.len(), drip.pieces[1].pause_ms, drip.length), (2, 10, Some(3)));
        let drip = made(json!({ "gen": "drip", "bytes_per_tick": 2, "tick_ms": 50 }));
        assert_eq!((drip.pieces[0].times, drip.pieces[0].pause_ms), (None, 1));
        let stalled = made(json!({ "gen": "stall_after", "sent_bytes": 20 }));
        assert_eq!((stalled.pieces[0].bytes.len(), stalled.end), (20, Some(End::Hold)));
        for (recipe, why) in [
            (json!({ "gen": "unheard_of" }), "unheard_of"),
            (json!({ "gen": "gzip_of" }), "text is missing"),
            (json!({ "gen": "nest", "open": "[", "depth": 1_u64 << 40 }), "too many"),
        ] {
            let fault = parts(&json!({ "body_gen": recipe }), &|ms| ms).err().unwrap();
            assert!(fault.contains(why), "{fault}");
        }
    }

    #[test]
    fn heads_are_made_as_told() {
        let made = |recipe: Value| {
            let wire = wire(&recipe, &|ms| ms / 100).unwrap();
            String::from_utf8(wire.pieces[0].bytes.to_vec()).unwrap()
        };
        let trailer =
            made(json!({ "gen": "chunked_with_trailer", "text": "abc", "trailers": [["x-t", "v"]] }));
        assert!(trailer.ends_with("\r\n\r\n3\r\nabc\r\n0\r\nx-t: v\r\n\r\n"), "{trailer}");
        let many = made(json!({ "gen": "many_headers", "count": 3, "text": "{}" }));
        assert!(many.contains("x-0: v\r\nx-1: v\r\nx-2: v\r\ncontent-length: 2\r\n\r\n{}"), "{many}");
        assert!(made(json!({ "gen": "huge_header", "bytes": 70_000 })).len() > 70_000);
        assert_eq!(
            made(json!({ "gen": "informational_flood", "status": 100 })),
            "HTTP/1.1 100 Chaos\r\n\r\n"
        );
    }
}
