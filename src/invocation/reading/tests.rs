//! What is read out of command lines, as a table: one line a promise.

use proptest::prelude::*;

use super::*;
use crate::invocation::Access;

/// The operands as `access:path` (`r`, `w`, `t` for a tree, `?`), `!` at the end if dynamic.
fn reading(words: &[&str]) -> String {
    let argv: Vec<ByteString> = words.iter().map(|word| ByteString::from(*word)).collect();
    let reading = imagine(&argv, Path::new("/w"), &["/usr/bin".into()]);
    let mut shown: Vec<String> = reading
        .commands
        .iter()
        .flat_map(|command| &command.operands)
        .map(|operand| {
            let access = match operand.access {
                Access::Reads => 'r',
                Access::Writes => 'w',
                Access::WritesTree => 't',
                Access::Unknown => '?',
            };
            format!("{access}:{}", operand.path.display())
        })
        .collect();
    if !reading.dynamic.is_empty() {
        shown.push("!".to_owned());
    }
    shown.join(" ")
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
        ("mktemp -p /tmp x.XXX", ""),
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
        ("find -delete", "t:/w !"),
        ("find a -exec rm {} ;", "r:/w/a !"),
        ("find a -fprint out", "r:/w/a w:/w/out !"),
        ("fd x d", "r:/w/d"),
        ("fd x -x rm", "r:/w/rm !"),
        ("split -b 1M a p", "r:/w/a w:/w/p"),
        ("split --filter=sh a", "r:/w/a !"),
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
        ("gawk -i inplace {print} f", "r:/w/f !"),
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
        ("zip o.zip a", "w:/w/o.zip r:/w/a"),
        ("gzip a", "w:/w/a w:/w/a.gz"),
        ("gunzip a.gz", "w:/w/a.gz w:/w/a.gz.gz w:/w/a"),
        ("xz -c a", "r:/w/a"),
        ("bzip2 a", "w:/w/a w:/w/a.bz2"),
        ("zstd a -o b", "w:/w/b w:/w/a w:/w/a.zst"),
        ("rsync -a a /d", "r:/w/a t:/d"),
        ("rsync -e sh a b", "r:/w/a t:/w/b !"),
        ("scp -o ProxyCommand=x a b", "r:/w/a t:/w/b !"),
        ("curl -o f https://x", "w:/w/f"),
        ("wget -O f https://x", "w:/w/f"),
        ("wget --use-askpass=x https://x", "!"),
        ("vim f", "w:/w/f"),
        ("vim +12 f", "w:/w/f"),
        ("vim +!sh f", "w:/w/f !"),
        ("vi -c :!sh f", "w:/w/f !"),
        ("nano f", "w:/w/f"),
        ("ed f", "w:/w/f"),
        ("emacs --eval x f", "w:/w/f !"),
        ("crontab f", "r:/w/f"),
        ("patch f p", "w:/w/f w:/w/f.orig w:/w/f.rej r:/w/p"),
        ("patch -p1 -i p", "r:/w/p t:/w"),
        ("git status", ""),
        ("git -C /r reset --hard", "t:/r"),
        ("git checkout -- f", "t:/w ?:/w/f"),
        ("git -c core.pager=x log", "!"),
        ("git rebase -x make", "t:/w ?:/w/make !"),
        ("git frobnicate", "!"),
        ("git fetch ext::sh", "t:/w !"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(reading(&words), expected, "{line}");
    }
    assert!(reading(&["userdel", "x"]).contains("w:/etc/shadow"));
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
