//! Reading a command line by what is known about its program: which arguments are paths, what
//! happens to them, and what cannot be judged.

use std::path::{Path, PathBuf};

use super::findings::Findings;
use super::getopt::{Cutting, Piece, cut};
use super::grammar::{Effect, Leading, Operands, Program, Syntax};
use super::scripts::SCRIPT_IN_A_FILE;
use super::{Access, PathLookup, git, special};
use crate::system::ByteString;

/// Reads the arguments of a program that is known.
pub(super) fn read_known<'a>(
    program: &'static Program,
    arguments: &[ByteString],
    directory: &Path,
    lookup: &'a dyn PathLookup,
) -> Findings<'a> {
    let mut findings = Findings::new(directory, lookup);
    match program.syntax {
        Syntax::KeyValue => special::key_value(arguments, &mut findings),
        Syntax::Find => special::find(arguments, &mut findings),
        Syntax::Git => git::git(program, arguments, &mut findings),
        Syntax::WorkCopy(marker) => git::work_copy(program, marker, arguments, &mut findings),
        Syntax::Ar => special::ar(arguments, &mut findings),
        Syntax::Names => special::names(program, arguments, &mut findings),
        Syntax::LongWithOneDash => special::long_with_one_dash(program, arguments, &mut findings),
        Syntax::Subcommands(read) => read(program, arguments, &mut findings),
        syntax => {
            let cutting = Cutting {
                options_first: matches!(syntax, Syntax::OptionsFirst | Syntax::Script),
                bundled: matches!(syntax, Syntax::Bundled),
            };
            let pieces = cut(arguments, program.options, cutting);
            Reader::new(program, &mut findings).read(&pieces);
        }
    }
    findings
}

/// What the options of one command line add up to.
struct Reader<'f, 'a> {
    findings: &'f mut Findings<'a>,
    start: PathBuf,
    syntax: Syntax,
    flags: Option<&'static str>,
    suffixes: Vec<Vec<u8>>,
    replaced: &'static [(&'static str, &'static str)],
    default_prefix: Option<&'static str>,
    fills_unless_named: bool,
    also_writes: &'static [&'static str],
    also_fills: &'static [&'static str],
    keeps_backups: bool,
    with_parents: bool,
    operands: Operands,
    leading: bool,
    tree: bool,
    reads_only: bool,
    writes_archive: bool,
    fills_directory: bool,
    operand_is_code: Option<(&'static str, bool)>,
    prints: bool,
    not_into: bool,
    into: Option<Vec<u8>>,
    archives: Vec<Vec<u8>>,
    named_by_options: Vec<Vec<u8>>,
}

impl<'f, 'a> Reader<'f, 'a> {
    fn new(program: &Program, findings: &'f mut Findings<'a>) -> Self {
        Self {
            start: findings.base.clone(),
            findings,
            syntax: program.syntax,
            flags: program.flags,
            suffixes: program.suffixes.iter().map(|suffix| suffix.as_bytes().to_vec()).collect(),
            replaced: program.replaced,
            default_prefix: program.default_prefix,
            fills_unless_named: program.fills_unless_named,
            also_writes: program.also_writes,
            also_fills: program.also_fills,
            keeps_backups: false,
            with_parents: false,
            operands: program.operands,
            leading: true,
            tree: false,
            reads_only: false,
            writes_archive: false,
            fills_directory: program.fills_directory,
            operand_is_code: None,
            prints: false,
            not_into: false,
            into: None,
            archives: Vec::new(),
            named_by_options: Vec::new(),
        }
    }

    fn read(mut self, pieces: &[Piece<'_>]) {
        // The options say what the operands mean, wherever they stand: so the options first.
        let mut positional: Vec<(PathBuf, &[u8])> = Vec::new();
        for piece in pieces {
            match *piece {
                Piece::Option(option, value) => {
                    for effect in option.effects {
                        self.apply(*effect, option.short, value);
                    }
                }
                Piece::Operand(text @ [b'+', ..]) if matches!(self.syntax, Syntax::PlusCommand) => {
                    // `+12` and `+/pattern` only place the cursor.
                    let places = |byte: &u8| byte.is_ascii_digit();
                    let rest = text.get(1..).unwrap_or_default();
                    if !rest.iter().all(places) && !rest.starts_with(b"/") {
                        self.findings.refuse(text, "the program runs it as a command");
                    }
                }
                Piece::Unknown(name) => self.check_unknown(name),
                Piece::Operand(text) => positional.push((self.findings.base.clone(), text)),
            }
        }
        self.finish(&positional);
    }

    fn check_unknown(&mut self, name: &[u8]) {
        let Some(flags) = self.flags else { return };
        let known = matches!(name, [letter] if flags.as_bytes().contains(letter));
        if !known {
            self.findings.refuse(name, "hitl does not know this option of the interpreter");
        }
    }

    fn apply(&mut self, effect: Effect, letter: u8, value: Option<&[u8]>) {
        let text = value.unwrap_or_default();
        match effect {
            Effect::Path(access) => {
                self.findings.push(text, access);
                // Another place was named for what is written.
                self.fills_directory &= access != Access::WritesTree;
                self.fills_unless_named &= access == Access::Reads;
                if access == Access::WritesMatching {
                    self.default_prefix = None;
                }
            }
            Effect::Also(places) => {
                for place in places {
                    self.findings.push_place(Path::new(place), Access::WritesTree);
                }
            }
            Effect::When(wanted, effects) => {
                if text == wanted.as_bytes() {
                    for effect in effects {
                        self.apply(*effect, letter, value);
                    }
                }
            }
            Effect::Suffix(suffix) => self.suffixes.push(suffix.as_bytes().to_vec()),
            Effect::KeepsBackups => self.keeps_backups = true,
            Effect::WithParents => self.with_parents = true,
            Effect::Doubt(reason) => {
                let fragment = value.map_or_else(|| vec![b'-', letter], <[u8]>::to_vec);
                self.findings.doubt(&fragment, reason);
            }
            Effect::Into => self.into = Some(text.to_vec()),
            Effect::WithBeside => self.named_by_options.push(text.to_vec()),
            Effect::NotInto => self.not_into = true,
            Effect::Directory => self.findings.enter(text),
            Effect::Archive => self.archives.push(text.to_vec()),
            Effect::WritesArchive => self.writes_archive = true,
            Effect::FillsDirectory => self.fills_directory = true,
            Effect::ReadsOnly => self.reads_only = true,
            Effect::Tree => self.tree = true,
            Effect::Operands(operands) => self.operands = operands,
            Effect::NoLeading => self.leading = false,
            Effect::Backup if text.is_empty() || text.contains(&b'/') => {}
            Effect::Backup => self.suffixes.push(text.to_vec()),
            Effect::Script(examine) => {
                if let Some(reason) = examine(text) {
                    self.findings.refuse(text, reason);
                }
            }
            Effect::Code(reason) => {
                let fragment = value.map_or_else(|| vec![b'-', letter], <[u8]>::to_vec);
                self.findings.refuse(&fragment, reason);
            }
            Effect::OperandIsCode(reason) => self.operand_is_code = Some((reason, false)),
            Effect::OperandIsShellLine(reason) => self.operand_is_code = Some((reason, true)),
            Effect::Prints => self.prints = true,
        }
    }

    fn finish(mut self, mut positional: &[(PathBuf, &[u8])]) {
        if !self.leading {
            self.operands.leading = Leading::Absent;
        }
        if let Some((reason, is_shell_line)) = self.operand_is_code {
            let code = positional.first().map_or(b"-c".as_slice(), |(_, text)| text);
            if is_shell_line {
                self.findings.refuse_though_known(code, reason);
                let line = ByteString::from(code.to_vec());
                self.findings.lines.push((line, self.start.clone()));
            } else {
                self.findings.refuse(code, reason);
            }
            positional = positional.get(1..).unwrap_or_default();
            self.operands.first = None;
        } else if matches!(self.syntax, Syntax::Script) {
            self.check_script(positional.first().map(|(_, text)| *text));
        }
        if let (Leading::Text | Leading::Script(_), Some((_, text))) =
            (self.operands.leading, positional.first())
        {
            if let Leading::Script(examine) = self.operands.leading
                && let Some(reason) = examine(text)
            {
                self.findings.refuse(text, reason);
            }
            positional = positional.get(1..).unwrap_or_default();
        }
        // tar opens its archive before it goes anywhere.
        let end = std::mem::replace(&mut self.findings.base, self.start.clone());
        self.archives();
        self.findings.base.clone_from(&end);
        let named = std::mem::take(&mut self.named_by_options);
        let named: Vec<_> = named.iter().map(|text| (end.clone(), text.as_slice())).collect();
        self.sources(&named);
        self.positional(positional);
        self.findings.base = end;
        if (self.fills_directory || self.fills_unless_named) && !self.reads_only {
            self.findings.push_directory();
        }
        if !self.reads_only {
            for place in self.also_writes {
                self.findings.push_place(Path::new(place), Access::Writes);
            }
            for place in self.also_fills {
                self.findings.push_place(Path::new(place), Access::WritesTree);
            }
        }
        if let (Some(prefix), false) = (self.default_prefix, self.reads_only) {
            self.findings.push(prefix.as_bytes(), Access::WritesMatching);
        }
    }

    /// A shell or interpreter without a script, or with one that is no file, takes its code from
    /// somewhere that an approval cannot be bound to.
    fn check_script(&mut self, script: Option<&[u8]>) {
        const REASON: &str = "the interpreter takes its code from where nobody can review it \
                              (standard input, a pipe, a device)";
        if !self.leading {
            self.operands.first = None;
            return;
        }
        match script {
            None if self.prints || !self.findings.dynamic.is_empty() => {}
            None => self.findings.refuse(b"standard input", REASON),
            Some(script) if self.findings.is_standard_input_or_special(script) => {
                self.findings.refuse(script, REASON);
            }
            // `bash +x -c code`: shells have options that begin with a plus.
            Some(script @ [b'+', ..]) => {
                self.findings.refuse(script, "the shell takes it for an option");
            }
            Some(_) if self.prints => {}
            // It can be reviewed, and an approval is bound to its content; it is not read here.
            Some(script) => self.findings.doubt(script, SCRIPT_IN_A_FILE),
        }
    }

    fn archives(&mut self) {
        let access = if self.writes_archive { Access::Writes } else { Access::Reads };
        for archive in std::mem::take(&mut self.archives) {
            // `-` is standard input or output; `host:file` is on another host.
            if archive != b"-" {
                self.findings.push(&archive, access);
            }
        }
    }

    fn positional(&mut self, positional: &[(PathBuf, &[u8])]) {
        if let Some(directory) = self.into.take() {
            self.within_directory(positional, &directory);
            return;
        }
        let destination = match (self.operands.last, positional) {
            (Some(access), [.., (_, last)]) if positional.len() > 1 => Some((access, *last)),
            _ => None,
        };
        if let Some((access, last)) = destination {
            let sources = positional.get(..positional.len() - 1).unwrap_or_default();
            let into = !self.not_into && self.findings.is_directory(last);
            if sources.len() > 1 || into {
                self.within_directory(sources, last);
            } else {
                self.sources(sources);
                let access = self.adjusted(access);
                self.findings.push(last, access);
                self.written_beside(last, access);
            }
            return;
        }
        self.sources(positional);
        // `ln /elsewhere/a` makes `a` here.
        if let (Some(access), [(_, only)], false) =
            (self.operands.last, positional, self.reads_only)
            && self.operands.alone_goes_here
        {
            self.findings.push_within(b".", only, access);
        }
    }

    fn within_directory(&mut self, sources: &[(PathBuf, &[u8])], directory: &[u8]) {
        let access = self.operands.last.unwrap_or(Access::Writes);
        self.sources(sources);
        // What only adds entries leaves what is in the directory alone; rsync writes all of it.
        let whole = access == Access::WritesTree && self.operands.access == Some(Access::Reads);
        let on_directory = if whole { Access::WritesTree } else { Access::Writes };
        self.findings.push(directory, on_directory);
        for (_, source) in sources {
            let access = self.adjusted(access);
            self.findings.push_within(directory, source, access);
            let last = source.rsplit(|byte| *byte == b'/').find(|part| !part.is_empty());
            let within = [directory, b"/", last.unwrap_or_default()].concat();
            self.written_beside(&within, access);
        }
    }

    fn sources(&mut self, positional: &[(PathBuf, &[u8])]) {
        for (index, (base, text)) in positional.iter().enumerate() {
            let first = self.operands.first.filter(|_| index == 0);
            let Some(access) = first.or(self.operands.access) else { continue };
            let access = self.adjusted(access);
            self.findings.base.clone_from(base);
            self.findings.push(text, access);
            if access == Access::WritesMatching {
                self.default_prefix = None;
            }
            if access != Access::Reads {
                self.fills_unless_named = false;
            }
            if self.with_parents {
                self.parents(text, access);
            }
            // Where there is a destination, backups and the like are made there.
            if self.operands.last.is_none() {
                self.written_beside(text, access);
            }
        }
    }

    /// `rmdir -p a/b/c` removes `a/b` and `a` too.
    fn parents(&mut self, text: &[u8], access: Access) {
        let slashes = text.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        for (at, _) in slashes {
            self.findings.push(text.get(..at).unwrap_or_default(), access);
        }
    }

    fn written_beside(&mut self, text: &[u8], access: Access) {
        if matches!(access, Access::Writes | Access::WritesTree) {
            self.beside(text, access);
        }
    }

    /// `file.gz` beside `file`, and `file` beside `file.gz`.
    fn beside(&mut self, text: &[u8], access: Access) {
        for suffix in &self.suffixes {
            // `sed -i'old_*'`: the star stands for the name.
            let longer = if suffix.contains(&b'*') {
                suffix.split(|byte| *byte == b'*').collect::<Vec<_>>().join(text)
            } else {
                [text, suffix].concat()
            };
            self.findings.push(&longer, access);
            if let Some(shorter) = text.strip_suffix(suffix.as_slice()) {
                self.findings.push(shorter, access);
            }
        }
        for (ending, instead) in self.replaced {
            if let Some(stem) = text.strip_suffix(ending.as_bytes()) {
                self.findings.push(&[stem, instead.as_bytes()].concat(), access);
            }
        }
        if self.keeps_backups {
            self.findings.push(&[text, b"~"].concat(), access);
            // The next of several, whatever its number.
            self.findings.push(&[text, b".~"].concat(), Access::WritesMatching);
        }
    }

    fn adjusted(&self, access: Access) -> Access {
        match access {
            Access::Writes | Access::WritesTree | Access::WritesMatching if self.reads_only => {
                Access::Reads
            }
            Access::Writes if self.tree => Access::WritesTree,
            access => access,
        }
    }
}
