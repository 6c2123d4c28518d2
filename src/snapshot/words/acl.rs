//! POSIX access control lists, from the form in which the kernel hands them out
//! (`linux/posix_acl_xattr.h`, version 2) to the short text of getfacl(1) and setfacl(1).

use super::Names;

const VERSION: u32 = 2;

/// The list as `user::rw-,user:alice:r--,…`; `None` where it is none.
pub(super) fn text(value: &[u8], names: &Names) -> Option<String> {
    let (version, entries) = value.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*version) != VERSION || entries.len() % 8 != 0 {
        return None;
    }
    let entries: Option<Vec<String>> =
        entries.chunks_exact(8).map(|entry| one(entry, names)).collect();
    Some(entries?.join(","))
}

fn one(entry: &[u8], names: &Names) -> Option<String> {
    let (tag, rest) = entry.split_first_chunk::<2>()?;
    let (permissions, id) = rest.split_first_chunk::<2>()?;
    let id = u32::from_le_bytes(id.try_into().ok()?);
    let permissions = u16::from_le_bytes(*permissions);
    let who = match u16::from_le_bytes(*tag) {
        0x01 => "user:".to_owned(),
        0x02 => format!("user:{}", names.user(id)),
        0x04 => "group:".to_owned(),
        0x08 => format!("group:{}", names.group(id)),
        0x10 => "mask:".to_owned(),
        0x20 => "other:".to_owned(),
        _ => return None,
    };
    let letter = |bit: u16, letter: char| if permissions & bit != 0 { letter } else { '-' };
    Some(format!("{who}:{}{}{}", letter(4, 'r'), letter(2, 'w'), letter(1, 'x')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_as_getfacl_writes_it() {
        let entry = |tag: u16, permissions: u16, id: u32| {
            let mut bytes = tag.to_le_bytes().to_vec();
            bytes.extend(permissions.to_le_bytes());
            bytes.extend(id.to_le_bytes());
            bytes
        };
        let none = u32::MAX;
        let mut list = 2_u32.to_le_bytes().to_vec();
        for bytes in [
            entry(0x01, 6, none),
            entry(0x02, 6, 0),
            // Nobody of this host.
            entry(0x02, 0, 3_999_999),
            entry(0x04, 4, none),
            entry(0x08, 5, 0),
            entry(0x10, 7, none),
            entry(0x20, 0, none),
        ] {
            list.extend(bytes);
        }
        let expected = "user::rw-,user:root:rw-,user:3999999:---,group::r--,group:root:r-x,\
                        mask::rwx,other::---";
        let names = Names::default();
        assert_eq!(text(&list, &names).as_deref(), Some(expected));
        list.pop();
        assert_eq!(text(&list, &names), None);
        assert_eq!(text(&3_u32.to_le_bytes(), &names), None);
        assert_eq!(text(b"", &names), None);
    }
}
