#!/bin/sh
# Gates a command in a pipeline: asks hitl, waits for the humans, runs it when they have said yes.
#
#   ./gate.sh 45m terraform apply plan.out
#
# Needs jq, and hitl installed on the runner's host. Run it in one job from beginning to end: what
# was approved is this command with these files, in this directory, with this environment. Where one
# of them is another one when the command starts, the request is void (77) and nothing runs.
set -u
limit=$1
shift

# 1. Ask. What needs no human runs at once: its output stands before the last line.
answer=$(hitl run --no-wait --json --reason "${CI_JOB_URL:-pipeline}" -- "$@")
code=$?
last=$(printf '%s\n' "$answer" | tail -n 1)
if [ "$(printf '%s\n' "$last" | jq -r .outcome)" != pending ]; then
  printf '%s\n' "$answer"
  exit "$code" # the command's own, or 77 denied, 78 policy wrong, 125 hitl failed
fi
id=$(printf '%s\n' "$last" | jq -r .id)

# 2. Wait for the humans: "hitl approve" or "hitl reject", from logins of their own.
hitl wait --timeout "$limit" "$id"
case $? in
  0) ;;
  75) echo "gate: nobody decided within $limit" >&2; hitl cancel "$id"; exit 75 ;;
  77) echo "gate: rejected, cancelled or void" >&2; exit 77 ;;
  124) echo "gate: the policy gives humans no more time" >&2; exit 124 ;;
  *) exit 125 ;;
esac

# 3. Run what was approved. The exit code is the command's own.
exec hitl run --resume "$id"
