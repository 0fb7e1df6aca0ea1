#!/usr/bin/env bash
# Holds docs/attacks.md against the code: every test that a row names exists and runs on the bytecode, every test that is
# named after an attack, there or beside the engine, stands in its row, and a row without tests says that its part of the
# program is a later stage. A test of the engine may share its name with the one that repeats it on the bytecode.
#
# A row is `| NN | attack | what must happen | tests |`; the last cell is a list of `attack_NN_...` or "later stage".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
table=docs/attacks.md
[ -f "$table" ] || {
  echo "check-attacks: $table is missing." >&2
  exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# problems to stdout; `NN test` of every named test to $work/named
awk -F '|' -v named="$work/named" '
  /^\| *[0-9][0-9] *\|/ {
    row = $2; gsub(/ /, "", row)
    cell = $(NF - 1); rest = cell; count = 0
    while (match(rest, /`attack_[0-9][0-9]_[a-z0-9_]+`/)) {
      test = substr(rest, RSTART + 1, RLENGTH - 2)
      rest = substr(rest, RSTART + RLENGTH)
      count++
      print test > named
      if (substr(test, 8, 2) != row) print "row " row " names " test ", which belongs to another row"
    }
    if (count == 0 && cell !~ /later stage/) print "row " row " names no test and is not marked as a later stage"
  }
' "$table" >"$work/problems"
touch "$work/named"
sort -u "$work/named" -o "$work/named"

# Tests as written in the code, whether committed yet or not, by path; an ignored one does not count.
written() {
  git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
    [ -f "$file" ] && awk '
      /#\[ignore/ { ignored = 1 }
      match($0, /fn attack_[0-9][0-9]_[a-z0-9_]+/) { if (!ignored) print substr($0, RSTART + 3, RLENGTH - 3) }
      /fn / { ignored = 0 }
    ' "$file"
  done | sort
}
written 'tests/*.rs' >"$work/bytecode"
written '*.rs' | sort -u >"$work/anywhere"

{
  comm -23 "$work/named" <(sort -u "$work/bytecode") | sed 's/$/ stands in the table but is no test on the bytecode/'
  comm -13 "$work/named" "$work/anywhere" | sed 's/$/ is a test that no row of the table names/'
  uniq -d "$work/bytecode" | sed 's/$/ is the name of two tests/'
} >>"$work/problems"

if [ -s "$work/problems" ]; then
  sed 's/^/check-attacks: /' "$work/problems" >&2
  exit 1
fi
echo "check-attacks: $(wc -l <"$work/named") tests stand in $table and in the code"
