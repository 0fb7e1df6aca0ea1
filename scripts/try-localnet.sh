#!/usr/bin/env bash
# A tour of the `plimsoll` command: starts a localnet, lets two people trade on it, recomputes custody, stops it.
# What it does by hand is what a trader would type; every command has --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup-host.sh
cargo build --locked -p plimsoll-cli
plimsoll=${CARGO_TARGET_DIR:-target}/debug/plimsoll
folder=$(mktemp -d)
export PLIMSOLL_URL=http://127.0.0.1:28899

"$plimsoll" localnet --rpc-port 28899 --ws-port 28900 >"$folder/localnet.log" 2>&1 &
localnet=$!
trap 'kill "$localnet" 2>/dev/null || true; wait "$localnet" 2>/dev/null || true; rm -rf "$folder"' EXIT
for _ in $(seq 120); do
  grep -q '^Ready' "$folder/localnet.log" && break
  kill -0 "$localnet" 2>/dev/null || { cat "$folder/localnet.log"; exit 1; }
  sleep 1
done
grep -q '^Ready' "$folder/localnet.log" || { cat "$folder/localnet.log"; exit 1; }

run() { # who, command...
  local who=$1
  shift
  printf '\n[%s] plimsoll %s\n' "$who" "$*"
  "$plimsoll" --keypair "$folder/$who.json" --yes "$@"
}

for who in ann bob; do
  "$plimsoll" keygen "$folder/$who.json"
  run "$who" faucet
  run "$who" account create
  run "$who" account deposit 1000
  run "$who" account claim-seat AVAX
done
run ann order place --market AVAX --side buy --size 10 --price 28.3
run bob order place --market AVAX --side sell --size 4 --price 28.0 --ioc
run ann book AVAX
run ann trades AVAX
run ann order cancel-all AVAX
run bob account show
run bob account withdraw 100
run bob history --csv
run bob audit custody
