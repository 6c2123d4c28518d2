//! A mail, as sendmail takes it: RFC 5322 with the line ends of this host.

use base64ct::{Base64, Encoding};

use crate::policy::MailAddress;

/// How many characters of base64 stand in a line: RFC 2045, section 6.8.
const LINE: usize = 76;

/// How many bytes of text fit into one encoded word of 75 characters: RFC 2047, section 2.
const WORD: usize = 45;

/// The whole mail. Every part of it is in a form that cannot end a header or the message: addresses
/// are checked where the policy is read, the subject is ASCII without controls, the text is base64.
pub(super) fn message(to: &[MailAddress], subject: &str, text: &str, event: &str) -> String {
    let to: Vec<&str> = to.iter().map(MailAddress::as_str).collect();
    let encoded = Base64::encode_string(text.as_bytes());
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(LINE).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!(
        "To: {}\nSubject: {}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
         Content-Transfer-Encoding: base64\nAuto-Submitted: auto-generated\nX-Hitl-Event: {event}\n\n\
         {}\n",
        to.join(",\n\t"),
        header_text(subject, "\n "),
        lines.join("\n")
    )
}

/// A text as it can stand in a header: as it is where it is printable ASCII, else in encoded words
/// (RFC 2047), with this between them.
pub(super) fn header_text(text: &str, between: &str) -> String {
    let plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    if text.bytes().all(plain) && !text.contains("=?") && text.len() <= 200 {
        return text.to_owned();
    }
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let most = rest.len().min(WORD);
        // Each word must be whole characters. One has at most four bytes, so that some fit.
        let end = (1..=most).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        words.push(format!("=?UTF-8?B?{}?=", Base64::encode_string(word.as_bytes())));
        rest = after;
    }
    words.join(between)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_subject_is_plain_where_it_can_be_and_encoded_where_it_cannot() {
        assert_eq!(header_text("hitl: K7Q2 waits", " "), "hitl: K7Q2 waits");
        assert_eq!(header_text("größer", " "), "=?UTF-8?B?Z3LDtsOfZXI=?=");
        // What looks encoded would be decoded.
        assert_eq!(header_text("=?x?=", " "), "=?UTF-8?B?PT94Pz0=?=");
    }

    proptest! {
        #[test]
        fn no_text_ends_a_header(text in any::<String>()) {
            let to: Vec<MailAddress> = vec!["a@example.com".to_owned().try_into().unwrap()];
            let mail = message(&to, &text, &text, "request.pending");
            let (headers, body) = mail.split_once("\n\n").unwrap();
            let begins = |line: &str| line.starts_with([' ', '\t'])
                || ["To: ", "Subject: ", "MIME-Version: ", "Content-T", "Auto-Submitted: ", "X-Hitl-Event: "]
                    .iter().any(|name| line.starts_with(name));
            prop_assert!(headers.lines().all(begins), "{headers}");
            prop_assert!(headers.bytes().all(|byte| byte == b'\n' || byte == b'\t' || (b' '..=b'~').contains(&byte)));
            prop_assert_eq!(Base64::decode_vec(&body.replace('\n', "")).unwrap(), text.as_bytes());
        }
    }
}
