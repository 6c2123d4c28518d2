//! What `--help` adds to the options of a command: examples that can be typed, and exit codes.
//!
//! A text is a few paragraphs and then sections: a line of [`SECTIONS`] and indented lines below it.
//! `hitl man` makes headings of them.

/// The headings that a section may have.
pub(super) const SECTIONS: [&str; 4] = ["Examples:", "Exit status:", "Environment:", "Files:"];

/// The heading of the options that every command takes: they come last.
pub(super) const GLOBAL_OPTIONS: &str = "Global options";

/// The command with the paragraphs of its help, and of its commands', in lines as long as the terminal
/// has room for: they are written here in lines of their own.
pub(super) fn flowing(command: clap::Command) -> clap::Command {
    let command = match command.get_after_help().map(ToString::to_string) {
        Some(text) => command.after_help(in_whole_lines(&text)),
        None => command,
    };
    command.mut_subcommands(flowing)
}

/// Each paragraph as one line; sections, and what is indented, as they are.
fn in_whole_lines(text: &str) -> String {
    let block = |block: &str| {
        let is_section = block.lines().next().is_some_and(|line| SECTIONS.contains(&line));
        if is_section || block.starts_with("  ") {
            return block.to_owned();
        }
        block.lines().collect::<Vec<_>>().join(" ")
    };
    text.split("\n\n").map(block).collect::<Vec<_>>().join("\n\n")
}

pub(super) const ABOUT: &str = "\
Run privileged work with a human in the loop

hitl matches a command against YAML rules and then lets it run, asks you, waits for a second human, \
or refuses. Before a command runs it snapshots the files that the command can touch, so that \
\"hitl undo\" puts them back. Everything is written to a hash-chained audit log.";

pub(super) const HITL: &str = "\
Examples:
  hitl tour                                see it all at work, on files of its own
  hitl check -- rm -rf build               what would be decided, and why
  hitl list                                what you may run, and what each thing needs
  hitl run -- systemctl restart nginx      run it, if the rules and the humans let it
  hitl pending                             what waits for a human
  hitl review                              read and decide, on a full screen
  hitl approve K7Q2-MX4P                   say yes to it
  hitl undo --last                         put back what the last command changed
  hitl audit verify                        prove that the record was not rewritten

Exit status:
  0    done                                75   it waits for a human
  1    the answer is no                    77   denied, rejected, cancelled or void
  2    the command line is wrong           78   the policy is missing, unsafe or wrong
  125  hitl failed, nothing ran            124  nobody decided in time
  126  the command cannot be executed      127  the command was not found
  \"hitl run\" passes the status of the command through.

Environment:
  HITL_POLICY, HITL_STATE_DIR              as --policy and --state-dir
  NO_COLOR, CLICOLOR_FORCE                 no colour, colour also where there is no terminal

Files:
  /etc/hitl/policy.yaml, /etc/hitl/policy.d/*.yaml, /var/lib/hitl           of the host
  ~/.config/hitl/policy.yaml, ~/.local/state/hitl                           of a user

Policies are described in hitl-policy(5), the audit log in hitl-audit(5): \"hitl man hitl-policy\".";

pub(super) const RUN: &str = "\
Everything after -- is the command, its arguments passed on as they are: no shell sees them. Where
the rules ask for a human, hitl waits; ^C takes the request back, and every other end of hitl leaves
it for \"hitl run --resume\". What was approved is void where the command, its files, its directory,
its environment or the policy is another one when it starts.

A plan (--plan: what an agent intends, the text of \"terraform plan\", a diff) is UTF-8 of at most
1 MiB, read from a regular file with your rights, or from standard input; the command then has
/dev/null there. It is kept with the request for its reviewers. Where nobody has to decide, the audit
log has its digest, and the text is not kept.

Examples:
  hitl run -- systemctl restart nginx
  hitl run --ticket OPS-4711 --reason 'schema 12' -u postgres -- psql -f migrate.sql
  terraform show -no-color tfplan | hitl run --plan - -- terraform apply tfplan
  hitl run --dry-run -- rm -r /srv/www/old
  hitl run --break-glass --reason 'the site is down' -- systemctl stop auditd

  # In a pipeline, without a terminal: ask, wait, go on.
  id=$(hitl run --no-wait --json --reason \"$CI_JOB_URL\" -- make deploy | tail -n 1 | jq -r .id)
  hitl wait --timeout 30m \"$id\" && hitl run --resume \"$id\"

Exit status:
  The command's own, also where a signal ended it. hitl's own:
  75   it waits for a human (--no-wait)    124  nobody decided in time
  77   denied, rejected or void            125  hitl failed, nothing ran
  78   policy missing, unsafe or wrong     126, 127  not executable, not found
  A command may end with the same numbers: --json and --status-fd say who spoke.";

pub(super) const EDIT: &str = "\
Your editor (SUDO_EDITOR, VISUAL or EDITOR, split at white space) runs as yourself, on a copy. What it
leaves is judged as a write to the file, snapshotted, and put in its place in one step, with owner,
mode and attributes as they were; set-id bits and file capabilities are dropped, as they are by any
write. Where the rules ask for a human, the reviewer sees the difference. Several files are edited
in one editor; each is then a run of its own, decided and undone by itself.

Not edited: symbolic links, files with several names, what is larger than 64 MiB, and what lies in a
directory that you can change yourself (edit it without hitl, or with -u as the user it belongs
to). What you may not read is shown to you only where the rules let you edit it without asking.
If nothing comes of it, what you have written is kept, and hitl says where.

Examples:
  hitl edit /etc/nginx/nginx.conf
  hitl edit --ticket OPS-4711 --reason 'the new rack' /etc/hosts /etc/fstab
  EDITOR='code --wait' hitl edit -u deploy /srv/app/config.yaml
  hitl check -- hitl edit /etc/hosts            what would be decided

Exit status:
  0 written or unchanged, 1 the file was changed meanwhile or your editor failed, 75 it waits for a
  human, 77 refused, 124 nobody decided in time";

pub(super) const CHECK: &str = "\
Nothing runs and nothing is recorded. It says the decision and every reason for it, and which files
would be snapshotted, as far as you can see them yourself: where an argument lies out of your sight,
\"hitl run\" decides by what it leads to.

Examples:
  hitl check -- systemctl restart nginx
  hitl check -u postgres -- psql -c 'DROP TABLE orders'
  hitl check --json -- kubectl scale deploy/web --replicas 30 | jq -r .decision

Exit status:
  0 it would run at once, 75 a human would be asked, 77 it would be refused";

pub(super) const LIST: &str = "\
Lists the rules that can apply to you on this host: what each is about and what it needs. Rules
that are only about others are not yours to see. With a command it says what would be decided about
it, as \"hitl check\" does. \"hitl -l\" is the same, for hands that are used to sudo.

A command or a file that you cannot see yourself is answered for in the same way whether or not it
is there, unless a rule names it for you.

Examples:
  hitl list
  hitl list -- systemctl restart nginx          may I?
  hitl list --json | jq -r '.rules[] | select(.decision == \"allow\") | .id'
  hitl -l -U alice                              as root: what alice may run

Exit status:
  0   listed; with a command: it would run at once
  75  a human would be asked                77  it would be refused, or is not to be found";

pub(super) const PENDING: &str = "\
Shows the requests that are yours to see: your own, and those that you may decide about. With
--break-glass it shows runs for which somebody has lifted a denial in an emergency, and that
nobody else has reviewed yet.

With --watch it prints them as --json does, then {\"v\":1,\"listed\":N}, and then a line for every
request that is new or has changed (its end too), until nobody reads.

Examples:
  hitl pending
  hitl pending --break-glass                    what has to be reviewed, the oldest first
  hitl pending --all                            closed ones too
  hitl pending --search OPS-4711                by ticket, command, requester, plan …
  hitl pending --json | jq -r '.id'             their ids, for a script
  hitl pending --json --watch                   for a program that shows them";

pub(super) const SHOW: &str = "\
Read before you decide: the command as it will run, as whom and where, who asks and why, what the
rules say, which files can be touched, and what cannot be undone.

A plan that the requester has attached is their claim. Its first lines are shown with the request,
and all of it with --plan: each line behind a mark, what would not show made visible, in your PAGER
(less) on a terminal. With --json it is under \"plan\", as it was given. A text that is not the one
that the request is bound to is not shown.

Examples:
  hitl show K7Q2-MX4P
  hitl show --plan K7Q2-MX4P                    the whole of the plan
  hitl show k7q2                                the beginning is enough, in any case
  hitl show --json K7Q2-MX4P | jq .bound.argv";

pub(super) const REVIEW: &str = "\
Lists what waits, shows each request whole (risk, arguments, files, who asks and why), and decides
by calling \"hitl approve\" and \"hitl reject\": it has no privileges of its own. New requests appear
by themselves. What you have not read to its end you cannot approve. Enter alone approves nothing:
you type how the id begins or, where the risk is critical, the name of the host. ? lists the keys.

Examples:
  hitl review                              full screen, from 60 columns and 15 rows on
  hitl review --plain                      the same as a conversation, line by line
  NO_COLOR=1 hitl review                   without colour; everything is in words as well
  printf 'show 1\\nquit\\n' | hitl review --plain

Exit status:
  0    you left it                         125  there is no terminal, or it failed";

pub(super) const APPROVE: &str = "\
Nobody approves a request of their own, except one that the rules only want confirmed. Programs \
approve nothing. Where the rules ask for more than a login, ssh-keygen signs with your SSH key: one \
that an agent holds, or that is in ~/.ssh, or in the file of --key. A run by break-glass is approved \
afterwards, as justified.

Examples:
  hitl show K7Q2-MX4P
  hitl approve K7Q2-MX4P
  hitl approve K7Q2-MX4P -m 'agreed with the on-call'
  hitl approve K7Q2-MX4P --host db1              # its risk is critical
  hitl approve K7Q2-MX4P --key /media/stick/id_ed25519
  hitl show --statement K7Q2-MX4P > yes          # to be signed on another machine, then
  hitl approve K7Q2-MX4P --signature yes.sig";

pub(super) const FORGET: &str = "\
A policy may remember, for a time, that somebody has authenticated at a terminal. This forgets it for \
you, at all of your terminals, as \"sudo -k\" does.

Examples:
  hitl forget
  hitl forget --json";

pub(super) const NOTIFY: &str = "\
The policy's channels tell people what waits for them and what became of it: by webhook, Slack, ntfy, \
mail, a command or wall(1). Nobody can decide by them.

Examples:
  hitl notify list
  hitl notify test oncall";

pub(super) const NOTIFY_LIST: &str = "\
Of a URL only the host is shown: its path may be a secret.

Examples:
  hitl notify list
  hitl notify list --json | jq -r .name";

pub(super) const NOTIFY_TEST: &str = "\
Sends one message that says it is a test, once, and says what came of it; the audit log has it too. Root \
only, where hitl is installed.

Examples:
  hitl notify test oncall
  hitl notify test --json oncall | jq .error

Exit status:
  0    it was taken                        1    it was not, or there is no such channel";

pub(super) const REJECT: &str = "\
One no closes the request, whoever had approved it. A login is enough for it; it can be signed. A run \
by break-glass is rejected afterwards, as not justified.

Examples:
  hitl reject K7Q2-MX4P -m 'not before the backup has ended'
  hitl reject K7Q2-MX4P -m 'this is not the runbook' --sign";

pub(super) const CANCEL: &str = "\
Root can take back anybody's. ^C in the \"hitl run\" that waits does the same.

Examples:
  hitl pending
  hitl cancel K7Q2-MX4P";

pub(super) const WAIT: &str = "\
Examples:
  hitl wait K7Q2-MX4P && hitl run --resume K7Q2-MX4P
  hitl wait --timeout 30m K7Q2-MX4P

Exit status:
  0    approved (or it has already run)    124  its time is over
  77   rejected, cancelled or void         75   still pending after --timeout";

pub(super) const SNAPSHOTS: &str = "\
The list says of each run how many paths and how much content its snapshot keeps, and how long it is
kept. \"hitl undo ID\" puts back what a run changed.

Examples:
  hitl snapshots                                the runs that can be undone, newest first
  hitl snapshots show K7Q2-MX4P                 which files a snapshot holds
  hitl snapshots diff K7Q2-MX4P                 what the command changed
  hitl snapshots pin K7Q2-MX4P                  keep it until it is unpinned
  hitl snapshots prune --dry-run                what is not to be kept any longer
  hitl snapshots verify                         whether all that is kept can be put back";

pub(super) const SNAPSHOTS_SHOW: &str = "\
Examples:
  hitl snapshots show K7Q2-MX4P
  hitl snapshots show --json K7Q2-MX4P | jq .before";

pub(super) const SNAPSHOTS_DIFF: &str = "\
Text is compared line by line; what is not text, or larger than a MiB, by size and digest. Access lists
are shown as getfacl(1) writes them, capabilities as getcap(8), inode flags as lsattr(1).

Examples:
  hitl snapshots diff K7Q2-MX4P
  hitl snapshots diff K7Q2-MX4P /etc/nginx      only what is below /etc/nginx
  hitl snapshots diff --stat K7Q2-MX4P          a line for each path
  hitl snapshots diff --color always K7Q2-MX4P | less -R";

pub(super) const SNAPSHOTS_PIN: &str = "\
A run, the undo of it and the undo of that are kept together: one pin keeps all of them. Root pins any
run, everybody else those that they may undo. Pins are on record in the audit log.

Examples:
  hitl snapshots pin K7Q2-MX4P
  hitl snapshots pin K7Q2-MX4P --reason 'until the incident is closed'";

pub(super) const SNAPSHOTS_LIST: &str = "\
Examples:
  hitl snapshots list
  hitl snapshots list --json | jq -r .id";

pub(super) const SNAPSHOTS_UNPIN: &str = "\
Examples:
  hitl snapshots unpin K7Q2-MX4P";

pub(super) const SNAPSHOTS_PRUNE: &str = "\
Without options what the policy says: each run as long as snapshot.keep of its rules (by default 30d), at
most snapshots.max_runs (1000) and snapshots.max_size (20GiB) of them, the oldest going first. With
options only what they say. On a host only root prunes: hitl-prune.timer does it every day, or, where
systemd is not, the line \"@daily root hitl snapshots prune\" in /etc/crontab.

Never taken away are pinned runs, runs whose undo has not ended, and runs whose command may still run.
What a command of high or critical risk changed, and nobody undid, goes only by its age or its id. A run
and the undos of it go together. The audit log keeps what was decided, run and captured, and the digests;
what goes is on record there too, before it goes.

A run from the future has no age. Where the clock is a week past everything that is known here, nothing
goes by its age until the clock has said so for a day; --older-than takes your word for it.

Examples:
  hitl snapshots prune --dry-run                what the policy lets go
  hitl snapshots prune --older-than 90d
  hitl snapshots prune --max-size 5GB           the oldest, until 5 GB are left
  hitl snapshots prune K7Q2-MX4P                exactly this one";

pub(super) const SNAPSHOTS_VERIFY: &str = "\
Every manifest is held to the digest that was recorded when the run was captured, and all content is read
and held to the digest that manifests call it by. What is damaged is named with the runs and the files
that it belongs to; \"hitl undo\" still restores the rest.

Examples:
  hitl snapshots verify
  hitl snapshots verify K7Q2-MX4P
  hitl snapshots verify --json | jq -r 'select(.damaged) | .damaged.path'

Exit status:
  0 all of it is whole, 1 something is damaged";

pub(super) const UNDO: &str = "\
A file that was changed after the command ended is a conflict: nothing is put back until it is
settled, or --force is given. An undo is a run of its own: undoing it brings the changes back.

With --only, what else the command changed stays as it is, and can be undone later: the run counts as
undone when nothing of it is left. What the rules want run after an undo (undo.run) runs after each.

You may undo what you ran, what the rules trusted a group of yours with (undo_by), and anything as
root; an undo belongs to whoever the undone run belongs to. Where the rules say so (undo.require),
others approve it first: they see the plan, and only that plan is carried out. It is then a request
like any other: \"hitl run --resume ID\" goes on with one that you did not wait for.

An undo that was interrupted, by a full disk or the end of the machine, is finished by --resume; until
then every other command mentions it.

Examples:
  hitl undo --last --dry-run                    what would be put back
  hitl undo --last                              put it back
  hitl undo K7Q2-MX4P                           undo that run
  hitl undo K7Q2-MX4P --only /etc/nginx/sites   only what lies there
  hitl undo --no-wait --reason 'wrong host' K7Q2-MX4P
                                                ask for it, where others must approve
  hitl undo --resume                            finish what was interrupted

Exit status:
  0 put back, 1 there are conflicts, something could not be restored, or what runs after it failed,
  75 it waits for a human, 77 refused, 124 nobody decided in time";

pub(super) const AUDIT: &str = "\
Examples:
  hitl audit show --since 1d
  hitl audit verify

The log is described in hitl-audit(5): \"hitl man hitl-audit\".";

pub(super) const AUDIT_SHOW: &str = "\
Examples:
  hitl audit show
  hitl audit show --request K7Q2-MX4P           the life of one request
  hitl audit show --user alice --since 7d --json";

pub(super) const AUDIT_VERIFY: &str = "\
Checks the chain, the sequence, and that nothing started without the approvals that it needed. A
copy needs no privileges. Keep the head that is printed elsewhere: a log that was cut off, or chained
anew, has another one.

Examples:
  hitl audit verify
  hitl audit verify copy-of/audit               a copy, on any machine
  hitl audit verify --json | jq -r .head

Exit status:
  0 the log holds, 1 it does not: the first bad entry is named";

pub(super) const POLICY: &str = "\
Examples:
  hitl policy check
  hitl policy test --coverage policies/

The language is described in hitl-policy(5): \"hitl man hitl-policy\".";

pub(super) const POLICY_CHECK: &str = "\
Reads the policy as \"hitl run\" would: fields, names, quorums, and the examples of every rule.

Examples:
  hitl policy check                             the policy in use
  hitl policy check new.yaml                    one that is not installed
  hitl policy check --json policies/ | jq .error

Exit status:
  0 all can be used, 78 one cannot";

pub(super) const POLICY_TEST: &str = "\
Examples:
  hitl policy test                              the policy in use
  hitl policy test policies/                    every policy in a directory
  hitl policy test --coverage new.yaml          also what nothing tests

Exit status:
  0 all pass, 1 one fails, 78 a policy cannot be used";

pub(super) const SIGNERS: &str = "\
Who approves with a key is listed in allowed_signers, beside the policy, in the syntax of ssh-keygen(1);
which keys no longer count, in revoked_signers. Both are plain text, and \"ssh-keygen -Y verify\" reads
them too.

Examples:
  hitl signers list
  sudo hitl signers add bob /home/bob/.ssh/id_ed25519.pub
  sudo hitl signers revoke bob -m 'laptop stolen'

Files:
  /etc/hitl/allowed_signers, /etc/hitl/revoked_signers                      of the host
  ~/.config/hitl/allowed_signers, ~/.config/hitl/revoked_signers            of a user";

pub(super) const SIGNERS_LIST: &str = "\
Everybody may see it. For each key it says the most that a signature with it can prove: key, or for a
hardware key verify (touch, where it asks for no PIN).

Examples:
  hitl signers list
  hitl signers list --json | jq -r 'select(.login == \"bob\") | .fingerprint'";

pub(super) const SIGNERS_ADD: &str = "\
Keys of the types ssh-ed25519, ecdsa-sha2-nistp256 and their hardware variants (-sk) can approve. A key is
one person's. The change stands in the audit log before it stands in the file.

Examples:
  ssh-keygen -t ed25519-sk -O verify-required   bob makes a key on his hardware key
  hitl signers add bob /home/bob/.ssh/id_ed25519_sk.pub
  cat laptop.pub | hitl signers add bob@laptop -
                                                a second key of bob's";

pub(super) const SIGNERS_CHECK: &str = "\
The lists in use are also held against the policy and this host: whether everybody listed is known, and
whether every group that must sign has somebody who can.

Examples:
  hitl signers check                            the lists in use
  hitl signers check new_allowed_signers        one that is not installed
  hitl signers check --json | jq -r '.warnings[].message'

Exit status:
  0 it can be used (warnings there may be), 78 it cannot";

pub(super) const SIGNERS_REMOVE: &str = "\
What was signed with a key can no longer be verified by the list once the key is out of it. A key that
is lost or stolen, or whose owner has left, is revoked instead.

Examples:
  hitl signers remove bob@laptop
  hitl signers remove SHA256:NKWuuDnsSTxFKqhTz7w0Rf0rPpVsdrNl2hjzQ5WgFeI";

pub(super) const SIGNERS_REVOKE: &str = "\
The place in the audit log counts, and no date: what was recorded before stays valid, what comes after
does not, whatever it claims. A login name means all keys of that person. The keys stay in the list, so
that what they signed before can still be verified; they do not come back.

Examples:
  hitl signers revoke bob -m 'has left'
  hitl signers revoke SHA256:NKWuuDnsSTxFKqhTz7w0Rf0rPpVsdrNl2hjzQ5WgFeI -m 'laptop stolen'";

pub(super) const INIT: &str = "\
What is there already is kept as it is. Without --system or --user: for this host where root asks,
else for yourself.

Examples:
  hitl init --user                              then: hitl policy check
  sudo hitl init --system                       then: hitl doctor";

pub(super) const DOCTOR: &str = "\
Nothing is changed. As root it examines the installed program and everything it rests on; as another
user the same, told in one word where the details are root's; where hitl is not installed, what user
scope needs. What it says after \"fix:\" is a shell command.

Examples:
  hitl doctor                                   as root: all of it, with the details
  hitl doctor --json | jq -r '.findings[] | select(.state == \"failure\") | .fix'

Exit status:
  0 no failures (warnings there may be), 1 something must be mended";

pub(super) const COMPLETIONS: &str = "\
Examples:
  hitl completions bash > /etc/bash_completion.d/hitl
  hitl completions zsh > /usr/local/share/zsh/site-functions/_hitl
  hitl completions fish > ~/.config/fish/completions/hitl.fish";

pub(super) const MAN: &str = "\
There is a page for every command, hitl-policy(5) for the language of policies and hitl-audit(5) for
the log. Of two pages with one name the one about the format comes first; hitl-policy.1 names the
command's.

Examples:
  hitl man | man -l -
  hitl man hitl-run | man -l -
  hitl man hitl-policy | man -l -               how policies are written
  hitl man hitl-audit | man -l -                what stands in the audit log
  hitl man --directory man/                     all pages, as files";

pub(super) const TOUR: &str = "\
Needs no policy and no privileges, changes nothing outside of a temporary directory, and asks nothing
where standard input is not a terminal.

Examples:
  hitl tour
  hitl tour --keep                              look at the files afterwards";
