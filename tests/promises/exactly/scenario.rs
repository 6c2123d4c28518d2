//! What happens in a round: lines of bash that make a tree, and lines that change it.

use super::words::Words;
use crate::stage::Scenario;

/// What is in a tree; `{…}` as [`Words`] has it.
const NODES: [&str; 18] = [
    ": > {new file}",
    "printf 'line %s\\n' {lines} > {new file}",
    "printf 'line %s\\n' {lines} > {new file}",
    "printf '%*s' {bytes} padded > {new file}",
    "printf '%*s' {bytes} '' > {new file}; printf '\\0\\1\\377%.0s' {lines} >> {1}",
    "truncate -s {size} -- {new file}",
    "truncate -s {size} -- {new file}; printf end >> {1}",
    "printf start > {new file}; truncate -s {size} -- {1}",
    "printf middle | dd of={new file} bs=4096 seek={few} status=none; truncate -s +{size} -- {1}",
    "dd if=/dev/zero of={new file} bs=4096 count={few} seek={few} status=none",
    "ln -- {file} {new file}",
    "ln -- {file} {new file}; ln -- {1} {new file}",
    "ln -s -- {target} {new link}",
    "ln -s -- {target} {new link}; ln -P -- {1} {new link}",
    "mkfifo -m {permissions} -- {new pipe}",
    "mkfifo -- {new pipe}; ln -- {1} {new pipe}",
    "mknod -m {permissions} {new pipe} c 1 3",
    "mknod -m {permissions} {new pipe} b 240 99",
];

/// What is recorded about some of it beside owner, mode and time.
const METADATA: [&str; 10] = [
    "setfacl -m {access} -- {file}",
    "setfacl -m {access} -- {directory}",
    "setfacl -d -m {access} -- {directory}",
    "setfattr -n user.{attribute} -v {value} -- {file}",
    "setfattr -n user.{attribute} -v {value} -- {directory}",
    "setfattr -h -n trusted.{attribute} -v {value} -- {any}",
    "setfattr -h -n trusted.{attribute} -v {value} -- {link}",
    "setfattr -n security.{attribute} -v {value} -- {file}",
    "setcap {capability} {file}",
    "setcap {capability} {file}",
];

/// What commands do to files. Each line is one of them, with what it needs around it.
/// Room that is only allocated (`fallocate -l`) is not among it: whether it is data or a hole depends on
/// whether somebody has read it, and it is still in memory (ext4, xfs).
const OPERATIONS: [&str; 115] = [
    "rm -f -- {file}",
    "rm -f -- {any} {any}",
    "rm -f -- {link} {pipe}",
    "unlink {file}",
    "rm -rf -- {directory}",
    "rm -rf -- {directory}/*",
    "rmdir -- {directory}",
    "rmdir -p -- {directory}",
    "rm -f -- {file}; mkdir -m {mode} -- {1}; : > {1}/in",
    "rm -rf -- {directory}; printf 'was a directory' > {1}",
    "rm -rf -- {directory}; ln -s -- nowhere {1}",
    "mv -f -- {directory} {new directory}; ln -s -- \"$PWD\"/{2} {1}",
    "rm -f -- {file}; ln -s -- {target} {1}",
    "rm -f -- {link}; printf 'was a link' > {1}",
    "rm -f -- {pipe}; mkfifo -m {permissions} -- {1}",
    "mv -f -- {file} {file}",
    "mv -f -- {file} {new file}",
    "mv -f -- {any} {directory}",
    "mv -n -- {file} {file}",
    "mv -b -- {file} {file}",
    "mv -f -- {directory} {new directory}",
    "mv -f -- {directory} {directory}",
    "mv -fT -- {directory} {directory}",
    "mv -fT -- {link} {new link}",
    "mv -fT -- {pipe} {new pipe}",
    "mv -- {file} {1}.swap; mv -- {file} {1}; mv -- {1}.swap {2}",
    "cp -f -- {file} {file}",
    "cp -f -- {file} {new file}",
    "cp -p -- {file} {new file}",
    "cp -a -- {directory} {new directory}",
    "cp -al -- {directory} {new directory}",
    "cp -dR --preserve=all -- {any} {directory}",
    "cp --remove-destination -- {file} {file}",
    "cp --sparse=always -- {file} {new file}",
    "cp --sparse=never -- {file} {file}",
    "ln -- {file} {new file}",
    "ln -f -- {file} {file}",
    "ln -sfn -- {target} {link}",
    "ln -s -- {target} {new link}",
    "ln -sf -- nowhere {file}",
    "ln -P -- {link} {new link}",
    "ln -- {pipe} {new pipe}",
    "sed -i 's/1/one/g' -- {file}",
    "sed -i 1d -- {file} {file}",
    "sed -i.orig 's/line/row/' -- {file}",
    "sed -i --follow-symlinks '$d' -- {link}",
    "perl -pi -e 's/line/row/' -- {file}",
    "printf 'tee\\n' | tee -- {file} {new file} >/dev/null",
    "printf 'more\\n' | tee -a -- {file} {link} >/dev/null",
    "printf 'appended\\n' >> {file}",
    "printf 'x' 1<> {file}",
    ": > {file}",
    ": > {link}",
    "printf '%*s' {bytes} new > {new file}",
    "dd if=/dev/zero of={file} bs=4096 count=2 seek={few} conv=notrunc status=none",
    "dd if=/dev/urandom of={file} bs=1000 count={few} status=none",
    "truncate -s {size} -- {file}",
    "truncate -s +{size} -- {file}",
    "truncate -s -{few} -- {file}",
    "truncate -s 0 -- {file}",
    "fallocate -p -o 4096 -l 8192 {file}",
    "fallocate -d {file}",
    "fallocate -c -o 0 -l 4096 {file}",
    "fallocate -i -o 4096 -l 4096 {file}",
    "shred -n 1 -u -- {file}",
    "sort -o {file} -- {file}",
    "split -n 3 -- {file} {new file}",
    "exec 3< {file}; rm -f -- {1}; cat <&3 > {new file}; exec 3<&-",
    "exec 4>> {file}; rm -f -- {1}; printf lost >&4; exec 4>&-",
    "chmod {mode} -- {any}",
    "chmod {mode} -- {directory}",
    "chmod -R u=rwX,g=rX,o= -- {directory}",
    "chmod u+s,g+s -- {file}",
    "chmod +t -- {directory}",
    "chown {owner} -- {file}",
    "chown -h {owner} -- {any}",
    "chown -hR {owner} -- {directory}",
    "chgrp -h 3001 -- {any} {any}",
    "setfacl -m {access} -- {any}",
    "setfacl -d -m {access} -- {directory}",
    "setfacl -R -P -m {access} -- {directory}",
    "setfacl -R -P -b -- {directory}",
    "setfacl -b -- {any}",
    "setfacl -k -- {directory}",
    "setfattr -n user.{attribute} -v {value} -- {file}",
    "setfattr -h -n trusted.{attribute} -v {value} -- {any}",
    "setfattr -x user.{attribute} -- {file}",
    "setfattr -h -x trusted.{attribute} -- {any}",
    "setcap {capability} {file}",
    "setcap -r {file}",
    "chattr {flags} {file}",
    "chattr {flags} {directory}",
    "chattr -i -a {file} {directory}",
    "chattr -R -f +A {directory}",
    "touch -- {file}",
    "touch -- {new file}",
    "touch -h -d {time} -- {any}",
    "touch -h -m -r {file} -- {any}",
    "mkdir -m {mode} -- {new directory}",
    "mkdir -p -- {new directory}/deep/er/still",
    "mkfifo -m {permissions} -- {new pipe}",
    "mknod {new pipe} c 1 3",
    "tar -cf {new file} -- {directory} {any}",
    "tar --xattrs --xattrs-include='*' --acls -cf ../t.tar -- {directory}; tar --xattrs --xattrs-include='*' --acls -xpf ../t.tar -C {directory}",
    "tar -cf ../t.tar -- {any}; rm -rf -- {1}; tar -xf ../t.tar",
    "gzip -f -- {file}",
    "gzip -kf -- {file}; gunzip -c -- {1}.gz > {new file}",
    "printf '%s\\n' '--- a' '+++ b' '@@ -1 +1 @@' '-line 1' '+line one' | patch -s -f {file}",
    "install -m {mode} -o 2001 -g 3001 -- {file} {file}",
    "install -D -- {file} {new directory}/of/many",
    "rsync -aHAX --no-i-r -- {directory}/ {new directory}/",
    "rsync -a --delete --no-i-r -- {directory}/ {directory}/",
    "rsync -a --inplace --no-i-r -- {file} {file}",
    "find {directory} -type f -name '*1*' -delete",
    "(cd -- {directory} && for name in *; do mv -- \"$name\" \"$name.moved\"; done)",
];

/// The scenario of a seed.
pub(super) fn scenario(seed: u64) -> Scenario {
    let mut words = Words::new(seed);
    let tree = tree(&mut words);
    let count = words.dice.between(1, 14);
    let command = (0..count)
        .map(|_| {
            let template = *words.dice.pick(&OPERATIONS);
            words.line(template)
        })
        .collect();
    Scenario { tree, command }
}

/// Directories first, then what is in them, then what is recorded about it: owners before modes, and
/// both before capabilities, which a change of owner takes away; times when nothing is made any more;
/// flags, which may forbid all of it, at the very end.
fn tree(words: &mut Words) -> Vec<String> {
    let mut lines = Vec::new();
    for _ in 0..words.dice.below(6) {
        lines.push(words.line("mkdir -p -- {new directory}"));
    }
    for _ in 0..words.dice.between(1, 16) {
        let template = *words.dice.pick(&NODES);
        lines.push(words.line(template));
    }
    for template in ["chown -h {owner} --", "chmod {mode} --"] {
        let count = words.dice.between(1, 4) as u64;
        for group in words.groups(count) {
            lines.push(words.line(template) + &group);
        }
    }
    for _ in 0..words.dice.below(8) {
        let template = *words.dice.pick(&METADATA);
        lines.push(words.line(template));
    }
    let count = words.dice.between(1, 4) as u64;
    for group in words.groups(count) {
        lines.push(words.line("touch -h -d {time} --") + &group);
    }
    if words.dice.one_in(2) {
        lines.push(words.line("touch -d {time} ."));
    }
    if words.dice.one_in(3) {
        for _ in 0..words.dice.below(4) {
            let template =
                *words.dice.pick(&["chattr {flags} {file}", "chattr {flags} {directory}"]);
            lines.push(words.line(template));
        }
    }
    lines
}
