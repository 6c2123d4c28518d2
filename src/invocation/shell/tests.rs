//! What is read out of shell lines, as a table: one line a promise.

use std::path::Path;

use super::super::Access;
use super::super::imagine;
use crate::system::ByteString;

/// What a line is found to write, as in the table of programs (`?` where more is not known), each
/// path once.
fn written(line: &str) -> String {
    let argv = ["sh", "-c", line].map(ByteString::from);
    let reading = imagine(&argv, Path::new("/w"), &["/usr/bin".into()]);
    assert!(!reading.dynamic.is_empty(), "a shell line is never harmless: {line}");
    let mut all: Vec<String> = Vec::new();
    let inner = reading.inner.iter().filter(|command| !command.wraps);
    for operand in inner.flat_map(|command| &command.operands) {
        let access = match operand.access {
            Access::Reads => continue,
            Access::Writes => 'w',
            Access::WritesTree => 't',
            Access::WritesMatching => 'm',
            Access::Unknown => '?',
        };
        let shown = format!("{access}:{}", operand.path.display());
        if !all.contains(&shown) {
            all.push(shown);
        }
    }
    if !reading.doubts.is_empty() {
        all.push("?".to_owned());
    }
    all.join(" ")
}

#[test]
fn every_simple_command_and_every_redirection_is_read() {
    for (line, expected) in [
        ("rm x", "w:/w/x"),
        ("rm x; rm y & rm z", "w:/w/x w:/w/y w:/w/z"),
        ("rm x\nrm y", "w:/w/x w:/w/y"),
        ("test -e x && rm x || touch y", "w:/w/x w:/w/y"),
        ("echo a > x", "w:/w/x"),
        ("echo a >> x 2>&1", "w:/w/x"),
        ("echo a &> x", "w:/w/x"),
        ("echo a >| x 2> y", "w:/w/x w:/w/y"),
        ("cat <> x", "w:/w/x"),
        ("cat < x", ""),
        ("> x", "w:/w/x"),
        ("exec > x", "w:/w/x"),
        ("cat a | tee b | sort -o c", "w:/w/b w:/w/c"),
        ("(rm x; (rm y))", "w:/w/x w:/w/y"),
        ("{ rm x; rm y; } > z", "w:/w/x w:/w/y w:/w/z"),
        ("if rm x; then rm y; else rm z; fi", "w:/w/x w:/w/y w:/w/z"),
        ("while true; do rm x; done", "w:/w/x"),
        ("for i in a b; do rm x; done > y", "w:/w/x w:/w/y"),
        ("case $1 in a|b) rm x;; *) rm y;; esac; rm z", "w:/w/x w:/w/y w:/w/z"),
        ("f() { rm x; }; f", "w:/w/x ?:/w/f"),
        ("! rm x", "w:/w/x"),
        ("A=1 B=2 rm x", "w:/w/x"),
        ("A=1", ""),
        ("echo \"$(rm x)\" `rm y`", "w:/w/x w:/w/y ?"),
        ("diff <(rm x) y", "w:/w/x ?"),
        ("cat <<E > x\nrm y\nE\nrm z", "w:/w/x w:/w/z"),
        ("cat <<E\n$(rm x)\nE", "w:/w/x"),
        ("cat <<'E'\n$(rm x)\nE", ""),
        ("rm x # rm y", "w:/w/x"),
        ("eval 'rm x'", "w:/w/x"),
        ("trap 'rm x' EXIT", "w:/w/x"),
        ("sudo rm x; env A=1 rm y", "w:/w/x w:/w/y"),
        ("bash -c 'rm x; sh -c \"rm y\"'", "w:/w/x w:/w/y"),
        ("find d -name x | xargs rm -f", "t:/w/d"),
        ("find d -print0 | xargs -0 -n 1 chmod 644", "t:/w/d"),
        ("cat list | xargs rm -f", "?"),
        ("find d -delete", "t:/w/d"),
    ] {
        // The name of a function is a command that is not known.
        let expected = expected.replace(" ?:/w/f", "");
        assert_eq!(written(line), expected, "{line}");
    }
}

#[test]
fn quotes_escapes_and_patterns_mean_what_they_mean_to_a_shell() {
    for (line, expected) in [
        ("rm 'a b'", "w:/w/a b"),
        ("rm \"a b\" c\\ d", "w:/w/a b w:/w/c d"),
        ("rm a'b'\"c\"\\d", "w:/w/abcd"),
        ("rm $'a\\tb'", "w:/w/a\tb"),
        ("rm 'a;b' 'c>d'", "w:/w/a;b w:/w/c>d"),
        ("rm *.log", "m:/w/*.log"),
        ("rm -r /d/*", "m:/d/*"),
        ("rm '*.log'", "w:/w/*.log"),
        ("rm '['*", "m:/w/\\[*"),
        ("mkdir {a,b}", "m:/w/{a,b}"),
        ("rm {}", "w:/w/{}"),
        ("rm x{1..3} y", "w:/w/y ?"),
        ("gzip *.log", "m:/w/*.log m:/w/*.log.gz m:/w/*.log.Z"),
        ("echo * > x", "w:/w/x"),
        ("cp *.a /d/", "w:/d m:/d/*.a"),
    ] {
        assert_eq!(written(line), expected, "{line}");
    }
}

#[test]
fn a_change_of_directory_is_followed_where_it_is_literal() {
    for (line, expected) in [
        ("cd d && rm x", "w:/w/d/x"),
        ("cd /d && rm x && cd ../e && rm y", "w:/d/x w:/e/y"),
        // It may not be there: then the rest runs where it was.
        ("cd d; rm x", "w:/w/d/x w:/w/x"),
        ("cd d && rm x || rm y", "w:/w/d/x w:/w/d/y w:/w/y"),
        ("(cd d && rm x); rm y", "w:/w/d/x w:/w/y"),
        ("cd d | rm x", "w:/w/x"),
        ("cd \"$D\" && rm x /y", "w:/y ?"),
        ("cd && rm x", "?"),
        ("cd $D; cd /e && rm x", "w:/e/x ?"),
        ("mkdir -p d && cd d && touch x", "w:/w/d w:/w/d/x"),
    ] {
        assert_eq!(written(line), expected, "{line}");
    }
}

#[test]
fn what_is_not_known_is_said_and_what_is_known_beside_it_is_found() {
    for (line, fragment, expected) in [
        ("rm $x y", "$x", "w:/w/y ?"),
        ("rm \"${dir}/x\" y", "\"${dir}/x\"", "w:/w/y ?"),
        ("rm ~/x y", "~/x", "w:/w/y ?"),
        ("echo > $out; rm y", "$out", "w:/w/y ?"),
        ("$cmd x; rm y", "$cmd", "w:/w/y ?"),
        ("eval \"rm $x\"; rm y", "rm …", "w:/w/y ?"),
        (". ./env; rm y", ". ./env", "w:/w/y ?"),
        ("python3 -c 'x'; rm y", "x", "w:/w/y ?"),
        ("rm y; echo 'unclosed", "rm y; echo 'unclosed", "w:/w/y ?"),
        ("cp \"$a\" /etc/x", "\"$a\"", "w:/etc/x ?"),
    ] {
        let argv = ["sh", "-c", line].map(ByteString::from);
        let reading = imagine(&argv, Path::new("/w"), &["/usr/bin".into()]);
        let said: Vec<_> = reading.doubts.iter().filter_map(|one| one.fragment.as_str()).collect();
        assert!(said.contains(&fragment), "{line}: {said:?}");
        assert_eq!(written(line), expected, "{line}");
    }
    let deep = format!("{}true{}", "$(".repeat(40), ")".repeat(40));
    assert!(written(&deep).ends_with('?'), "{deep}");
    let long = format!("rm {}", "x".repeat(70_000));
    assert!(written(&long).ends_with('?'));
}
