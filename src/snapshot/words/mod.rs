//! What the file system records about a node, in the words of the tools that people know: access
//! control lists as getfacl(1) writes them, capabilities as getcap(8), inode flags as lsattr(1).

mod acl;
mod capability;
mod changed;
mod flags;

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::system::identity::{Account, UnixGroup};
use crate::system::text::{visible, visible_argument};

pub(super) use changed::{Changed, changed};
use flags::letters;

/// The names of users and groups of this host, each looked up once.
#[derive(Debug, Default)]
pub(super) struct Names {
    users: RefCell<BTreeMap<u32, String>>,
    groups: RefCell<BTreeMap<u32, String>>,
}

impl Names {
    /// A user's login name; the number where there is none.
    pub(super) fn user(&self, uid: u32) -> String {
        let look = |uid| Some(visible(&Account::by_uid(uid).ok()??.name));
        of(&self.users, uid, look)
    }

    /// A group's name; the number where there is none.
    pub(super) fn group(&self, gid: u32) -> String {
        let look = |gid: u32| {
            let name = UnixGroup::named(&format!("#{gid}")).ok()?.name;
            // One without a name is called by its number, as it was typed.
            (!name.starts_with('#')).then(|| visible(&name))
        };
        of(&self.groups, gid, look)
    }

    /// Owner and group.
    pub(super) fn owner(&self, uid: u32, gid: u32) -> String {
        format!("{}:{}", self.user(uid), self.group(gid))
    }
}

fn of(
    known: &RefCell<BTreeMap<u32, String>>,
    id: u32,
    look: impl Fn(u32) -> Option<String>,
) -> String {
    let mut known = known.borrow_mut();
    known.entry(id).or_insert_with(|| look(id).unwrap_or_else(|| id.to_string())).clone()
}

/// An extended attribute (its value in hex, as a manifest has it): what it is called and what it says.
pub(super) fn attribute(name: &[u8], hex: &str, names: &Names) -> (String, String) {
    let raw = || format!("0x{hex}");
    let value = bytes(hex);
    let decoded = |text: Option<String>| text.unwrap_or_else(raw);
    match (name, &value) {
        (b"system.posix_acl_access", Some(value)) => {
            ("access list".to_owned(), decoded(acl::text(value, names)))
        }
        (b"system.posix_acl_default", Some(value)) => {
            ("default access list".to_owned(), decoded(acl::text(value, names)))
        }
        (b"security.capability", Some(value)) => {
            ("capabilities".to_owned(), decoded(capability::text(value)))
        }
        (name, value) => {
            let text = value.as_ref().and_then(|value| printable(value));
            (format!("attribute {}", visible_argument(name)), decoded(text))
        }
    }
}

/// Text in quotes, as getfattr(1) shows it. A security label ends with a zero byte.
fn printable(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value.strip_suffix(b"\0").unwrap_or(value)).ok()?;
    let plain = |letter: char| !letter.is_control();
    text.chars().all(plain).then(|| format!("\"{}\"", visible(text)))
}

/// The bytes that lower-case hex digits stand for.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| (*byte as char).to_digit(16);
    hex.as_bytes()
        .chunks(2)
        .map(|pair| {
            let [high, low] = pair else { return None };
            u8::try_from(digit(high)? * 16 + digit(low)?).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_named_and_shown_as_their_tools_do() {
        let names = Names::default();
        let shown = |name: &[u8], value: &[u8]| {
            let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            attribute(name, &hex, &names)
        };
        let two = |one: &str, two: &str| (one.to_owned(), two.to_owned());
        assert_eq!(shown(b"user.origin", b"by hand"), two("attribute user.origin", "\"by hand\""));
        assert_eq!(shown(b"user.x", b"\xff\n"), two("attribute user.x", "0xff0a"));
        assert_eq!(shown(b"user.x", b"a\x1b[0m"), two("attribute user.x", "0x611b5b306d"));
        let label = shown(b"security.selinux", b"system_u:object_r:etc_t:s0\0");
        assert_eq!(label, two("attribute security.selinux", "\"system_u:object_r:etc_t:s0\""));
        // What is damaged is shown as it is.
        assert_eq!(shown(b"security.capability", b"\x01"), two("capabilities", "0x01"));
        assert_eq!(shown(b"system.posix_acl_access", b"abc"), two("access list", "0x616263"));
        assert_eq!(attribute(b"user.x", "0", &names).1, "0x0");
    }
}
