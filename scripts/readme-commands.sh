#!/usr/bin/env bash
# Runs the commands that README.md tells people to run, so that none of them can rot.
#
# Every fenced block that opens with ```sh is run, in order, each in a shell of its own at the top of the repository. A
# block that opens with `sh long` (takes hours, needs an interactive terminal) or `sh devnet` (needs funds on another
# cluster) is not run. Blocks of another language are text.
#
#   scripts/readme-commands.sh [--list] [file]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

list=false
if [ "${1:-}" = --list ]; then
  list=true
  shift
fi
readme=${1:-README.md}
[ -f "$readme" ] || {
  echo "readme-commands: $readme is missing." >&2
  exit 1
}

blocks=$(mktemp -d)
trap 'rm -rf "$blocks"' EXIT
awk -v folder="$blocks" '
  /^ *```/ {
    if (inside) { if (file) close(file); inside = 0; file = ""; next }
    inside = 1
    info = $0
    sub(/^ *```/, "", info)
    if (info ~ /^sh([ \t]|$)/ && info !~ /[ \t](long|devnet)([ \t]|$)/)
      file = sprintf("%s/%03d", folder, ++count)
    next
  }
  file { print > file }
' "$readme"

shopt -s nullglob
files=("$blocks"/*)
[ ${#files[@]} -gt 0 ] || {
  echo "readme-commands: $readme has no block of commands to run." >&2
  exit 1
}
for file in "${files[@]}"; do
  sed 's/^/  /' "$file"
  if [ "$list" = false ]; then
    bash -euo pipefail "$file" </dev/null || {
      echo "readme-commands: the block above, from $readme, fails." >&2
      exit 1
    }
  fi
done
