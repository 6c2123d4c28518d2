//! Programs that make keys, certificates and signatures.

use super::super::Access::{Reads, Writes, WritesTree};
use super::super::grammar::{
    Effect::{self, Code, Path},
    Operands, Program, Syntax, flag, valued,
};

pub(super) const PROGRAMS: &[Program] = &[
    // Long names with one dash. What is not surely an output may be one.
    Program::new(&["openssl"], Operands::NONE)
        .syntax(Syntax::LongWithOneDash)
        .through_links()
        .options(&[
            valued(0, "out", &[Path(Writes)]),
            valued(0, "keyout", &[Path(Writes)]),
            valued(0, "writerand", &[Path(Writes)]),
            valued(0, "sigout", &[Path(Writes)]),
            valued(0, "certsout", &[Path(Writes)]),
            valued(0, "crlsout", &[Path(Writes)]),
            valued(0, "outdir", &[Path(WritesTree)]),
            valued(0, "in", &[Path(Reads)]),
            valued(0, "inkey", &[Path(Reads)]),
            valued(0, "key", &[Path(Reads)]),
            valued(0, "CA", &[Path(Reads)]),
            valued(0, "CAkey", &[Path(Reads)]),
            valued(0, "CAfile", &[Path(Reads)]),
            valued(0, "CAserial", &[Path(Writes)]),
            flag(
                0,
                "CAcreateserial",
                &[Effect::Doubt("the file of serial numbers lies beside that of the authority")],
            ),
            valued(0, "config", &[Path(Reads), Code("an OpenSSL configuration can load code")]),
            valued(0, "engine", &[Code("OpenSSL loads the engine that it names")]),
            valued(0, "provider", &[Code("OpenSSL loads the provider that it names")]),
            valued(0, "provider-path", &[Code("OpenSSL loads providers from there")]),
            valued(0, "passin", &[]),
            valued(0, "passout", &[]),
            valued(0, "subj", &[]),
            valued(0, "days", &[]),
        ]),
    // A key, its public half, a signature, a list of hosts and what it was before.
    Program::new(&["ssh-keygen"], Operands::all(Writes))
        .suffixes(&[".pub", ".sig"])
        .replaced(&[(".pub", "-cert.pub")])
        .uncovered("ssh-keygen without -f writes into the home of whom it runs as")
        .options(&[
            valued(b'f', "", &[Effect::WithBeside]),
            valued(b'a', "", &[]),
            valued(b'b', "", &[]),
            valued(b'C', "", &[]),
            valued(b'D', "", &[Code("ssh-keygen loads the library that it names")]),
            valued(b'E', "", &[]),
            valued(b'F', "", &[Effect::ReadsOnly]),
            valued(b'I', "", &[]),
            valued(b'm', "", &[]),
            valued(b'M', "", &[Effect::Doubt("ssh-keygen -M writes the file that it names")]),
            valued(b'n', "", &[]),
            valued(b'N', "", &[]),
            valued(b'O', "", &[]),
            valued(b'P', "", &[]),
            valued(b'r', "", &[]),
            valued(b'R', "", &[Effect::Suffix(".old")]),
            flag(b'H', "", &[Effect::Suffix(".old")]),
            valued(b's', "", &[Path(Reads)]),
            valued(b't', "", &[]),
            valued(b'V', "", &[]),
            valued(b'w', "", &[Code("ssh-keygen loads the library that it names")]),
            valued(b'Y', "", &[]),
            valued(b'z', "", &[]),
            flag(b'A', "", &[Effect::Also(&["/etc/ssh"])]),
            flag(b'l', "", &[Effect::ReadsOnly]),
            flag(b'B', "", &[Effect::ReadsOnly]),
            flag(b'y', "", &[Effect::ReadsOnly]),
            flag(b'L', "", &[Effect::ReadsOnly]),
            flag(b'Q', "", &[Effect::ReadsOnly]),
        ]),
    // Without -o the result lies beside what it was made of.
    Program::new(&["gpg", "gpg2"], Operands::all(Writes))
        .suffixes(&[".gpg", ".asc", ".sig"])
        .uncovered("the keyrings and trust database of whom gpg runs as are not captured")
        .options(&[
            valued(b'o', "output", &[Path(Writes)]),
            valued(b'r', "recipient", &[]),
            valued(b'R', "hidden-recipient", &[]),
            valued(b'u', "local-user", &[]),
            valued(0, "homedir", &[Path(WritesTree)]),
            valued(0, "passphrase", &[]),
            valued(0, "passphrase-file", &[Path(Reads)]),
            valued(0, "passphrase-fd", &[]),
            valued(0, "pinentry-mode", &[]),
            valued(0, "cipher-algo", &[]),
            valued(0, "digest-algo", &[]),
            valued(0, "status-fd", &[]),
            valued(0, "status-file", &[Path(Writes)]),
            valued(0, "log-file", &[Path(Writes)]),
            valued(0, "keyserver", &[]),
            valued(0, "keyring", &[Path(Writes)]),
            valued(0, "options", &[Code("gpg reads further options from a file")]),
            valued(0, "agent-program", &[Code("gpg runs the program that it names")]),
            valued(0, "dirmngr-program", &[Code("gpg runs the program that it names")]),
            valued(0, "photo-viewer", &[Code("gpg runs the program that it names")]),
            flag(0, "multifile", &[]),
        ]),
];
