//! What everyday programs change is undone without a rule that names any path: the arguments say it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::tree::{Tree, set_modified};
use crate::undoing::id_of;
use crate::world::World;
use crate::world_or_skip;

/// Everything is allowed, and what cannot be read is for bob. No rule names a path.
const POLICY: &str = r#"
version: 1
name: operands
defaults: {decision: deny}
groups: [{name: ops, users: [bob]}]
rules:
  - id: everything
    match: {command: "/**"}
    decision: allow
    risk: low
    require: [{group: ops, count: 1}]
"#;

/// What every command finds around it.
const TREE: &str = r"
mkdir -p dir/deep empty; printf 'alpha\nbeta\nbeta\n' >a; echo other >b; echo c >dir/c
printf 'd\0\377' >dir/deep/d; ln -s a link; ln -s dir way; ln -s nowhere dangling; echo y >'with blank'
chmod 640 a; chmod 4755 dir/c; chmod 2750 empty; mkfifo pipe; chown 2001:2002 b dir/deep
";

/// The program, what it needs beside the tree, and the command.
type Case = (&'static str, &'static str, &'static [&'static str]);

/// One line a program and a way to use it.
const COMMANDS: &[Case] = &[
    ("rm", "", &["rm", "-rf", "dir", "link", "a", "absent"]),
    ("mv", "", &["mv", "a", "dir", "empty"]),
    ("mv", "", &["mv", "-b", "a", "b"]),
    ("mv", "", &["mv", "-T", "dir", "empty"]),
    ("mv", "", &["mv", "--backup=numbered", "a", "b"]),
    ("cp", "", &["cp", "-a", "dir/.", "empty"]),
    ("cp", "", &["cp", "--backup=t", "a", "b"]),
    ("cp", "", &["cp", "--parents", "dir/deep/d", "empty"]),
    ("cp", "", &["cp", "a", "link", "way"]),
    ("cp", "", &["cp", "--remove-destination", "b", "dangling"]),
    ("ln", "", &["ln", "-s", "dir/c"]),
    ("ln", "", &["ln", "-sfb", "dir/c", "link"]),
    ("ln", "", &["ln", "-sfn", "empty", "way"]),
    ("link", "", &["link", "a", "new"]),
    ("unlink", "", &["unlink", "b"]),
    ("install", "", &["install", "-bD", "a", "new/deep/b"]),
    ("install", "", &["install", "-S", ".old", "-b", "-m", "600", "a", "b"]),
    ("sed", "", &["sed", "-i.bak", "s/a/A/", "a", "b"]),
    ("sed", "", &["sed", "-i", "s/a/A/", "link"]),
    ("tee", "", &["tee", "a", "new", "way/new", "dangling"]),
    ("dd", "", &["dd", "if=b", "of=a", "conv=notrunc", "status=none"]),
    ("truncate", "", &["truncate", "-s", "100", "a", "new"]),
    ("shred", "", &["shred", "-u", "a"]),
    ("fallocate", "", &["fallocate", "-l", "9000", "new"]),
    ("chmod", "", &["chmod", "-R", "a=rX", "dir", "a"]),
    ("chmod", "", &["chmod", "-x", "dir/c"]),
    ("chown", "", &["chown", "-R", "2003:2003", "dir", "link"]),
    ("chgrp", "", &["chgrp", "-h", "2003", "link", "a"]),
    ("setfacl", "", &["setfacl", "-R", "-m", "u:2003:rw", "dir"]),
    ("setfattr", "", &["setfattr", "-n", "user.x", "-v", "1", "a"]),
    ("setcap", "", &["setcap", "cap_net_raw+ep", "a"]),
    ("touch", "", &["touch", "-d", "2001-01-01", "a", "new", "link"]),
    ("mkdir", "", &["mkdir", "-p", "new/deep/er", "dir/x"]),
    ("rmdir", "mkdir -p x/y/z", &["rmdir", "-p", "x/y/z"]),
    ("mkfifo", "", &["mkfifo", "new"]),
    ("mknod", "", &["mknod", "new", "p"]),
    ("mktemp", "", &["mktemp", "-p", "dir", "new.XXXXXX"]),
    ("mktemp", "", &["mktemp", "-d", "./new-XXXXXX"]),
    ("tar", "tar cf x.tar a dir; rm -r dir", &["tar", "xf", "x.tar"]),
    ("tar", "tar czf x.tgz a dir", &["tar", "-C", "empty", "-xzf", "x.tgz"]),
    ("tar", "", &["tar", "czf", "new.tgz", "dir"]),
    ("tar", "", &["tar", "cf", "new.tar", "--remove-files", "dir", "a"]),
    ("unzip", "zip -qr x.zip a dir; echo changed >a", &["unzip", "-qo", "x.zip"]),
    ("unzip", "zip -qr x.zip a dir", &["unzip", "-q", "x.zip", "-d", "new"]),
    ("zip", "", &["zip", "-q", "new", "a", "dir/c"]),
    ("zip", "zip -q x.zip a", &["zip", "-qm", "x.zip", "b"]),
    ("gzip", "", &["gzip", "a"]),
    ("gzip", "chmod 644 dir/c", &["gzip", "-r", "dir"]),
    ("gunzip", "tar czf x.tgz a; rm a", &["gunzip", "x.tgz"]),
    ("bzip2", "", &["bzip2", "-k", "a"]),
    ("bunzip2", "bzip2 a", &["bunzip2", "a.bz2"]),
    ("xz", "", &["xz", "a", "b"]),
    ("unxz", "xz a", &["unxz", "a.xz"]),
    ("zstd", "", &["zstd", "-q", "--rm", "a"]),
    ("zstd", "", &["zstd", "-q", "a", "-o", "new"]),
    ("unzstd", "zstd -q --rm a", &["unzstd", "-q", "a.zst"]),
    ("lz4", "", &["lz4", "-q", "a", "new"]),
    ("lz4", "", &["lz4", "-q", "--rm", "a"]),
    ("ar", "", &["ar", "rc", "new.a", "a", "b"]),
    ("ar", "ar rc x.a a b; rm a; echo z >b", &["ar", "x", "x.a"]),
    (
        "patch",
        "sed s/alpha/ALPHA/ a >n; diff -u a n >x.diff || rm n",
        &["patch", "-s", "-b", "-i", "x.diff", "a"],
    ),
    (
        "patch",
        "cp a n; sed -i s/alpha/ALPHA/ n; diff -u --label a/a --label b/a a n >x.diff || rm n",
        &["patch", "-s", "-p1", "-i", "x.diff"],
    ),
    ("sort", "", &["sort", "-o", "a", "a"]),
    ("sort", "", &["sort", "-ro", "new", "a"]),
    ("uniq", "", &["uniq", "a", "link"]),
    ("shuf", "", &["shuf", "-n", "1", "-o", "new", "a"]),
    ("split", "", &["split", "-l", "1", "a"]),
    (
        "split",
        "",
        &["split", "-l", "1", "--numeric-suffixes", "--additional-suffix=.t", "a", "dir/p"],
    ),
    ("csplit", "", &["csplit", "-s", "a", "/beta/"]),
    ("csplit", "", &["csplit", "-s", "-f", "p", "a", "2"]),
    ("iconv", "", &["iconv", "-f", "ascii", "-t", "utf-16", "-o", "new", "b"]),
    ("xxd", "", &["xxd", "a", "new"]),
    ("strip", "cp /bin/true x", &["strip", "x"]),
    ("find", "", &["find", "dir", "a", "-type", "f", "-delete"]),
    ("find", "", &["find", ".", "-name", "a", "-fprint", "new"]),
    ("rsync", "", &["rsync", "-a", "--delete", "dir/", "empty/"]),
    (
        "rsync",
        "",
        &["rsync", "-ab", "--suffix=.old", "--remove-source-files", "a", "dir/c", "empty"],
    ),
    ("scp", "", &["scp", "-q", "a", "dir"]),
    ("curl", "", &["curl", "-s", "-o", "new", "file:///srv/case/a"]),
    ("curl", "", &["curl", "-s", "--output-dir", "empty", "-O", "file:///srv/case/a"]),
    ("openssl", "", &["openssl", "rand", "-out", "new", "-hex", "8"]),
    ("openssl", "", &["openssl", "genpkey", "-algorithm", "ed25519", "-out", "new"]),
    ("ssh-keygen", "", &["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "new"]),
    (
        "ssh-keygen",
        "ssh-keygen -q -t ed25519 -N '' -f k",
        &["ssh-keygen", "-q", "-Y", "sign", "-n", "x", "-f", "k", "a"],
    ),
    (
        "ssh-keygen",
        "ssh-keygen -q -t ed25519 -N '' -f k; ssh-keygen -q -t ed25519 -N '' -f u",
        &["ssh-keygen", "-q", "-s", "k", "-I", "x", "u.pub"],
    ),
    (
        "ssh-keygen",
        "ssh-keygen -q -t ed25519 -N '' -f k; echo \"host $(cat k.pub)\" >known",
        &["ssh-keygen", "-R", "host", "-f", "known"],
    ),
    ("sponge", "", &["sponge", "a"]),
    ("dos2unix", "", &["dos2unix", "-q", "a"]),
    (
        "update-alternatives",
        "mkdir alt adm",
        &[
            "update-alternatives",
            "--altdir",
            "/srv/case/alt",
            "--admindir",
            "/srv/case/adm",
            "--log",
            "/srv/case/log",
            "--install",
            "/srv/case/way-to",
            "name",
            "/srv/case/a",
            "10",
        ],
    ),
    (
        "dpkg-divert",
        "mkdir adm",
        &[
            "dpkg-divert",
            "--admindir",
            "/srv/case/adm",
            "--quiet",
            "--rename",
            "--add",
            "/srv/case/a",
        ],
    ),
    ("git", GIT, &["git", "checkout", "-q", "one"]),
    ("git", GIT, &["git", "reset", "-q", "--hard", "one"]),
    ("git", GIT, &["git", "clean", "-fdxq"]),
    ("git", GIT, &["git", "commit", "-qam", "more"]),
    ("git", GIT, &["git", "stash", "-q"]),
    ("git", GIT, &["git", "rm", "-qrf", "dir"]),
    ("git", GIT, &["git", "-C", "dir", "mv", "c", "moved"]),
    ("git", GIT, &["git", "restore", "a"]),
    ("git", GIT, &["git", "switch", "-qfc", "two"]),
    ("git", GIT, &["git", "merge", "-q", "one"]),
    ("git", "", &["git", "init", "-q", "new"]),
    ("ed", "", &["ed", "-s", "a"]),
    ("groupadd", "", &["groupadd", "fresh"]),
    ("useradd", "", &["useradd", "-m", "fresh"]),
    ("usermod", "", &["usermod", "-aG", "root", "mallory"]),
    ("userdel", "", &["userdel", "mallory"]),
    ("groupmod", "", &["groupmod", "-n", "renamed", "mallory"]),
    ("passwd", "", &["passwd", "-l", "mallory"]),
    ("chage", "", &["chage", "-M", "90", "mallory"]),
    (
        "systemctl",
        "mkdir -p etc/systemd/system; printf '[Service]\\nExecStart=/bin/true\\n[Install]\\nWantedBy=multi-user.target\\n' >etc/systemd/system/x.service",
        &["systemctl", "-q", "--root=/srv/case", "enable", "x.service"],
    ),
];

/// Two commits, changes in the work tree, and a file that git does not know.
const GIT: &str = "git init -q; git config user.email a@b; git config user.name n; git add a dir; \
                   git commit -qm one; git tag one; echo more >>a; git commit -qam two; echo x >>dir/c";

/// What nobody can read for sure, and is undone all the same where it names what it writes.
const DYNAMIC: &[Case] = &[
    ("perl", "", &["perl", "-pi.orig", "-e", "s/a/b/", "a", "b"]),
    ("ruby", "", &["ruby", "-pi", "-e", "$_.upcase!", "a"]),
    ("gawk", "", &["gawk", "-i", "inplace", "{print $1 1}", "a"]),
    ("vim", "", &["vim", "-es", "-u", "NONE", "-i", "NONE", "-c", "%s/a/b/ | wq", "a"]),
    ("ex", "", &["ex", "-s", "-u", "NONE", "-c", "%s/a/b/ | wq", "a"]),
    ("env", "", &["env", "A=1", "rm", "-r", "dir"]),
    ("timeout", "", &["timeout", "9", "nice", "cp", "a", "b"]),
    ("find", "", &["find", "dir", "-type", "f", "-exec", "rm", "{}", "+"]),
    ("find", "", &["find", "dir", "a", "-exec", "chmod", "600", "{}", ";"]),
    ("git", GIT, &["git", "clone", "-q", "--no-hardlinks", ".", "dir/clone"]),
    ("sh", "", &["sh", "-c", "rm -r dir && echo new >a; cat b >>'with blank' 2>err"]),
    ("sh", "", &["sh", "-c", "cd dir && rm c && (cd deep; touch x) && mkdir y"]),
    ("sh", "", &["sh", "-c", "rm [ab]; touch dir/*; for i in 1 2; do echo z; done | tee new"]),
    (
        "bash",
        "",
        &[
            "bash",
            "-c",
            "mkdir {x,y} && gzip *a* &>/dev/null; find dir -type f -print0 | xargs -0 rm",
        ],
    ),
    (
        "bash",
        "",
        &["bash", "-lc", "cat >a <<E\n$(echo x >b)\nE\nif test -e a; then sed -i s/x/y/ b; fi"],
    ),
    ("xargs", "", &["sh", "-c", "find dir -name d | xargs chmod 600; env -C dir rm c"]),
];

#[test]
fn what_everyday_programs_change_comes_back_without_any_path_in_the_policy() {
    let world = prepared(world_or_skip!());
    let mut ran = all_come_back(&world, COMMANDS, false);
    ran.dedup();
    assert!(ran.len() >= 45, "only {} programs are here: {ran:?}", ran.len());
}

#[test]
fn what_wrappers_and_shell_lines_change_comes_back_where_the_line_names_it() {
    let world = prepared(world_or_skip!());
    all_come_back(&world, DYNAMIC, true);
}

/// Tries all of them, so that a failure says which do not. Returns the programs that are here.
#[track_caller]
fn all_come_back(world: &World, cases: &[Case], dynamic: bool) -> Vec<&'static str> {
    let (mut here, mut failed) = (Vec::new(), Vec::new());
    for (program, prepare, command) in cases {
        let one = AssertUnwindSafe(|| comes_back(world, program, prepare, command, dynamic));
        match catch_unwind(one) {
            Ok(true) => here.push(*program),
            Ok(false) => {}
            Err(_) => failed.push(command),
        }
    }
    assert!(failed.is_empty(), "see above: {failed:#?}");
    here
}

fn prepared(world: World) -> World {
    world.policy(POLICY);
    for (file, content) in [
        ("shadow", "mallory:*:19000:0:99999:7:::\n"),
        ("gshadow", "root:*::\nmallory:!::\n"),
        ("login.defs", "CREATE_HOME yes\nUSERGROUPS_ENAB yes\n"),
        ("gitconfig", "[safe]\n\tdirectory = *\n[init]\n\tdefaultBranch = main\n"),
        ("vimrc", ""),
    ] {
        world.write(&format!("etc/{file}"), content);
    }
    world
}

/// Runs a command in a tree of its own and undoes it. `false` where the program is not here.
fn comes_back(
    world: &World,
    program: &str,
    prepare: &str,
    command: &[&str],
    dynamic: bool,
) -> bool {
    if !["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        .iter()
        .any(|at| Path::new(at).join(program).exists())
    {
        eprintln!("*** {program} is not here ***");
        return false;
    }
    let root = world.outside("srv/case");
    let _ = std::fs::remove_dir_all(&root);
    std::fs::create_dir(&root).unwrap();
    let prepared = world.program("root", "/bin/bash", &["-ec", &format!("{TREE}\n{prepare}")]);
    prepared.in_directory("/srv/case").run().exits(0);
    date(&root, &mut 0);
    let places = ["srv", "etc", "home"].map(|place| world.outside(place));
    let before = places.clone().map(|place| Tree::of(&place));
    let arguments = [&["run", "--json", "--"], command].concat();
    let call = world.hitl("alice", &arguments).in_directory("/srv/case");
    let input = b",s/alpha/omega/\nw\nq\n";
    let id = if dynamic {
        let waiting = call.start_and_wait_for_request();
        let id = waiting.id.clone();
        world.hitl("bob", &["approve", &id]).run().exits(0);
        waiting.end().exits(0);
        id
    } else {
        id_of(&call.with_input(input).run().exits(0))
    };
    let after = places.clone().map(|place| Tree::of(&place));
    assert_ne!(before, after, "{command:?} changed nothing");
    let undone = world.hitl("alice", &["undo", "--json", &id]).run().exits(0);
    assert_eq!(undone.json()["not_restored"], serde_json::json!([]), "{command:?}: {undone:?}");
    for (place, expected) in places.iter().zip(&before) {
        Tree::of(place).is(expected, &format!("after the undo of {command:?}"));
    }
    true
}

/// Times that no clock would give, and no two of them the same.
fn date(path: &Path, count: &mut u32) {
    *count += 1;
    if path.symlink_metadata().unwrap().is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            date(&entry.unwrap().path(), count);
        }
    }
    set_modified(path, 1_000_000_000 + i64::from(*count), 123_456_789 + i64::from(*count));
}
