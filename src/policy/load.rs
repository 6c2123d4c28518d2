//! From files to a policy that can decide.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::PolicyIdentity;
use super::cache::{self, Key, Stamp};
use super::check::check;
use super::compiled::Policy;
use super::diagnostic::Source;
use super::document::Document;
use super::error::PolicyError;
use super::protected::Protected;
use super::read::ReadDocument;
use super::verify::check_examples;
use crate::system::trusted::{self, TrustError};
use crate::system::{ByteString, Digest, Directories, Scope};

/// The largest file of a policy, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// The largest policy, all files together, in bytes.
const LARGEST_POLICY: u64 = 8 << 20;

/// What stands in where a user has no policy.
const BUILT_IN: &str = include_str!("../../policies/default.yaml");

/// What the built-in policy is called in errors.
const BUILT_IN_NAME: &str = "the built-in policy";

impl Policy {
    /// Loads the policy of this scope. That its files can be trusted is checked every time; what
    /// they say is taken from the compiled cache where none of them has changed.
    ///
    /// # Errors
    /// [`PolicyError`]: a missing, unsafe or wrong policy. System scope never does without one.
    pub fn load(directories: &Directories) -> Result<Self, PolicyError> {
        let sources = Sources::of(directories)?;
        let cache = directories.policy_cache();
        let cached =
            sources.key.as_ref().and_then(|key| cache::read(&cache, directories.scope, key));
        if let Some(cached) = cached {
            return Ok(Self::from_cache(cached, Protected::of(directories)));
        }
        let (identity, document) = sources.compile(directories.scope, directories.scope)?;
        if let Some(key) = &sources.key {
            cache::write(&cache, key, &identity, &document);
        }
        Ok(Self::new(identity, document, Protected::of(directories)))
    }

    /// As [`Policy::load`], but everything is read and every example is checked, whatever the cache
    /// holds: for looking at the policy itself.
    ///
    /// # Errors
    /// As [`Policy::load`].
    pub fn load_whole(directories: &Directories) -> Result<Self, PolicyError> {
        let (identity, document) =
            Sources::of(directories)?.compile(directories.scope, directories.scope)?;
        Ok(Self::new(identity, document, Protected::of(directories)))
    }

    /// Whether the policy in use would also do for a host: whoever must approve, it names.
    ///
    /// # Errors
    /// Where its files cannot be found or trusted.
    pub fn would_do_for_a_host(directories: &Directories) -> Result<bool, PolicyError> {
        let sources = Sources::of(directories)?;
        Ok(sources.compile(directories.scope, Scope::System).is_ok())
    }

    /// A policy from its text, for looking at one that is not installed.
    ///
    /// # Errors
    /// [`PolicyError`] for a text that is too long or wrong.
    pub fn from_text(name: &str, text: &str, scope: Scope) -> Result<Self, PolicyError> {
        if text.len() as u64 > LARGEST_FILE {
            return Err(TrustError::TooLarge(name.into(), LARGEST_FILE).into());
        }
        let sources = vec![Source { name: name.to_owned(), text: text.to_owned() }];
        let (identity, document) = compile(sources, vec![ByteString::from(name)], scope)?;
        Ok(Self::new(identity, document, Protected::installed()))
    }
}

/// Where a policy is, before it is read.
struct Sources {
    /// The files, each found trustworthy. `None`: the built-in policy.
    files: Option<Vec<PathBuf>>,
    /// What a cache of them must hold for.
    key: Option<Key>,
}

impl Sources {
    fn of(directories: &Directories) -> Result<Self, PolicyError> {
        let files = files(directories)?;
        let stamps: Vec<Stamp> = files
            .iter()
            .flatten()
            .map(|file| {
                let opened = trusted::open(file, directories.scope)?;
                let metadata = opened.metadata();
                metadata
                    .map(|metadata| Stamp::of(file, &metadata))
                    .map_err(|error| TrustError::Unreadable(file.clone(), error))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { files, key: Key::of(stamps, directories.scope) })
    }

    /// Reads the files as this scope trusts them, and checks them as that one demands.
    fn compile(
        &self,
        trusted: Scope,
        demands: Scope,
    ) -> Result<(PolicyIdentity, Document), PolicyError> {
        let Some(files) = &self.files else {
            let built_in = Source { name: BUILT_IN_NAME.to_owned(), text: BUILT_IN.to_owned() };
            return compile(vec![built_in], Vec::new(), demands);
        };
        let names = files.iter().map(|file| ByteString::from(file.as_path())).collect();
        compile(read_sources(files, trusted)?, names, demands)
    }
}

fn compile(
    sources: Vec<Source>,
    names: Vec<ByteString>,
    scope: Scope,
) -> Result<(PolicyIdentity, Document), PolicyError> {
    let digest = digest(&sources);
    let read = ReadDocument::read(sources)?;
    check(&read, scope)?;
    check_examples(&read, &read.document.defaults.environment.path.0)?;
    let name = read.document.name.as_str().to_owned();
    Ok((PolicyIdentity { name, sources: names, digest }, read.document))
}

/// The digest over the sources, each preceded by its length.
fn digest(sources: &[Source]) -> Digest {
    let lengths: Vec<[u8; 8]> =
        sources.iter().map(|source| (source.text.len() as u64).to_be_bytes()).collect();
    let parts: Vec<&[u8]> = lengths
        .iter()
        .zip(sources)
        .flat_map(|(length, source)| [&length[..], source.text.as_bytes()])
        .collect();
    Digest::of_parts(&parts)
}

/// The policy's files, in order. `None`: the built-in policy stands in.
fn files(directories: &Directories) -> Result<Option<Vec<PathBuf>>, PolicyError> {
    let main = &directories.policy_file;
    match std::fs::symlink_metadata(main) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match (directories.policy_chosen, directories.scope) {
                (true, _) => Err(PolicyError::NoChosenPolicy(main.clone())),
                (false, Scope::System) => Err(PolicyError::NoSystemPolicy(main.clone())),
                (false, Scope::User) => Ok(None),
            };
        }
        Err(error) => return Err(TrustError::Unreadable(main.clone(), error).into()),
    }
    let mut files = vec![main.clone()];
    if let Some(directory) = &directories.policy_directory {
        files.extend(further_files(directory, directories.scope)?);
    }
    Ok(Some(files))
}

/// The `*.yaml` files of a directory, in byte order. Dot files and editors' backups (`*~`) do not
/// count; any other name is refused, since a restriction in it would be missed.
fn further_files(directory: &Path, scope: Scope) -> Result<Vec<PathBuf>, PolicyError> {
    let failed = |error| PolicyError::Directory(directory.to_owned(), error);
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    // Who can write the directory can take files away, even where no file is left to be checked.
    trusted::check_directory(directory, scope)?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if name.starts_with(b".") || name.ends_with(b"~") {
            continue;
        }
        if path.extension() != Some(OsStr::new("yaml")) {
            return Err(PolicyError::Misnamed(path));
        }
        files.push(path);
    }
    files.sort();
    Ok(files)
}

fn read_sources(files: &[PathBuf], scope: Scope) -> Result<Vec<Source>, PolicyError> {
    let mut total = 0;
    let mut sources = Vec::with_capacity(files.len());
    for file in files {
        let read = trusted::read(file, scope, LARGEST_FILE)?;
        let name = file.to_string_lossy().into_owned();
        total += read.bytes.len() as u64;
        if total > LARGEST_POLICY {
            return Err(PolicyError::TooLarge(name, LARGEST_POLICY));
        }
        let text = String::from_utf8(read.bytes).map_err(|_| PolicyError::NotText(name.clone()))?;
        sources.push(Source { name, text });
    }
    Ok(sources)
}
