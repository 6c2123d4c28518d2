//! The text around a signature: what stock ssh-keygen writes, and nothing else.
//!
//! One signature has one text, but for its line ends: a file that went through Windows or a mail has
//! CRLF throughout, which is taken, and the line end after the last line may be missing, as in what was
//! pasted. Everything else (other lengths of lines, white space, text before or after) is refused.

use base64ct::{Base64, Encoding};

use super::SignatureError;

const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";

/// How many characters ssh-keygen puts on a line.
const WIDTH: usize = 70;

/// The longest text of a signature, in bytes. A browser's has a few hundred more than others.
const LONGEST: usize = 64 * 1024;

/// The bytes of the signature.
pub(super) fn open(text: &[u8]) -> Result<Vec<u8>, SignatureError> {
    if text.len() > LONGEST {
        return Err(SignatureError::Armour("it is far too long"));
    }
    let text = std::str::from_utf8(text).map_err(|_| SignatureError::Armour("it is no text"))?;
    let line_end = if text.contains('\r') { "\r\n" } else { "\n" };
    let text = text.strip_suffix(line_end).unwrap_or(text);
    let mut lines: Vec<&str> = text.split(line_end).collect();
    if lines.first() != Some(&BEGIN) {
        return Err(SignatureError::Armour("it does not begin with \"-----BEGIN SSH SIGNATURE\""));
    }
    if lines.pop() != Some(END) {
        return Err(SignatureError::Armour("it does not end with \"-----END SSH SIGNATURE-----\""));
    }
    let lines = lines.get(1..).unwrap_or_default();
    let Some((last, full)) = lines.split_last() else {
        return Err(SignatureError::Armour("there is nothing in it"));
    };
    let whole = full.iter().all(|line| line.len() == WIDTH);
    if !whole || last.is_empty() || last.len() > WIDTH {
        return Err(SignatureError::Armour("its lines are not as ssh-keygen breaks them"));
    }
    Base64::decode_vec(&lines.concat())
        .map_err(|_| SignatureError::Armour("it is not the Base64 that ssh-keygen writes"))
}

/// The text that ssh-keygen would have written for these bytes.
pub(super) fn close(bytes: &[u8]) -> String {
    let base64 = Base64::encode_string(bytes);
    let mut text = format!("{BEGIN}\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(WIDTH));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(END);
    text.push('\n');
    text
}
