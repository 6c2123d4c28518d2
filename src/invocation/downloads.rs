//! `curl` and `wget`: files that are named after addresses.

use super::Access::{Writes, WritesMatching, WritesTree};
use super::findings::Findings;
use super::getopt::{Cutting, Piece, cut};
use super::grammar::{Effect, Program};
use crate::system::ByteString;

/// What of a command line matters to both.
struct Download<'a> {
    addresses: Vec<&'a [u8]>,
    /// The long names of the options that are given.
    given: Vec<&'static str>,
    /// The directory that files go into, where one is named.
    directory: Option<&'a [u8]>,
    /// Where everything goes, where that is named.
    output: bool,
    tree: bool,
    reads_only: bool,
}

fn read<'a>(
    program: &'static Program,
    arguments: &'a [ByteString],
    findings: &mut Findings<'_>,
) -> Download<'a> {
    let mut download = Download {
        addresses: Vec::new(),
        given: Vec::new(),
        directory: None,
        output: false,
        tree: false,
        reads_only: false,
    };
    for piece in cut(arguments, program.options, Cutting::default()) {
        match piece {
            Piece::Operand(address) => download.addresses.push(address),
            Piece::Unknown(_) => {}
            Piece::Option(option, value) => {
                download.given.push(option.long);
                let text = value.unwrap_or_default();
                match option.long {
                    "output-dir" | "directory-prefix" => download.directory = value,
                    "output-document" => download.output = true,
                    _ => {}
                }
                for effect in option.effects {
                    match effect {
                        // `-` is standard output.
                        Effect::Path(_) if text == b"-" => {}
                        Effect::Path(access) => {
                            findings.push(text, *access);
                            // `curl -o 'part-#1' 'https://host/{a,b}'`.
                            let counts =
                                |two: &[u8]| matches!(two, [b'#', digit] if digit.is_ascii_digit());
                            if text.windows(2).any(counts) {
                                findings.doubt(text, "it names a file for each address");
                            }
                        }
                        Effect::Code(reason) => findings.refuse(text, reason),
                        Effect::Doubt(reason) => {
                            findings.doubt(option.long.as_bytes(), reason);
                        }
                        Effect::Tree => download.tree = true,
                        Effect::ReadsOnly => download.reads_only = true,
                        _ => {}
                    }
                }
            }
        }
    }
    download
}

/// The last component of an address's path.
fn last_component(address: &[u8]) -> &[u8] {
    let end = address.iter().position(|byte| b"?#".contains(byte)).unwrap_or(address.len());
    let address = address.get(..end).unwrap_or_default();
    let path = match address.windows(3).position(|window| window == b"://") {
        Some(at) => address.get(at + 3..).unwrap_or_default(),
        None => address,
    };
    let slash = path.iter().rposition(|byte| *byte == b'/');
    slash.and_then(|at| path.get(at + 1..)).unwrap_or_default()
}

fn within(directory: Option<&[u8]>, name: &[u8]) -> Vec<u8> {
    directory.map_or_else(|| name.to_vec(), |directory| [directory, b"/", name].concat())
}

/// `curl -O ADDRESS`, `curl -o FILE ADDRESS`.
pub(super) fn curl(
    program: &'static Program,
    arguments: &[ByteString],
    findings: &mut Findings<'_>,
) {
    let download = read(program, arguments, findings);
    let by_address =
        download.given.iter().any(|one| matches!(*one, "remote-name" | "remote-name-all"));
    if by_address {
        for address in &download.addresses {
            let name = last_component(address);
            // curl takes braces and brackets in an address for patterns.
            let several = address.iter().any(|byte| b"{}[]".contains(byte));
            match name {
                b"" => {}
                _ if several => findings.doubt(address, "curl makes several addresses of it"),
                name => findings.push(&within(download.directory, name), Writes),
            }
        }
    }
}

/// `wget ADDRESS`: a file that is there already is kept, and the new one gets a number.
pub(super) fn wget(
    program: &'static Program,
    arguments: &[ByteString],
    findings: &mut Findings<'_>,
) {
    let download = read(program, arguments, findings);
    if download.output || download.reads_only {
        return;
    }
    let many = download.tree || download.given.contains(&"input-file");
    if many && download.directory.is_none() && !download.addresses.is_empty() {
        for address in &download.addresses {
            let host = address.split(|byte| *byte == b'/').nth(2).unwrap_or_default();
            findings.push(host, WritesTree);
        }
    }
    if download.given.contains(&"input-file") {
        findings.doubt(b"-i", "the file says which addresses are fetched");
    }
    for address in download.addresses {
        let query = address.iter().position(|byte| *byte == b'?');
        let name = match (last_component(address), query) {
            (b"", _) => b"index.html".to_vec(),
            (name, Some(at)) => [name, address.get(at..).unwrap_or_default()].concat(),
            (name, None) => name.to_vec(),
        };
        findings.push(&within(download.directory, &name), WritesMatching);
    }
}
