# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_hitl_global_optspecs
    string join \n color= policy= state-dir= h/help V/version
end

function __fish_hitl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_hitl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_hitl_using_subcommand
    set -l cmd (__fish_hitl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c hitl -n "__fish_hitl_needs_command" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_needs_command" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_needs_command" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_needs_command" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_needs_command" -s V -l version -d 'Print version'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "run" -d 'Run a command, if the rules and the humans let it'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "edit" -d 'Edit files in an editor of your own, if the rules and the humans let it'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "check" -d 'Say what would be decided about a command, and why. Nothing runs'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "list" -d 'List what you may run, and what each thing needs'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "pending" -d 'List the requests that wait for a human'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "show" -d 'Show a request whole: what a reviewer must know before deciding'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "review" -d 'Review what waits on a full screen: read it whole, decide, watch it change'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "approve" -d 'Say yes to a request'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "reject" -d 'Say no to a request. One no is enough'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "cancel" -d 'Take back a request of your own'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "wait" -d 'Wait until a request is decided'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "forget" -d 'Forget that you have authenticated: the next command that needs it asks for your password'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "snapshots" -d 'List snapshots, show one or what a command changed; pin, verify and prune them'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "undo" -d 'Put back what a command changed'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "audit" -d 'Show or verify the audit log'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "policy" -d 'Check and test policies'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "signers" -d 'Say whose SSH key is whose: list, add, check, remove, revoke'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "notify" -d 'List the channels by which people are told, and try one'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "init" -d 'Write a commented starter policy and the directories. Never overwrites'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "doctor" -d 'Examine this installation: every precondition, each failure with the command that mends it'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "man" -d 'Print a man page, or write all of them to a directory'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "tour" -d 'See hitl at work on files of its own: decide, ask, snapshot, run, undo, prove'
complete -c hitl -n "__fish_hitl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hitl -n "__fish_hitl_using_subcommand run" -s u -l user -d 'Run as this user: a name, or # and a user id' -r
complete -c hitl -n "__fish_hitl_using_subcommand run" -s g -l group -d 'Run with this primary group: a name, or # and a group id. Without -u, as yourself' -r
complete -c hitl -n "__fish_hitl_using_subcommand run" -s D -s C -l chdir -d 'Run in this directory' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand run" -l reason -d 'What it is for. The reviewer sees it, marked as your claim' -r
complete -c hitl -n "__fish_hitl_using_subcommand run" -l ticket -d 'The ticket that it belongs to, a short line. The reviewer sees it, marked as your claim' -r
complete -c hitl -n "__fish_hitl_using_subcommand run" -l plan -d 'Attach what you intend, a text of at most 1 MiB: a plan, a diff. "-" reads standard input, and the command then has /dev/null there. The reviewer sees it, marked as your claim' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand run" -l wait -d 'How long to wait for a human (90s, 15m, 1h30m); by default as long as they may decide' -r
complete -c hitl -n "__fish_hitl_using_subcommand run" -l resume -d 'Go on with a request that was made before. The command may be left out; if it is given, it must be the same' -r
complete -c hitl -n "__fish_hitl_using_subcommand run" -l status-fd -d 'Write one JSON object a line to this file descriptor for every step, as it happens' -r
complete -c hitl -n "__fish_hitl_using_subcommand run" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand run" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand run" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand run" -l break-glass -d 'In an emergency: lift a denial that can be lifted, where the policy trusts you with that. Needs --reason, is confirmed by typing, told to others at once, and reviewed by them afterwards'
complete -c hitl -n "__fish_hitl_using_subcommand run" -l no-wait -d 'Do not wait for a human: print the request\'s id and exit with 75'
complete -c hitl -n "__fish_hitl_using_subcommand run" -l dry-run -d 'Only say what would be decided, what would be asked and what would be snapshotted'
complete -c hitl -n "__fish_hitl_using_subcommand run" -l json -d 'Print one JSON object about what happened, as the last line of standard output'
complete -c hitl -n "__fish_hitl_using_subcommand run" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand edit" -s u -l user -d 'Write as this user: a name, or # and a user id. Your editor runs as you' -r
complete -c hitl -n "__fish_hitl_using_subcommand edit" -s g -l group -d 'Write with this primary group: a name, or # and a group id. Without -u, as yourself' -r
complete -c hitl -n "__fish_hitl_using_subcommand edit" -l reason -d 'What it is for. The reviewer sees it, marked as your claim' -r
complete -c hitl -n "__fish_hitl_using_subcommand edit" -l ticket -d 'The ticket that it belongs to, a short line. The reviewer sees it, marked as your claim' -r
complete -c hitl -n "__fish_hitl_using_subcommand edit" -l plan -d 'Attach what you intend, a text of at most 1 MiB: a plan, a diff. "-" reads standard input, and the command then has /dev/null there. The reviewer sees it, marked as your claim' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand edit" -l wait -d 'How long to wait for a human (90s, 15m, 1h30m); by default as long as they may decide' -r
complete -c hitl -n "__fish_hitl_using_subcommand edit" -l content -d 'Put what stands on standard input in the file\'s place, where it has this digest' -r
complete -c hitl -n "__fish_hitl_using_subcommand edit" -l expect -d 'Only where the file has this digest now, or is absent' -r
complete -c hitl -n "__fish_hitl_using_subcommand edit" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand edit" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand edit" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand edit" -l no-wait -d 'Do not wait for a human: print the request\'s id and exit with 75'
complete -c hitl -n "__fish_hitl_using_subcommand edit" -l json -d 'Print one JSON object about every file, a line each'
complete -c hitl -n "__fish_hitl_using_subcommand edit" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand check" -s u -l user -d 'Run as this user: a name, or # and a user id' -r
complete -c hitl -n "__fish_hitl_using_subcommand check" -s g -l group -d 'Run with this primary group: a name, or # and a group id. Without -u, as yourself' -r
complete -c hitl -n "__fish_hitl_using_subcommand check" -s D -s C -l chdir -d 'Run in this directory' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand check" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand check" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand check" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand check" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand check" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand list" -s u -l user -d 'Run as this user: a name, or # and a user id' -r
complete -c hitl -n "__fish_hitl_using_subcommand list" -s g -l group -d 'Run with this primary group: a name, or # and a group id. Without -u, as yourself' -r
complete -c hitl -n "__fish_hitl_using_subcommand list" -s D -s C -l chdir -d 'Run in this directory' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand list" -s U -l for -d 'List what this user may run (root only): a name, or # and a user id' -r
complete -c hitl -n "__fish_hitl_using_subcommand list" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand list" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand list" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand list" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand list" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand pending" -l search -d 'Only those with this text, in any case, in their id, requester, command, directory, reason, ticket, rules or plan' -r
complete -c hitl -n "__fish_hitl_using_subcommand pending" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand pending" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand pending" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand pending" -l all -d 'Also list requests that are closed'
complete -c hitl -n "__fish_hitl_using_subcommand pending" -l watch -d 'Go on: print every request that is new or has changed, until nobody reads'
complete -c hitl -n "__fish_hitl_using_subcommand pending" -l break-glass -d 'List runs by break-glass that nobody has reviewed yet, the oldest first'
complete -c hitl -n "__fish_hitl_using_subcommand pending" -l json -d 'Print one JSON object a line'
complete -c hitl -n "__fish_hitl_using_subcommand pending" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand show" -s m -l message -d 'A word to the requester, signed with it' -r
complete -c hitl -n "__fish_hitl_using_subcommand show" -l key -d 'The fingerprint of the key that will sign, where you have several. Unwritten: the strongest that is registered' -r
complete -c hitl -n "__fish_hitl_using_subcommand show" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand show" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand show" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand show" -l plan -d 'Show the whole of the plan that was attached'
complete -c hitl -n "__fish_hitl_using_subcommand show" -l no-pager -d 'Print it, on a terminal too, where it would be shown in your PAGER'
complete -c hitl -n "__fish_hitl_using_subcommand show" -l statement -d 'Print the statement that you sign to approve it, to be signed anywhere. The signature is handed in with "hitl approve ID --signature FILE"'
complete -c hitl -n "__fish_hitl_using_subcommand show" -l reject -d 'The statement that rejects it, for "hitl reject ID --signature FILE". Needs --message'
complete -c hitl -n "__fish_hitl_using_subcommand show" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand show" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand review" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand review" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand review" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand review" -l plain -d 'Talk instead of drawing: numbered lines and a prompt, for a screen reader or a slow line'
complete -c hitl -n "__fish_hitl_using_subcommand review" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand approve" -s m -l message -d 'A word to the requester, kept in the audit log' -r
complete -c hitl -n "__fish_hitl_using_subcommand approve" -l host -d 'The name of the host that the command is for: demanded where the risk is critical, and asked for at a terminal' -r
complete -c hitl -n "__fish_hitl_using_subcommand approve" -l key -d 'Sign with the key in this file, instead of the first that an agent or ~/.ssh has' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand approve" -l signature -d 'A signature that was made elsewhere, of what "hitl show --statement ID" printed; - is standard input' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand approve" -l digest -d 'Only if what it is about still has this digest, as "hitl show" tells it' -r
complete -c hitl -n "__fish_hitl_using_subcommand approve" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand approve" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand approve" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand approve" -l sign -d 'Sign with your SSH key, also where your login is proof enough'
complete -c hitl -n "__fish_hitl_using_subcommand approve" -l review -d 'Only as the review of a run by break-glass: whether it was justified. Demanded where others had been asked before it ran'
complete -c hitl -n "__fish_hitl_using_subcommand approve" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand approve" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand reject" -s m -l message -d 'Why. With --signature it stands in the statement already' -r
complete -c hitl -n "__fish_hitl_using_subcommand reject" -l key -d 'Sign with the key in this file, instead of the first that an agent or ~/.ssh has' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand reject" -l signature -d 'A signature that was made elsewhere, of what "hitl show --statement ID" printed; - is standard input' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand reject" -l digest -d 'Only if what it is about still has this digest, as "hitl show" tells it' -r
complete -c hitl -n "__fish_hitl_using_subcommand reject" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand reject" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand reject" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand reject" -l sign -d 'Sign with your SSH key, also where your login is proof enough'
complete -c hitl -n "__fish_hitl_using_subcommand reject" -l review -d 'Only as the review of a run by break-glass: whether it was justified. Demanded where others had been asked before it ran'
complete -c hitl -n "__fish_hitl_using_subcommand reject" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand reject" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand cancel" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand cancel" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand cancel" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand cancel" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand cancel" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand wait" -l timeout -d 'How long to wait at most (90s, 15m); by default as long as humans may decide' -r
complete -c hitl -n "__fish_hitl_using_subcommand wait" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand wait" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand wait" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand wait" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand wait" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand forget" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand forget" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand forget" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand forget" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand forget" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and not __fish_seen_subcommand_from list show diff pin unpin prune verify help" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and not __fish_seen_subcommand_from list show diff pin unpin prune verify help" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and not __fish_seen_subcommand_from list show diff pin unpin prune verify help" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and not __fish_seen_subcommand_from list show diff pin unpin prune verify help" -l json -d 'Print one JSON object a line'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and not __fish_seen_subcommand_from list show diff pin unpin prune verify help" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and not __fish_seen_subcommand_from list show diff pin unpin prune verify help" -f -a "list" -d 'List the runs that can be undone, as without a command'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and not __fish_seen_subcommand_from list show diff pin unpin prune verify help" -f -a "show" -d 'Show which files a snapshot holds, and as what'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and not __fish_seen_subcommand_from list show diff pin unpin prune verify help" -f -a "diff" -d 'Show what the command changed'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and not __fish_seen_subcommand_from list show diff pin unpin prune verify help" -f -a "pin" -d 'Keep a snapshot, whatever its age and size, until it is unpinned'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and not __fish_seen_subcommand_from list show diff pin unpin prune verify help" -f -a "unpin" -d 'Take a pin away: the snapshot is kept as long as any other'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and not __fish_seen_subcommand_from list show diff pin unpin prune verify help" -f -a "prune" -d 'Take snapshots away that are not to be kept any longer, and the content that only they had'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and not __fish_seen_subcommand_from list show diff pin unpin prune verify help" -f -a "verify" -d 'Read all that is kept, and say what is damaged'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and not __fish_seen_subcommand_from list show diff pin unpin prune verify help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from list" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from list" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from list" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object a line'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from show" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from show" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from show" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from show" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from diff" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from diff" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from diff" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from diff" -l stat -d 'One line for each path: how much of it changed'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from diff" -l json -d 'Print one JSON object a line'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from pin" -l reason -d 'Why, for whoever finds the pin' -r
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from pin" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from pin" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from pin" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from pin" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from pin" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from unpin" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from unpin" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from unpin" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from unpin" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from unpin" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from prune" -l older-than -d 'What is older (12h, 30d), whatever rules say' -r
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from prune" -l keep-last -d 'All but the last so many' -r
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from prune" -l max-size -d 'The oldest, until the rest is no larger (500MiB, 20GB)' -r
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from prune" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from prune" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from prune" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from prune" -l dry-run -d 'Only show what would go'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from prune" -l json -d 'Print one JSON object a line'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from prune" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from verify" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from verify" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from verify" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from verify" -l json -d 'Print one JSON object a line'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the runs that can be undone, as without a command'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show which files a snapshot holds, and as what'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from help" -f -a "diff" -d 'Show what the command changed'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from help" -f -a "pin" -d 'Keep a snapshot, whatever its age and size, until it is unpinned'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from help" -f -a "unpin" -d 'Take a pin away: the snapshot is kept as long as any other'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from help" -f -a "prune" -d 'Take snapshots away that are not to be kept any longer, and the content that only they had'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Read all that is kept, and say what is damaged'
complete -c hitl -n "__fish_hitl_using_subcommand snapshots; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hitl -n "__fish_hitl_using_subcommand undo" -l only -d 'Put back only this path and what lies below it, and leave the rest of the run undoable. May be given several times' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand undo" -l reason -d 'Where others must approve it: what it is for. They see it, marked as your claim' -r
complete -c hitl -n "__fish_hitl_using_subcommand undo" -l ticket -d 'Where others must approve it: the ticket that it belongs to, a short line' -r
complete -c hitl -n "__fish_hitl_using_subcommand undo" -l wait -d 'How long to wait for them (90s, 15m, 1h30m); by default as long as they may decide' -r
complete -c hitl -n "__fish_hitl_using_subcommand undo" -l plan -d 'Carry out the plan of this digest, which was approved' -r
complete -c hitl -n "__fish_hitl_using_subcommand undo" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand undo" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand undo" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand undo" -l last -d 'Undo the last run of yours (for root: of anybody) that changed something and is not undone'
complete -c hitl -n "__fish_hitl_using_subcommand undo" -l resume -d 'Finish an undo that was interrupted: this one, or the only one that there is'
complete -c hitl -n "__fish_hitl_using_subcommand undo" -l dry-run -d 'Only show what would be done'
complete -c hitl -n "__fish_hitl_using_subcommand undo" -l force -d 'Also overwrite what was changed since the command ended. What is there now is kept in the undo\'s own snapshot'
complete -c hitl -n "__fish_hitl_using_subcommand undo" -l no-wait -d 'Do not wait for them: print the request\'s id and exit with 75'
complete -c hitl -n "__fish_hitl_using_subcommand undo" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand undo" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand audit; and not __fish_seen_subcommand_from show verify help" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand audit; and not __fish_seen_subcommand_from show verify help" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand audit; and not __fish_seen_subcommand_from show verify help" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand audit; and not __fish_seen_subcommand_from show verify help" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand audit; and not __fish_seen_subcommand_from show verify help" -f -a "show" -d 'Show entries'
complete -c hitl -n "__fish_hitl_using_subcommand audit; and not __fish_seen_subcommand_from show verify help" -f -a "verify" -d 'Verify the whole log, and name the first entry that does not hold'
complete -c hitl -n "__fish_hitl_using_subcommand audit; and not __fish_seen_subcommand_from show verify help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hitl -n "__fish_hitl_using_subcommand audit; and __fish_seen_subcommand_from show" -l request -d 'Only entries about this request or run' -r
complete -c hitl -n "__fish_hitl_using_subcommand audit; and __fish_seen_subcommand_from show" -l user -d 'Only entries of this user' -r
complete -c hitl -n "__fish_hitl_using_subcommand audit; and __fish_seen_subcommand_from show" -l since -d 'Only entries of the last while (15m, 7d)' -r
complete -c hitl -n "__fish_hitl_using_subcommand audit; and __fish_seen_subcommand_from show" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand audit; and __fish_seen_subcommand_from show" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand audit; and __fish_seen_subcommand_from show" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand audit; and __fish_seen_subcommand_from show" -l json -d 'Print the entries as they are stored, one JSON object a line'
complete -c hitl -n "__fish_hitl_using_subcommand audit; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand audit; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show entries'
complete -c hitl -n "__fish_hitl_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Verify the whole log, and name the first entry that does not hold'
complete -c hitl -n "__fish_hitl_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hitl -n "__fish_hitl_using_subcommand policy; and not __fish_seen_subcommand_from check test help" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand policy; and not __fish_seen_subcommand_from check test help" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand policy; and not __fish_seen_subcommand_from check test help" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand policy; and not __fish_seen_subcommand_from check test help" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand policy; and not __fish_seen_subcommand_from check test help" -f -a "check" -d 'Read a policy and say whether it can be used; every error with file, line and column'
complete -c hitl -n "__fish_hitl_using_subcommand policy; and not __fish_seen_subcommand_from check test help" -f -a "test" -d 'Run a policy\'s own tests and examples'
complete -c hitl -n "__fish_hitl_using_subcommand policy; and not __fish_seen_subcommand_from check test help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hitl -n "__fish_hitl_using_subcommand policy; and __fish_seen_subcommand_from check" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand policy; and __fish_seen_subcommand_from check" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand policy; and __fish_seen_subcommand_from check" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand policy; and __fish_seen_subcommand_from check" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand policy; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand policy; and __fish_seen_subcommand_from test" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand policy; and __fish_seen_subcommand_from test" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand policy; and __fish_seen_subcommand_from test" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand policy; and __fish_seen_subcommand_from test" -l coverage -d 'Also list the rules that no test and no example reaches'
complete -c hitl -n "__fish_hitl_using_subcommand policy; and __fish_seen_subcommand_from test" -l json -d 'Print one JSON object a line'
complete -c hitl -n "__fish_hitl_using_subcommand policy; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "check" -d 'Read a policy and say whether it can be used; every error with file, line and column'
complete -c hitl -n "__fish_hitl_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "test" -d 'Run a policy\'s own tests and examples'
complete -c hitl -n "__fish_hitl_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and not __fish_seen_subcommand_from list add check remove revoke help" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand signers; and not __fish_seen_subcommand_from list add check remove revoke help" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand signers; and not __fish_seen_subcommand_from list add check remove revoke help" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand signers; and not __fish_seen_subcommand_from list add check remove revoke help" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and not __fish_seen_subcommand_from list add check remove revoke help" -f -a "list" -d 'List whose SSH key is whose, and what each can prove'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and not __fish_seen_subcommand_from list add check remove revoke help" -f -a "add" -d 'List a key as a person\'s: from then on they can approve with it'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and not __fish_seen_subcommand_from list add check remove revoke help" -f -a "check" -d 'Say whether the list can be used, and what in it does not count'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and not __fish_seen_subcommand_from list add check remove revoke help" -f -a "remove" -d 'Take keys out of the list'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and not __fish_seen_subcommand_from list add check remove revoke help" -f -a "revoke" -d 'Revoke keys: what is recorded from now on does not count, whatever date it claims'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and not __fish_seen_subcommand_from list add check remove revoke help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from list" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from list" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from list" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object a line'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from add" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from add" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from add" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from add" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from check" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from check" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from check" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from check" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from remove" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from remove" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from remove" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from remove" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from revoke" -s m -l message -d 'Why' -r
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from revoke" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from revoke" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from revoke" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from revoke" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from help" -f -a "list" -d 'List whose SSH key is whose, and what each can prove'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from help" -f -a "add" -d 'List a key as a person\'s: from then on they can approve with it'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from help" -f -a "check" -d 'Say whether the list can be used, and what in it does not count'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Take keys out of the list'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from help" -f -a "revoke" -d 'Revoke keys: what is recorded from now on does not count, whatever date it claims'
complete -c hitl -n "__fish_hitl_using_subcommand signers; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hitl -n "__fish_hitl_using_subcommand notify; and not __fish_seen_subcommand_from list test help" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand notify; and not __fish_seen_subcommand_from list test help" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand notify; and not __fish_seen_subcommand_from list test help" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand notify; and not __fish_seen_subcommand_from list test help" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand notify; and not __fish_seen_subcommand_from list test help" -f -a "list" -d 'List the channels of the policy, without their secrets'
complete -c hitl -n "__fish_hitl_using_subcommand notify; and not __fish_seen_subcommand_from list test help" -f -a "test" -d 'Send a test by one channel, now, and say what came of it'
complete -c hitl -n "__fish_hitl_using_subcommand notify; and not __fish_seen_subcommand_from list test help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hitl -n "__fish_hitl_using_subcommand notify; and __fish_seen_subcommand_from list" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand notify; and __fish_seen_subcommand_from list" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand notify; and __fish_seen_subcommand_from list" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand notify; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object a line'
complete -c hitl -n "__fish_hitl_using_subcommand notify; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand notify; and __fish_seen_subcommand_from test" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand notify; and __fish_seen_subcommand_from test" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand notify; and __fish_seen_subcommand_from test" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand notify; and __fish_seen_subcommand_from test" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand notify; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand notify; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the channels of the policy, without their secrets'
complete -c hitl -n "__fish_hitl_using_subcommand notify; and __fish_seen_subcommand_from help" -f -a "test" -d 'Send a test by one channel, now, and say what came of it'
complete -c hitl -n "__fish_hitl_using_subcommand notify; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hitl -n "__fish_hitl_using_subcommand init" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand init" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand init" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand init" -l system -d 'For this host: /etc/hitl and /var/lib/hitl. Needs root'
complete -c hitl -n "__fish_hitl_using_subcommand init" -l user -d 'For yourself: your configuration and state directories'
complete -c hitl -n "__fish_hitl_using_subcommand init" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand init" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand doctor" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand doctor" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand doctor" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand doctor" -l json -d 'Print JSON'
complete -c hitl -n "__fish_hitl_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand completions" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand completions" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand completions" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand completions" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand man" -l directory -d 'Write all pages to this directory instead' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand man" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand man" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand man" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand man" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand tour" -l color -d 'When to use colour: auto (on a terminal), always or never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns it on elsewhere'
always\t'Always'
never\t'Never'"
complete -c hitl -n "__fish_hitl_using_subcommand tour" -l policy -d 'Use this policy instead of the installed one (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand tour" -l state-dir -d 'Keep requests, snapshots and the log here (root and unprivileged hitl only)' -r -F
complete -c hitl -n "__fish_hitl_using_subcommand tour" -l no-pause -d 'Do not wait for Enter between the steps, also on a terminal'
complete -c hitl -n "__fish_hitl_using_subcommand tour" -l keep -d 'Keep the files of the tour, and say where they are'
complete -c hitl -n "__fish_hitl_using_subcommand tour" -s h -l help -d 'Print help'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "run" -d 'Run a command, if the rules and the humans let it'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "edit" -d 'Edit files in an editor of your own, if the rules and the humans let it'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "check" -d 'Say what would be decided about a command, and why. Nothing runs'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "list" -d 'List what you may run, and what each thing needs'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "pending" -d 'List the requests that wait for a human'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "show" -d 'Show a request whole: what a reviewer must know before deciding'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "review" -d 'Review what waits on a full screen: read it whole, decide, watch it change'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "approve" -d 'Say yes to a request'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "reject" -d 'Say no to a request. One no is enough'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "cancel" -d 'Take back a request of your own'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "wait" -d 'Wait until a request is decided'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "forget" -d 'Forget that you have authenticated: the next command that needs it asks for your password'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "snapshots" -d 'List snapshots, show one or what a command changed; pin, verify and prune them'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "undo" -d 'Put back what a command changed'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "audit" -d 'Show or verify the audit log'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "policy" -d 'Check and test policies'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "signers" -d 'Say whose SSH key is whose: list, add, check, remove, revoke'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "notify" -d 'List the channels by which people are told, and try one'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "init" -d 'Write a commented starter policy and the directories. Never overwrites'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "doctor" -d 'Examine this installation: every precondition, each failure with the command that mends it'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "completions" -d 'Print a completion script for a shell'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "man" -d 'Print a man page, or write all of them to a directory'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "tour" -d 'See hitl at work on files of its own: decide, ask, snapshot, run, undo, prove'
complete -c hitl -n "__fish_hitl_using_subcommand help; and not __fish_seen_subcommand_from run edit check list pending show review approve reject cancel wait forget snapshots undo audit policy signers notify init doctor completions man tour help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hitl -n "__fish_hitl_using_subcommand help; and __fish_seen_subcommand_from snapshots" -f -a "list" -d 'List the runs that can be undone, as without a command'
complete -c hitl -n "__fish_hitl_using_subcommand help; and __fish_seen_subcommand_from snapshots" -f -a "show" -d 'Show which files a snapshot holds, and as what'
complete -c hitl -n "__fish_hitl_using_subcommand help; and __fish_seen_subcommand_from snapshots" -f -a "diff" -d 'Show what the command changed'
complete -c hitl -n "__fish_hitl_using_subcommand help; and __fish_seen_subcommand_from snapshots" -f -a "pin" -d 'Keep a snapshot, whatever its age and size, until it is unpinned'
complete -c hitl -n "__fish_hitl_using_subcommand help; and __fish_seen_subcommand_from snapshots" -f -a "unpin" -d 'Take a pin away: the snapshot is kept as long as any other'
complete -c hitl -n "__fish_hitl_using_subcommand help; and __fish_seen_subcommand_from snapshots" -f -a "prune" -d 'Take snapshots away that are not to be kept any longer, and the content that only they had'
complete -c hitl -n "__fish_hitl_using_subcommand help; and __fish_seen_subcommand_from snapshots" -f -a "verify" -d 'Read all that is kept, and say what is damaged'
complete -c hitl -n "__fish_hitl_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "show" -d 'Show entries'
complete -c hitl -n "__fish_hitl_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "verify" -d 'Verify the whole log, and name the first entry that does not hold'
complete -c hitl -n "__fish_hitl_using_subcommand help; and __fish_seen_subcommand_from policy" -f -a "check" -d 'Read a policy and say whether it can be used; every error with file, line and column'
complete -c hitl -n "__fish_hitl_using_subcommand help; and __fish_seen_subcommand_from policy" -f -a "test" -d 'Run a policy\'s own tests and examples'
complete -c hitl -n "__fish_hitl_using_subcommand help; and __fish_seen_subcommand_from signers" -f -a "list" -d 'List whose SSH key is whose, and what each can prove'
complete -c hitl -n "__fish_hitl_using_subcommand help; and __fish_seen_subcommand_from signers" -f -a "add" -d 'List a key as a person\'s: from then on they can approve with it'
complete -c hitl -n "__fish_hitl_using_subcommand help; and __fish_seen_subcommand_from signers" -f -a "check" -d 'Say whether the list can be used, and what in it does not count'
complete -c hitl -n "__fish_hitl_using_subcommand help; and __fish_seen_subcommand_from signers" -f -a "remove" -d 'Take keys out of the list'
complete -c hitl -n "__fish_hitl_using_subcommand help; and __fish_seen_subcommand_from signers" -f -a "revoke" -d 'Revoke keys: what is recorded from now on does not count, whatever date it claims'
complete -c hitl -n "__fish_hitl_using_subcommand help; and __fish_seen_subcommand_from notify" -f -a "list" -d 'List the channels of the policy, without their secrets'
complete -c hitl -n "__fish_hitl_using_subcommand help; and __fish_seen_subcommand_from notify" -f -a "test" -d 'Send a test by one channel, now, and say what came of it'
