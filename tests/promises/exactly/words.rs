//! What stands for `{…}` in a line of a scenario: a path that the tree may have, a value that a tool
//! takes. A scenario is a list of such lines, each of which makes sense without the others (or fails,
//! as commands do), so that it can be cut down and be read.

use super::dice::Dice;

/// The paths that a scenario knows, relative to the tree; some of them may be gone by the time.
/// Pipes and devices have names of their own kind (see [`PIPE`]), which nothing ever takes over:
/// whoever opens another file never waits for a pipe's other end, or reads a device without end.
pub(super) struct Words {
    pub(super) dice: Dice,
    directories: Vec<Vec<u8>>,
    files: Vec<Vec<u8>>,
    links: Vec<Vec<u8>>,
    pipes: Vec<Vec<u8>>,
    made: u64,
}

/// How the names of pipes and devices begin.
const PIPE: &str = "pipe";

const MODES: [&str; 17] = [
    "000", "400", "444", "600", "640", "644", "666", "700", "755", "777", "070", "1644", "2755",
    "4755", "6711", "7777", "1777",
];
/// How many of them have no special bits: what mkfifo and mknod take.
const PLAIN_MODES: usize = 11;

const OWNERS: [&str; 8] = [
    "0:0",
    "2001:2001",
    "2002:3001",
    "2004:0",
    "65534:65534",
    "4000000000:7",
    "0:3001",
    "12345:54321",
];
/// What chattr takes; every file system has some of them.
const FLAGS: [&str; 22] = [
    "+i", "+a", "+d", "+A", "+S", "+c", "+s", "+u", "+dA", "+m", "+C", "+D", "+T", "+P", "+j",
    "-d", "-A", "-C", "-m", "-i", "-a", "=",
];
const ACCESS: [&str; 6] =
    ["u:2001:rw", "g:3001:r-x", "u:2002:---,g:2003:rwx", "m::r", "u::rwx,o::-", "u:99999:x"];
const CAPABILITIES: [&str; 4] =
    ["cap_net_raw+ep", "cap_net_bind_service=+eip", "cap_chown,cap_kill+p", "cap_setuid=ep"];
/// The largest takes a block of its own on ext4.
const VALUES: [&str; 5] = ["0x", "0x00ff0a", "value", "\"with \\012 line feed\"", "LARGE"];

impl Words {
    pub(super) fn new(seed: u64) -> Self {
        let (dice, none) = (Dice::new(seed), Vec::new);
        Self {
            dice,
            directories: vec![b".".to_vec()],
            files: none(),
            links: none(),
            pipes: none(),
            made: 0,
        }
    }

    /// A line with everything in it that stands in braces replaced. `{1}` is the first path of the
    /// line again, `{2}` the second.
    pub(super) fn line(&mut self, template: &str) -> String {
        let mut line = String::new();
        let mut paths: Vec<String> = Vec::new();
        let mut rest = template;
        while let Some((before, behind)) = rest.split_once('{') {
            line.push_str(before);
            let (word, behind) = behind.split_once('}').unwrap();
            rest = behind;
            if let Ok(number) = word.parse::<usize>() {
                line.push_str(&paths[number - 1]);
            } else if let Some(value) = self.value(word) {
                line.push_str(&value);
            } else {
                let path = quoted(&self.path(word));
                line.push_str(&path);
                paths.push(path);
            }
        }
        line.push_str(rest);
        line
    }

    /// All paths but the root, shuffled into so many groups.
    pub(super) fn groups(&mut self, count: u64) -> Vec<String> {
        let kinds = [&self.directories[1..], &self.files, &self.links, &self.pipes];
        let paths: Vec<String> = kinds.into_iter().flatten().map(|path| quoted(path)).collect();
        let mut groups = vec![String::new(); count as usize];
        for path in paths {
            let group = &mut groups[self.dice.below(count) as usize];
            group.push(' ');
            group.push_str(&path);
        }
        groups.retain(|group| !group.is_empty());
        groups
    }

    fn path(&mut self, word: &str) -> Vec<u8> {
        let kind = match word {
            "directory" => &self.directories,
            "file" => &self.files,
            "link" => &self.links,
            "pipe" => &self.pipes,
            "any" => match self.dice.below(8) {
                0 => &self.links,
                1 => &self.pipes,
                2..4 => &self.directories,
                _ => &self.files,
            },
            _ => return self.new_path(word),
        };
        // What is not there can be named too: the command fails, as others do.
        if kind.is_empty() {
            return if word == "pipe" { b"./pipe".to_vec() } else { b"./missing".to_vec() };
        }
        self.dice.pick(kind).clone()
    }

    fn new_path(&mut self, word: &str) -> Vec<u8> {
        // Deep trees, too: often in the directory that was made last.
        let parent = match self.directories.last() {
            Some(last) if self.dice.one_in(3) => last.clone(),
            _ => self.dice.pick(&self.directories).clone(),
        };
        let mut path = parent;
        path.push(b'/');
        if word == "new pipe" {
            path.extend_from_slice(PIPE.as_bytes());
        }
        let name = self.name();
        // A whole path fits where it is listed, and moved deeper.
        let name = if path.len() > 2000 { b"x".to_vec() } else { name };
        let room = 255 - if word == "new pipe" { PIPE.len() } else { 0 };
        path.extend_from_slice(&name[..name.len().min(room)]);
        let kind = match word {
            "new directory" => &mut self.directories,
            "new file" => &mut self.files,
            "new link" => &mut self.links,
            "new pipe" => &mut self.pipes,
            _ => panic!("{{{word}}} stands for nothing"),
        };
        kind.push(path.clone());
        path
    }

    fn name(&mut self) -> Vec<u8> {
        self.made += 1;
        let plain = format!("n{}", self.made);
        match self.dice.below(24) {
            0 => format!("{plain}\nline").into(),
            1 => format!(" {plain} space ").into(),
            2 => format!("-{plain}").into(),
            3 => [plain.as_bytes(), b"\xff\xfe\x80"].concat(),
            4 => format!("{plain:n<255}").into(),
            5 => format!("{plain}'\"$(x)`\\").into(),
            6 => format!("{plain}*?[a]").into(),
            7 => format!(".{plain}").into(),
            8 => format!("{plain}\t\x1b[31m\u{7f}").into(),
            9 => format!("{plain}äöü€").into(),
            10 => format!("..{plain}").into(),
            // The same name in several places, and one that sorts between another and its children.
            11 => b"a".to_vec(),
            12 => b"a-b".to_vec(),
            _ => plain.into(),
        }
    }

    fn value(&mut self, word: &str) -> Option<String> {
        let dice = &mut self.dice;
        Some(match word {
            "target" => return Some(self.target()),
            "mode" => (*dice.pick(&MODES)).to_owned(),
            "permissions" => (*dice.pick(&MODES[..PLAIN_MODES])).to_owned(),
            "owner" => (*dice.pick(&OWNERS)).to_owned(),
            "flags" => (*dice.pick(&FLAGS)).to_owned(),
            "access" => (*dice.pick(&ACCESS)).to_owned(),
            "capability" => (*dice.pick(&CAPABILITIES)).to_owned(),
            "attribute" => (*dice.pick(&["a", "b", "c.d"])).to_owned(),
            "value" => match *dice.pick(&VALUES) {
                "LARGE" => format!("0x{}", "5a".repeat(dice.between(1000, 3000) as usize)),
                value => format!("'{value}'"),
            },
            // From 1901, over 1970 and 2038, to what ext4 can keep.
            "time" => {
                let ends = [-2_147_483_648, -1, 1_000_000_000, 4_000_000_000, 15_032_385_534];
                let begin = dice.below(ends.len() as u64 - 1) as usize;
                let nanoseconds = if dice.one_in(4) { 0 } else { dice.below(1_000_000_000) };
                format!("@{}.{nanoseconds:09}", dice.between(ends[begin], ends[begin + 1]))
            }
            "lines" => format!("{{1..{}}}", dice.between(1, 300)),
            "size" => match dice.below(4) {
                0 => dice.between(1, 100),
                1 => dice.between(1, 25) * 4096,
                2 => dice.between(1, 100_000),
                _ => dice.between(100_000, 1_000_000),
            }
            .to_string(),
            "bytes" => match dice.below(4) {
                0 => dice.between(1, 100),
                1 => dice.between(1, 25) * 4096,
                2 => dice.between(1, 10_000),
                _ => dice.between(1, 100_000),
            }
            .to_string(),
            "few" => dice.between(1, 12).to_string(),
            _ => return None,
        })
    }

    /// Where a link leads: never out of the tree, whereto ever it is moved.
    fn target(&mut self) -> String {
        match self.dice.below(8) {
            0 => "nowhere".to_owned(),
            1 => ".".to_owned(),
            2 => "x".repeat(self.dice.between(100, 3000) as usize),
            3 => "$'\\377\\n'".to_owned(),
            4 => format!("\"$PWD\"/{}", quoted(&self.path("directory"))),
            _ => format!("\"$PWD\"/{}", quoted(&self.path("file"))),
        }
    }
}

/// A path as a word of bash, in ASCII.
fn quoted(path: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"./-_".contains(byte);
    if path.iter().all(plain) {
        return String::from_utf8(path.to_vec()).unwrap();
    }
    let mut word = String::from("$'");
    for byte in path {
        match byte {
            b'\'' | b'\\' => word.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => word.push(char::from(*byte)),
            _ => word.push_str(&format!("\\{byte:03o}")),
        }
    }
    word.push('\'');
    word
}
