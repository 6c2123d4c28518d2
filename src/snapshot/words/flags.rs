//! Inode flags as letters, from `linux/fs.h` (`FS_*_FL`), in the order of lsattr(1).

/// Each flag and its letter.
const LETTERS: [(u32, char); 22] = [
    (0x0000_0001, 's'),
    (0x0000_0002, 'u'),
    (0x0000_0008, 'S'),
    (0x0001_0000, 'D'),
    (0x0000_0010, 'i'),
    (0x0000_0020, 'a'),
    (0x0000_0040, 'd'),
    (0x0000_0080, 'A'),
    (0x0000_0004, 'c'),
    (0x0000_0800, 'E'),
    (0x0000_4000, 'j'),
    (0x0000_1000, 'I'),
    (0x0000_8000, 't'),
    (0x0002_0000, 'T'),
    (0x0008_0000, 'e'),
    (0x0080_0000, 'C'),
    (0x0200_0000, 'x'),
    (0x4000_0000, 'F'),
    (0x1000_0000, 'N'),
    (0x2000_0000, 'P'),
    (0x0010_0000, 'V'),
    (0x0000_0400, 'm'),
];

/// The letters of the flags that are set; `none` where none is. What has no letter is a number.
pub(super) fn letters(flags: u32) -> String {
    if flags == 0 {
        return "none".to_owned();
    }
    let set = LETTERS.iter().filter(|(flag, _)| flags & flag != 0);
    let mut text: String = set.map(|(_, letter)| *letter).collect();
    let unknown = LETTERS.iter().fold(flags, |rest, (flag, _)| rest & !flag);
    if unknown != 0 {
        text.push_str(&format!("+{unknown:#x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_read_as_lsattr_writes_them() {
        for (flags, expected) in [
            (0, "none"),
            (0x10, "i"),
            (0x30, "ia"),
            (0x0080_0000 | 0x40, "dC"),
            (0x0200, "+0x200"),
            (0x0210, "i+0x200"),
        ] {
            assert_eq!(letters(flags), expected);
        }
    }
}
