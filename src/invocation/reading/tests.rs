//! What is read out of command lines, as a table: one line a promise.

use proptest::prelude::*;

use super::*;
use crate::invocation::Access;

/// The operands as `access:path` (`r`, `w`, `t` for a tree, `?`), `!` at the end if dynamic.
fn reading(words: &[&str]) -> String {
    let argv: Vec<ByteString> = words.iter().map(|word| ByteString::from(*word)).collect();
    let reading = imagine(&argv, Path::new("/w"), &["/usr/bin".into()]);
    let mut shown = shown(reading.commands.first().into_iter());
    if !reading.dynamic.is_empty() {
        shown.push("!".to_owned());
    }
    shown.join(" ")
}

/// What a command and all that it would start is found to write, each path once; `?` at the end
/// where there is more that is not known.
fn written(words: &[&str]) -> String {
    let argv: Vec<ByteString> = words.iter().map(|word| ByteString::from(*word)).collect();
    let reading = imagine(&argv, Path::new("/w"), &["/usr/bin".into()]);
    let commands = reading.commands.iter().chain(&reading.inner);
    let mut all: Vec<String> = Vec::new();
    for path in shown(commands.filter(|command| !command.wraps)) {
        if !path.starts_with("r:") && !all.contains(&path) {
            all.push(path);
        }
    }
    if !reading.doubts.is_empty() {
        all.push("?".to_owned());
    }
    all.join(" ")
}

fn shown<'r>(commands: impl Iterator<Item = &'r CommandReading>) -> Vec<String> {
    commands
        .flat_map(|command| &command.operands)
        .map(|operand| {
            let access = match operand.access {
                Access::Reads => 'r',
                Access::Writes => 'w',
                Access::WritesTree => 't',
                Access::WritesMatching => 'm',
                Access::Unknown => '?',
            };
            format!("{access}:{}", operand.path.display())
        })
        .collect()
}

#[test]
fn the_paths_that_a_program_touches_are_read_by_its_own_grammar() {
    for (line, expected) in [
        ("rm -rf a ../b", "t:/w/a t:/b"),
        ("rm a -- -r", "w:/w/a w:/w/-r"),
        ("rm --recurs a", "t:/w/a"),
        ("mv a b", "t:/w/a t:/w/b"),
        ("mv a b /d/", "t:/w/a t:/w/b w:/d t:/d/a t:/d/b"),
        ("mv -t /d a", "t:/w/a w:/d t:/d/a"),
        ("mv --target-directory=/d a", "t:/w/a w:/d t:/d/a"),
        ("cp a b", "r:/w/a w:/w/b"),
        ("cp -r a /d/", "r:/w/a w:/d t:/d/a"),
        ("ln -s a b", "r:/w/a w:/w/b"),
        ("install -m 644 a /etc/b", "r:/w/a w:/etc/b"),
        ("install -d a b", "w:/w/a w:/w/b"),
        ("mkdir -p -m 700 a/b", "w:/w/a/b"),
        ("mkfifo a", "w:/w/a"),
        ("mknod a c 1 3", "w:/w/a"),
        ("mktemp -p /d x.XXX", "w:/d/x. m:/d/x.*"),
        ("touch -r ref a", "r:/w/ref w:/w/a"),
        ("truncate -s 0 a", "w:/w/a"),
        ("shred -un3 a", "w:/w/a"),
        ("unlink a", "w:/w/a"),
        ("tee -a a", "w:/w/a"),
        ("dd if=/dev/zero of=a bs=1M", "r:/dev/zero w:/w/a"),
        ("chmod 644 a", "w:/w/a"),
        ("chmod -x a", "w:/w/a"),
        ("chmod -R u+x a", "t:/w/a"),
        ("chmod --reference=b a", "r:/w/b w:/w/a"),
        ("chown root:root a", "w:/w/a"),
        ("chattr +i a", "w:/w/a"),
        ("setfacl -m u:x:r a", "w:/w/a"),
        ("setfattr -n user.x -v 1 a", "w:/w/a"),
        ("find /d -name x", "r:/d"),
        ("find -delete", "t:/w"),
        ("find a -exec rm {} ;", "r:/w/a !"),
        ("find a -fprint out", "r:/w/a w:/w/out"),
        ("fd x d", "r:/w/d"),
        ("fd x -x rm", "r:/w/rm !"),
        ("split -b 1M a p", "r:/w/a w:/w/p m:/w/p*"),
        ("split --filter=sh a", "r:/w/a w:/w/x m:/w/x* !"),
        ("sort -o out a", "w:/w/out r:/w/a"),
        ("sort --compress-program=x a", "r:/w/a !"),
        ("uniq a b", "r:/w/a w:/w/b"),
        ("sed s/a/b/ f", "r:/w/f"),
        ("sed -i s/a/b/ f", "w:/w/f"),
        ("sed -i.bak -e s/a/b/ f", "w:/w/f w:/w/f.bak"),
        ("sed -n -i -e p f", "w:/w/f"),
        ("sed --in-place=.o s/a/b/ f", "w:/w/f w:/w/f.o"),
        ("sed 1e f", "r:/w/f !"),
        ("sed -f x f", "r:/w/x r:/w/f !"),
        ("awk {print} f", "r:/w/f"),
        ("awk -f p f", "r:/w/p r:/w/f"),
        ("awk BEGIN{system(0)}", "!"),
        ("gawk -i inplace {print} f", "w:/w/f !"),
        ("grep -r x d", "r:/w/d"),
        ("grep -e x f", "r:/w/f"),
        ("cat a b", "r:/w/a r:/w/b"),
        ("head -n 3 a", "r:/w/a"),
        ("systemctl restart nginx", ""),
        ("tar -xzf a.tgz -C /d", "r:/w/a.tgz t:/d"),
        ("tar xzf a.tgz", "r:/w/a.tgz t:/w"),
        ("tar czf a.tgz d", "w:/w/a.tgz r:/w/d"),
        ("tar tf a.tgz", "r:/w/a.tgz"),
        ("tar -xf a --to-command=sh", "r:/w/a t:/w !"),
        ("tar cf a d --checkpoint-action=exec=sh", "w:/w/a r:/w/d !"),
        ("tar cf a d -I sh", "w:/w/a r:/w/d !"),
        ("unzip a.zip", "r:/w/a.zip t:/w"),
        ("unzip a.zip -d /d", "t:/d r:/w/a.zip"),
        ("unzip -l a.zip", "r:/w/a.zip"),
        ("zip o.zip a", "w:/w/o.zip w:/w/o.zip.zip w:/w/o r:/w/a"),
        ("gzip a", "w:/w/a w:/w/a.gz w:/w/a.Z"),
        ("gunzip a.gz", "w:/w/a.gz w:/w/a.gz.gz w:/w/a w:/w/a.gz.Z"),
        ("xz -c a", "r:/w/a"),
        ("bzip2 a", "w:/w/a w:/w/a.bz2"),
        ("zstd a -o b", "w:/w/b w:/w/a w:/w/a.zst"),
        ("rsync -a a /d", "r:/w/a t:/d"),
        ("rsync -e sh a b", "r:/w/a t:/w/b !"),
        ("scp -o ProxyCommand=x a b", "r:/w/a t:/w/b !"),
        ("curl -o f https://x", "w:/w/f"),
        ("wget -O f https://x", "w:/w/f"),
        ("wget --use-askpass=x -O - https://x", "!"),
        ("vim f", "w:/w/f"),
        ("vim +12 f", "w:/w/f"),
        ("vim +!sh f", "w:/w/f !"),
        ("vi -c :!sh f", "w:/w/f !"),
        ("nano f", "w:/w/f"),
        ("ed f", "w:/w/f"),
        ("emacs --eval x f", "w:/w/f !"),
        ("crontab f", "r:/w/f t:/var/spool/cron"),
        ("patch f p", "w:/w/f w:/w/f.orig w:/w/f.rej r:/w/p"),
        ("patch -p1 -i p", "r:/w/p t:/w"),
        ("git status", ""),
        ("git -C /r reset --hard", "t:/r"),
        ("git checkout -- f", "t:/w ?:/w/f"),
        ("git -c core.pager=x log", "!"),
        ("git rebase -x make", "t:/w ?:/w/make !"),
        ("git frobnicate", "t:/w !"),
        ("git fetch ext::sh", "t:/w !"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(reading(&words), expected, "{line}");
    }
    assert!(reading(&["userdel", "x"]).contains("w:/etc/shadow"));
}

#[test]
fn what_else_a_program_writes_beside_its_operands_is_known() {
    for (line, expected) in [
        ("cp -b a b", "w:/w/b w:/w/b~ w:/w/b.~ m:/w/b.~*"),
        ("cp --backup=simple -S .old a /d/", "w:/d w:/d/a w:/d/a.old w:/d/a~ w:/d/a.~ m:/d/a.~*"),
        ("cp -r src/. /d/", "w:/d t:/d"),
        ("cp --parents a/b /d/", "t:/d t:/d/b"),
        ("mv -T a /d/", "t:/w/a t:/d"),
        ("mv a", "t:/w/a"),
        ("ln -s /else/where", "w:/w/where"),
        ("ln -s /else/where -t /d", "w:/d w:/d/where"),
        ("install -b -S .o a b", "w:/w/b w:/w/b.o w:/w/b~ w:/w/b.~ m:/w/b.~*"),
        ("rmdir -p a/b/c", "w:/w/a/b/c w:/w/a w:/w/a/b"),
        ("mktemp", "w:/tmp/tmp. m:/tmp/tmp.* ?"),
        ("mktemp -d here.XXXXXX", "w:/w/here. m:/w/here.*"),
        ("mktemp -u here.XXXXXX", ""),
        ("chmod -u f", "w:/w/f"),
        ("chattr -A f", "w:/w/f"),
        ("setcap -r f", "w:/w/f"),
        ("setfacl --test -m u:x:r f", ""),
        ("split a", "w:/w/x m:/w/x*"),
        ("csplit a /x/ {*}", "w:/w/xx m:/w/xx*"),
        ("csplit -f p a /x/", "w:/w/p m:/w/p*"),
        ("shuf -o out a", "w:/w/out"),
        ("shuf -e a b", ""),
        ("patch", "t:/w"),
        ("patch --dry-run -p1 -i x", ""),
        ("patch -o out f x", "w:/w/out w:/w/f w:/w/f.orig w:/w/f.rej"),
        ("patch -d sub -i x", "t:/w/sub"),
        ("sponge f", "w:/w/f"),
        ("xxd -r a b", "w:/w/b"),
        ("iconv -f latin1 -o b a", "w:/w/b"),
        ("strip -o out a", "w:/w/out w:/w/a"),
        ("yq -i .a=1 f.yaml", "w:/w/.a=1 w:/w/f.yaml"),
        ("ar rcs lib.a x.o", "w:/w/lib.a"),
        ("ar rb y.o lib.a x.o", "w:/w/lib.a"),
        ("ar -x lib.a", "t:/w"),
        ("ar t lib.a", ""),
        ("cpio -id", "t:/w"),
        ("cpio -i -D /d -F a", "t:/d"),
        ("cpio -o -O a", "w:/w/a"),
        ("cpio -p /d", "t:/d"),
        ("cpio -it", ""),
        ("7z x a.7z -o/d", "t:/d"),
        ("7z l a.7z", ""),
        ("gzip -dc a.gz", ""),
        ("gunzip a.tgz", "w:/w/a.tgz w:/w/a.tgz.gz w:/w/a.tgz.Z w:/w/a.tar"),
        ("lz4 a b", "w:/w/a w:/w/a.lz4 w:/w/b w:/w/b.lz4"),
        ("tar xf a -C / --one-top-level=d", "t:/d t:/"),
        ("rsync -an a /d", ""),
        ("rsync --remove-source-files a /d", "t:/w/a t:/d"),
        ("curl -sO https://x/y/z.tgz?q", "w:/w/z.tgz"),
        ("curl --output-dir /d -O https://x/z", "t:/d w:/d/z"),
        ("curl https://x/z", ""),
        ("curl -o - https://x/z", ""),
        ("wget https://x/y/z", "w:/w/z m:/w/z*"),
        ("wget -P /d https://x", "t:/d w:/d/index.html m:/d/index.html*"),
        ("wget -r https://x/y", "t:/w/x w:/w/y m:/w/y*"),
        ("wget -qO- https://x", ""),
        ("openssl req -new -keyout k -out c -subj /CN=x", "?:/w/req w:/w/k w:/w/c"),
        ("ssh-keygen -f k -N x", "w:/w/k w:/w/k.pub w:/w/k.sig"),
        ("ssh-keygen -R host -f known", "w:/w/known w:/w/known.pub w:/w/known.sig w:/w/known.old"),
        ("ssh-keygen -lf k", ""),
        (
            "ssh-keygen -s ca -I x k.pub",
            "w:/w/k.pub w:/w/k.pub.pub w:/w/k w:/w/k.pub.sig w:/w/k-cert.pub",
        ),
        (
            "gpg -o out -d f.gpg",
            "w:/w/out w:/w/f.gpg w:/w/f.gpg.gpg w:/w/f w:/w/f.gpg.asc w:/w/f.gpg.sig",
        ),
        ("systemctl enable nginx", "t:/etc/systemd/system t:/etc/systemd/system.control"),
        ("systemctl --global mask x", "t:/etc/systemd/user"),
        ("systemctl restart nginx", ""),
        ("hostnamectl set-hostname x", "w:/etc/hostname w:/etc/machine-info"),
        ("hostnamectl status", ""),
        ("timedatectl set-timezone UTC", "w:/etc/localtime w:/etc/timezone w:/etc/adjtime"),
        (
            "update-alternatives --install /usr/bin/editor editor /usr/bin/vim 1",
            "w:/usr/bin/editor t:/etc/alternatives t:/var/lib/dpkg/alternatives",
        ),
        ("update-alternatives --display editor", ""),
        (
            "dpkg-divert --rename --add /usr/bin/x",
            "w:/usr/bin/x w:/usr/bin/x.distrib w:/var/lib/dpkg/diversions w:/var/lib/dpkg/diversions-old",
        ),
        ("crontab -l", ""),
        ("git clean -n", ""),
        ("git apply --check x", "?:/w/x"),
        ("git clone https://x/y.git", "t:/w/y ?:/w/https:/x/y.git ?"),
        ("git worktree add ../x", "t:/w t:/w/add t:/x ?:/w/add ?:/x"),
        ("svn update", "t:/w"),
        ("svn status", ""),
        ("svn checkout https://x/y", "t:/w/y ?:/w/https:/x/y"),
        ("hg commit -m x", "t:/w"),
        ("rm", ""),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(written(&words), expected, "{line}");
    }
    let made = written(&["useradd", "-m", "x"]);
    assert!(made.contains("t:/home/x") && made.contains("w:/etc/gshadow-"), "{made}");
}

#[test]
fn the_commands_inside_of_others_are_read_as_well() {
    for (words, expected) in [
        (vec!["env", "A=1", "rm", "-rf", "x"], "t:/w/x"),
        (vec!["timeout", "5", "nice", "tee", "x"], "w:/w/x"),
        (vec!["env", "-C", "/d", "rm", "x"], "w:/d/x"),
        (vec!["xargs", "rm", "x"], "w:/w/x ?"),
        (vec!["sudo", "-i", "rm", "x"], "?:/w/rm ?:/w/x ?"),
        (vec!["python3", "-c", "x"], "?"),
        (vec!["find", "d", "-exec", "rm", "{}", ";"], "t:/w/d"),
        (vec!["find", "d", "e", "-exec", "chmod", "644", "{}", "+"], "t:/w/d t:/w/e"),
        (vec!["find", "d", "-exec", "mv", "{}", "/e/", ";"], "t:/w/d t:/e t:/e/d"),
        (vec!["find", "d", "-execdir", "rm", "{}", ";"], "t:/w/d ?"),
        (vec!["find", "d", "-name", "x", "-delete"], "t:/w/d"),
        (vec!["find", "d", "-fprintf", "out", "%p"], "w:/w/out"),
        (vec!["sh", "-c", "rm x"], "w:/w/x"),
        (vec!["bash", "-lc", "cd sub && rm x"], "w:/w/sub/x"),
    ] {
        assert_eq!(written(&words), expected, "{words:?}");
    }
}

#[test]
fn code_is_dynamic_and_a_named_script_is_a_file() {
    for (line, expected) in [
        ("bash deploy.sh prod", "r:/w/deploy.sh ?:/w/prod"),
        ("bash -x -- deploy.sh", "r:/w/deploy.sh"),
        ("bash -c id", "!"),
        ("sh -lc id", "!"),
        ("bash", "!"),
        ("bash -s x", "?:/w/x !"),
        ("bash -i s.sh", "r:/w/s.sh !"),
        ("bash /dev/stdin", "r:/dev/stdin !"),
        ("bash5 -c id", "!"),
        ("bash +x -c id", "r:/w/+x ?:/w/-c ?:/w/id !"),
        ("bash --norc -eux s.sh", "r:/w/s.sh"),
        ("bash --unknown x s.sh", "r:/w/x ?:/w/s.sh !"),
        ("gawk -Z x BEGIN{system(0)}", "r:/w/BEGIN{system(0)} !"),
        ("perl -0e code", "!"),
        ("perl -0777 -lane code f", "?:/w/f !"),
        ("perl -w s.pl f", "r:/w/s.pl ?:/w/f"),
        ("zsh -c id", "!"),
        ("fish -c id", "!"),
        ("python3 s.py -c x", "r:/w/s.py ?:/w/-c ?:/w/x"),
        ("python3.11 -c x", "!"),
        ("python3 -m http.server", "!"),
        ("python3", "!"),
        ("python3 -", "r:/w/- !"),
        ("python3 --version", ""),
        ("perl -e x", "!"),
        ("perl -pi -e s/a/b/ f", "w:/w/f !"),
        ("perl -Mx s.pl", "r:/w/s.pl !"),
        ("ruby -rx s.rb", "r:/w/s.rb !"),
        ("node -p 1", "!"),
        ("node s.js", "r:/w/s.js"),
        ("php -r x", "!"),
        ("lua -e x", "!"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(reading(&words), expected, "{line}");
    }
}

#[test]
fn of_an_unknown_program_everything_that_can_be_a_path_is_one() {
    for (words, expected) in [
        (vec!["terraform", "apply", "plan.out"], "?:/w/apply ?:/w/plan.out"),
        (vec!["mytool", "--out=x", "-q", "-I/usr/i"], "?:/w/x ?:/usr/i"),
        (vec!["mytool", "--", "-x", "--y=z"], "?:/w/-x ?:/w/--y=z"),
        (vec!["mytool", "dest=/etc/x"], "?:/w/dest=/etc/x ?:/etc/x"),
        (vec!["mytool", ""], ""),
        (vec!["echo", "a\nb"], "!"),
        (vec!["echo", "a\u{9b}b"], "!"),
    ] {
        assert_eq!(reading(&words), expected, "{words:?}");
    }
}

#[test]
fn a_link_to_a_shell_is_a_shell_under_any_name() {
    let argv: Vec<ByteString> = ["cat", "-c", "id"].map(ByteString::from).to_vec();
    let names = ExecutableNames {
        typed: "cat".into(),
        named: vec!["/tmp/cat".into()],
        real: Some("/usr/bin/dash".into()),
    };
    let reading = read(&argv, &names, Path::new("/w"), &Imagined);
    let fragments: Vec<_> = reading.dynamic.iter().map(|d| d.fragment.as_str()).collect();
    assert_eq!(fragments, [Some("id")]);
}

const SHELL_PIECES: &[&str] = &[
    "rm x",
    " ",
    ";",
    "&&",
    "||",
    "|",
    "&",
    "(",
    ")",
    "{",
    "}",
    "$(",
    "`",
    "'",
    "\"",
    "\\",
    "\n",
    "$x",
    "${x:-",
    "}",
    "<<E\n",
    "E\n",
    ">",
    ">>",
    "2>&1",
    "case x in ",
    "esac",
    ";;",
    "for i in ",
    "do ",
    "done",
    "cd ",
    "a",
    "*",
    "~",
    "{a,b}",
    "eval ",
    "#",
    "$((",
    "))",
    "if ",
    "fi",
    "$'",
    "<(",
];

const WRITERS: &[&str] = &[
    "rm -r a b",
    "mv a b",
    "cp -r a b",
    "ln -s a b",
    "install a b",
    "touch a",
    "truncate -s 0 a",
    "tee a",
    "chmod 644 a",
    "chown root a",
    "mkdir a",
    "split a p",
    "sort -o out a",
    "uniq a b",
    "patch f p",
    "gzip a",
    "zip o.zip a",
    "rsync a b",
    "scp a b",
    "vim f",
    "mknod a p",
    "shuf -o out a",
    "xz a",
    "zstd a -o b",
    "setfacl -m u:x:r a",
    "unlink a",
    "rmdir a",
];

proptest! {
    #[test]
    fn no_command_line_panics(
        name in prop::sample::select(vec!["tar", "find", "git", "dd", "sed", "bash", "cp", "vim", "x"]),
        words in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..12), 0..6),
    ) {
        let words = words.into_iter().map(ByteString::from);
        let argv: Vec<ByteString> = [ByteString::from(name)].into_iter().chain(words).collect();
        let reading = imagine(&argv, Path::new("/w"), &["/bin".into()]);
        for operand in reading.commands.iter().flat_map(|command| &command.operands) {
            prop_assert!(operand.path.is_absolute());
        }
    }

    #[test]
    fn no_shell_line_panics(line in prop::collection::vec(any::<u8>(), 0..80)) {
        let argv = [ByteString::from("sh"), ByteString::from("-c"), ByteString::from(line)];
        let reading = imagine(&argv, Path::new("/w"), &["/bin".into()]);
        for operand in reading.inner.iter().flat_map(|command| &command.operands) {
            prop_assert!(operand.path.is_absolute());
            prop_assert!(!operand.path.as_os_str().as_encoded_bytes().contains(&0));
        }
    }

    #[test]
    fn no_line_of_what_shells_are_made_of_panics(
        pieces in prop::collection::vec(prop::sample::select(SHELL_PIECES.to_vec()), 0..24),
    ) {
        let argv = [ByteString::from("sh"), ByteString::from("-c"), pieces.concat().as_str().into()];
        imagine(&argv, Path::new("/w"), &["/bin".into()]);
    }

    #[test]
    fn what_is_written_is_still_found_with_an_option_that_is_not_known(
        case in prop::sample::select(WRITERS.to_vec()),
        option in "--zz[a-z]{0,5}",
        at_end in any::<bool>(),
    ) {
        let words: Vec<&str> = case.split(' ').collect();
        let before = written(&words);
        let mut more = words.clone();
        more.insert(if at_end { words.len() } else { 1 }, &option);
        let after = written(&more);
        for path in before.split(' ').filter(|path| path.contains(':')) {
            prop_assert!(after.split(' ').any(|found| found == path), "{case} {option}: {after}");
        }
    }

    #[test]
    fn every_operand_of_rm_is_seen_wherever_options_stand(
        words in prop::collection::vec("(-[fv]{1,2}|[a-z]{1,5})", 1..6),
    ) {
        let argv: Vec<ByteString> =
            ["rm".to_owned()].iter().chain(&words).map(|word| word.as_str().into()).collect();
        let reading = imagine(&argv, Path::new("/w"), &["/bin".into()]);
        let seen: Vec<_> = reading.commands.iter().flat_map(|c| &c.operands).map(|o| o.text.clone()).collect();
        let expected: Vec<ByteString> =
            words.iter().filter(|word| !word.starts_with('-')).map(|word| word.as_str().into()).collect();
        prop_assert_eq!(seen, expected);
    }
}
