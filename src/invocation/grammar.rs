//! How a program's arguments are written, as data: which options take values, which values and
//! operands are paths, and what the program does to them.
//!
//! The tables in [`super::programs`] are made of these types; [`super::arguments`] reads a command
//! line by them. What a table does not say errs towards more paths and more writes.

use super::Access;
use super::findings::Findings;
use crate::system::ByteString;

/// What hitl knows about one program (or several that take the same arguments).
pub(super) struct Program {
    /// The last components of its name.
    pub(super) names: &'static [&'static str],
    /// The options that matter: those that take a value, and those that change what is written.
    /// An option that is not here is a flag that says nothing about paths.
    pub(super) options: &'static [OptionSpec],
    /// The letters of its options without a value, where the list is whole: any other option then
    /// makes the command dynamic, because it could take the next word for its value.
    pub(super) flags: Option<&'static str>,
    /// What its operands are.
    pub(super) operands: Operands,
    /// How its command line is cut.
    pub(super) syntax: Syntax,
    /// Whether it writes through a symbolic link (as `tee` does) rather than replacing it.
    pub(super) through_links: bool,
    /// Suffixes of the files that it makes beside an operand, or takes from it (`.gz`).
    pub(super) suffixes: &'static [&'static str],
    /// What stands at the end of a file that it makes, for what stands at the end of an operand:
    /// `.tar` for `.tgz`.
    pub(super) replaced: &'static [(&'static str, &'static str)],
    /// How the names of the files that it makes begin, where no operand says (`xaa` of split).
    pub(super) default_prefix: Option<&'static str>,
    /// Absolute paths that it writes without being told.
    pub(super) also_writes: &'static [&'static str],
    /// Directories that it writes into without being told.
    pub(super) also_fills: &'static [&'static str],
    /// Whether what it writes lands in the current directory, unless another one is named.
    pub(super) fills_directory: bool,
    /// The same, but only where no operand that is written is named.
    pub(super) fills_unless_named: bool,
    /// What it changes that no operand names, as a sentence for the reviewer.
    pub(super) uncovered: Option<&'static str>,
    /// The first argument under which all this holds; under any other nothing is known.
    pub(super) under: Option<&'static str>,
}

/// How a command line is cut into options and operands.
#[derive(Clone, Copy)]
pub(super) enum Syntax {
    /// GNU getopt: clusters, abbreviations, options between operands, `--`.
    Getopt,
    /// As getopt, but options end at the first operand, whose own arguments follow.
    OptionsFirst,
    /// As getopt, and the first word may be a cluster without its dash: `tar xzf a.tgz`.
    Bundled,
    /// As getopt, and a word that starts with `+` holds a command: `vim +'!sh' file`.
    PlusCommand,
    /// `name=value` words: `dd if=… of=…`.
    KeyValue,
    /// `find`: start points, then an expression.
    Find,
    /// A shell or interpreter: its options, the script, the script's own arguments. Without a
    /// script it reads its code from standard input.
    Script,
    /// `git`: global options, a subcommand, its arguments.
    Git,
    /// As git, for a work copy that is known by this directory at its top.
    WorkCopy(&'static str),
    /// `ar`: a word of letters, the archive, its members.
    Ar,
    /// The operands are names of which the files are made (`mktemp x.XXX`).
    Names,
    /// Long options begin with one dash, and there are no clusters: `openssl req -out x`.
    LongWithOneDash,
    /// What is written depends on a subcommand; the function reads it.
    Subcommands(fn(&'static Program, &[ByteString], &mut Findings<'_>)),
}

/// What operands are.
#[derive(Clone, Copy)]
pub(super) struct Operands {
    /// What stands first and is no path.
    pub(super) leading: Leading,
    /// What happens to the first path, where that differs from the others.
    pub(super) first: Option<Access>,
    /// What happens to them; `None`: they are not paths.
    pub(super) access: Option<Access>,
    /// What happens to the last of several, the destination.
    pub(super) last: Option<Access>,
    /// Whether a source without a destination goes into the current directory.
    pub(super) alone_goes_here: bool,
}

/// A first operand that is not a path.
#[derive(Clone, Copy)]
pub(super) enum Leading {
    /// There is none.
    Absent,
    /// A mode, an owner, a pattern.
    Text,
    /// A program text; the function says why it cannot be judged, where it cannot.
    Script(fn(&[u8]) -> Option<&'static str>),
}

/// One option.
pub(super) struct OptionSpec {
    /// Its letter, 0 where it has none.
    pub(super) short: u8,
    /// Its long name without dashes, empty where it has none.
    pub(super) long: &'static str,
    /// Whether it takes a value.
    pub(super) value: Value,
    /// What it means for paths.
    pub(super) effects: &'static [Effect],
}

/// Whether an option takes a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    /// It takes none.
    Never,
    /// It takes one: attached, or the next word.
    Always,
    /// It may have one attached: `-i.bak`, `--in-place=.bak`.
    Attached,
}

/// What an option means for paths.
#[derive(Clone, Copy)]
pub(super) enum Effect {
    /// Its value is a path.
    Path(Access),
    /// Its value is an operand like the others.
    WithBeside,
    /// Its value is the directory that the operands go into.
    Into,
    /// The destination is meant itself, also where it is a directory.
    NotInto,
    /// Its value is the directory that later operands are relative to.
    Directory,
    /// Its value is the archive: read, or written under [`Effect::WritesArchive`].
    Archive,
    /// The archive is written.
    WritesArchive,
    /// What is written lands in the current directory, unless another one is named.
    FillsDirectory,
    /// Nothing is written after all.
    ReadsOnly,
    /// It works on everything below the operands too.
    Tree,
    /// The operands are these from now on.
    Operands(Operands),
    /// The first operand is a path like the others.
    NoLeading,
    /// Its value, where it has one, is the suffix of a backup beside each operand.
    Backup,
    /// This suffix is one of the program's from now on.
    Suffix(&'static str),
    /// What is overwritten is kept as `name~` or `name.~1~`.
    KeepsBackups,
    /// The directories that lead to each operand, as far as it names them, are meant as well.
    WithParents,
    /// These absolute paths are written, with everything below them.
    Also(&'static [&'static str]),
    /// These effects, where its value is this.
    When(&'static str, &'static [Effect]),
    /// It makes the program write what is not known; the clause says why.
    Doubt(&'static str),
    /// Its value is a program text; the function says why it cannot be judged, where it cannot.
    Script(fn(&[u8]) -> Option<&'static str>),
    /// It makes the program run code or commands; the clause says how.
    Code(&'static str),
    /// The first operand is code (`sh -c`); the clause says so.
    OperandIsCode(&'static str),
    /// The first operand is a line for a POSIX shell; the clause says so.
    OperandIsShellLine(&'static str),
    /// It only prints something: without a script nothing is read from standard input.
    Prints,
}

impl Program {
    /// A program with operands and nothing else.
    pub(super) const fn new(names: &'static [&'static str], operands: Operands) -> Self {
        Self {
            names,
            options: &[],
            flags: None,
            operands,
            syntax: Syntax::Getopt,
            through_links: false,
            suffixes: &[],
            replaced: &[],
            default_prefix: None,
            also_writes: &[],
            also_fills: &[],
            fills_directory: false,
            fills_unless_named: false,
            uncovered: None,
            under: None,
        }
    }

    /// With these options.
    pub(super) const fn options(mut self, options: &'static [OptionSpec]) -> Self {
        self.options = options;
        self
    }

    /// With these letters for options without a value, and no others.
    pub(super) const fn only_flags(mut self, letters: &'static str) -> Self {
        self.flags = Some(letters);
        self
    }

    /// With this way of cutting the command line.
    pub(super) const fn syntax(mut self, syntax: Syntax) -> Self {
        self.syntax = syntax;
        self
    }

    /// Writing through symbolic links.
    pub(super) const fn through_links(mut self) -> Self {
        self.through_links = true;
        self
    }

    /// Making files with these suffixes beside its operands.
    pub(super) const fn suffixes(mut self, suffixes: &'static [&'static str]) -> Self {
        self.suffixes = suffixes;
        self
    }

    /// Making files whose names end in the second where an operand's ends in the first.
    pub(super) const fn replaced(
        mut self,
        replaced: &'static [(&'static str, &'static str)],
    ) -> Self {
        self.replaced = replaced;
        self
    }

    /// Making files whose names begin with this, where no operand says how they do.
    pub(super) const fn default_prefix(mut self, prefix: &'static str) -> Self {
        self.default_prefix = Some(prefix);
        self
    }

    /// Writing into the current directory, unless a file to write is named.
    pub(super) const fn fills_unless_named(mut self) -> Self {
        self.fills_unless_named = true;
        self
    }

    /// Writing these paths without being told.
    pub(super) const fn also_writes(mut self, paths: &'static [&'static str]) -> Self {
        self.also_writes = paths;
        self
    }

    /// Writing into these directories without being told.
    pub(super) const fn also_fills(mut self, directories: &'static [&'static str]) -> Self {
        self.also_fills = directories;
        self
    }

    /// Writing into the current directory, unless another one is named.
    pub(super) const fn fills_directory(mut self) -> Self {
        self.fills_directory = true;
        self
    }

    /// Known under this subcommand only.
    pub(super) const fn under(mut self, subcommand: &'static str) -> Self {
        self.under = Some(subcommand);
        self
    }

    /// Changing what no operand names.
    pub(super) const fn uncovered(mut self, sentence: &'static str) -> Self {
        self.uncovered = Some(sentence);
        self
    }
}

impl Operands {
    /// They are not paths.
    pub(super) const NONE: Self = Self {
        leading: Leading::Absent,
        first: None,
        access: None,
        last: None,
        alone_goes_here: false,
    };

    /// All of them are paths with this access.
    pub(super) const fn all(access: Access) -> Self {
        Self { access: Some(access), ..Self::NONE }
    }

    /// After something that is no path, all of them are paths with this access.
    pub(super) const fn after_text(access: Access) -> Self {
        Self { leading: Leading::Text, ..Self::all(access) }
    }

    /// After a program text, all of them are paths with this access.
    pub(super) const fn after_script(
        examine: fn(&[u8]) -> Option<&'static str>,
        access: Access,
    ) -> Self {
        Self { leading: Leading::Script(examine), ..Self::all(access) }
    }

    /// Sources, then one destination.
    pub(super) const fn to_last(sources: Access, destination: Access) -> Self {
        Self { last: Some(destination), ..Self::all(sources) }
    }

    /// Sources, then one destination; a source alone goes into the current directory.
    pub(super) const fn to_last_or_here(sources: Access, destination: Access) -> Self {
        Self { alone_goes_here: true, ..Self::to_last(sources, destination) }
    }

    /// One path, then what is no path.
    pub(super) const fn only_first(access: Access) -> Self {
        Self { first: Some(access), ..Self::NONE }
    }

    /// One path, then others.
    pub(super) const fn first_then(first: Access, others: Access) -> Self {
        Self { first: Some(first), ..Self::all(others) }
    }
}

/// An option without a value.
pub(super) const fn flag(short: u8, long: &'static str, effects: &'static [Effect]) -> OptionSpec {
    OptionSpec { short, long, value: Value::Never, effects }
}

/// An option with a value.
pub(super) const fn valued(
    short: u8,
    long: &'static str,
    effects: &'static [Effect],
) -> OptionSpec {
    OptionSpec { short, long, value: Value::Always, effects }
}

/// An option that may have a value attached.
pub(super) const fn attached(
    short: u8,
    long: &'static str,
    effects: &'static [Effect],
) -> OptionSpec {
    OptionSpec { short, long, value: Value::Attached, effects }
}
