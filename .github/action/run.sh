#!/usr/bin/env bash
# The step "run" of action.yml: runs assetsync and reports to the workflow what
# became of it. All that it is told comes by its environment; nothing of that
# is ever a part of a command.
#
#   ASSETSYNC                 the program
#   INPUT_COMMAND             what it is to do
#   INPUT_ARGS                arguments: a line of them, or one on each of several
#   INPUT_ENV                 the environment of the config
#   INPUT_PLAN                the file that a plan goes to, or that a push is held to
#   INPUT_WORKING_DIRECTORY   where
#
# It runs in the bash of macOS, which is 3.2: there an empty array is unset.
set -euo pipefail
exec 2>&1 # one stream, in one order

# split TEXT puts the words of a line into the array words, or the lines of
# several. Nothing else has a meaning: no quotes, no globs, no variables.
split() {
  words=()
  text=$1
  while [ "${text%$'\n'}" != "$text" ]; do text=${text%$'\n'}; done
  case $text in
    *$'\n'*)
      while IFS= read -r line; do
        [ -z "$line" ] || words+=("$line")
      done <<<"$text"
      ;;
    *) read -r -a words <<<"$text" ;;
  esac
}

global=()
[ -z "${INPUT_WORKING_DIRECTORY:-}" ] || global+=(-C "$INPUT_WORKING_DIRECTORY")
run=(--json)
[ -z "${INPUT_ENV:-}" ] || run+=(--env "$INPUT_ENV")
split "${INPUT_COMMAND:-push}"
run+=(${words[@]+"${words[@]}"})
if [ -n "${INPUT_PLAN:-}" ]; then
  case ${words[0]-} in
    plan) run+=(--output "$INPUT_PLAN") ;;
    *) run+=(--plan "$INPUT_PLAN") ;;
  esac
fi
split "${INPUT_ARGS:-}"
run+=(${words[@]+"${words[@]}"})

# What is printed for people names files as they are called, and is no command
# to the runner between these lines.
dir=$(mktemp -d "${RUNNER_TEMP:?}/assetsync-run.XXXXXX")
fence=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
code=0
echo "::stop-commands::$fence"
"$ASSETSYNC" ${global[@]+"${global[@]}"} "${run[@]}" >"$dir/result.json" || code=$?
printf '\n::%s::\n' "$fence"

reported=0
"$ASSETSYNC" ${global[@]+"${global[@]}"} github-report --code "$code" "$dir/result.json" || reported=$?
[ "$code" != 0 ] || code=$reported
exit "$code"
