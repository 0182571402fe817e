//! Bodies that are too large to stand in a row, made from their recipe.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// The body of a row's response, or the reason why only a wire can show it.
pub(crate) fn body(response: &Value) -> Result<Vec<u8>, &'static str> {
    if let Some(text) = response["body"].as_str() {
        return Ok(text.as_bytes().to_vec());
    }
    if let Some(encoded) = response["body_b64"].as_str() {
        return Ok(STANDARD.decode(encoded).unwrap());
    }
    match response.get("body_gen") {
        Some(recipe) => made(recipe),
        None => Err("literal bytes on a wire"),
    }
}

fn made(recipe: &Value) -> Result<Vec<u8>, &'static str> {
    let text = |key: &str| recipe[key].as_str().unwrap();
    let count = |key: &str| usize::try_from(recipe[key].as_u64().unwrap()).unwrap();
    Ok(match text("gen") {
        "nest" => {
            let depth = count("depth");
            let (opened, closed) = (text("open").repeat(depth), text("close").repeat(depth));
            [text("before"), &opened, &closed, text("after")].concat().into()
        }
        "field_repeat" => {
            let mut base = recipe["base"].clone();
            base[text("field")] = Value::String(text("unit").repeat(count("count")));
            base.to_string().into()
        }
        "artifact_repeat" => {
            let mut base = recipe["base"].clone();
            let content = text("unit").repeat(count("count"));
            base["artifacts"] = json!([{ "type": "markdown", "filename": "a.md", "content": content }]);
            base.to_string().into()
        }
        "pad_json" => {
            let mut json = recipe["base"].to_string();
            json.push_str(&" ".repeat(count("total_bytes") - json.len()));
            json.into()
        }
        "bytes" => (0..text("hex").len()).step_by(2).map(|i| byte(&text("hex")[i..i + 2])).collect(),
        "stream" => text("unit").repeat(count("total_bytes") / text("unit").len()).into(),
        "gzip_of" => gzip(text("text").as_bytes()),
        // Refused by its header: not a byte of it is looked at.
        "gzip_bomb" => gzip(b"0"),
        "stream_forever" | "drip" | "stall_after" => return Err("a body that takes time"),
        "close_after" | "wire_body" | "chunked_with_trailer" => return Err("framing"),
        _ => return Err("made on a wire"),
    })
}

fn byte(hex: &str) -> u8 {
    u8::from_str_radix(hex, 16).unwrap()
}

/// A gzip member with one stored block. Nobody unpacks it here, so its checksum may be anything.
fn gzip(content: &[u8]) -> Vec<u8> {
    let content = &content[..content.len().min(usize::from(u16::MAX))];
    let length = u16::try_from(content.len()).unwrap();
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1];
    [&head[..], &length.to_le_bytes(), &(!length).to_le_bytes(), content, &[0; 8]].concat()
}
