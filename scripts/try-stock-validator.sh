#!/usr/bin/env bash
# The tour of scripts/try-localnet.sh on a stock validator: starts `solana-test-validator` with price accounts from files,
# deploys the committed bytecode, sets the exchange up twice, lets two people trade, moves fees and custody, recomputes
# custody, stops it. docs/runbook.md, "A stock validator", says why each option is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v solana-test-validator >/dev/null 2>&1 || {
  echo "try-stock-validator: solana-test-validator is not installed (it comes with Solana's command line tools); nothing was tried." >&2
  exit 0
}
scripts/setup-host.sh
cargo build --locked -p plimsoll-cli
plimsoll=${CARGO_TARGET_DIR:-target}/debug/plimsoll
folder=$(mktemp -d)
export PLIMSOLL_CLUSTER=migrations/validator.toml PLIMSOLL_URL=http://127.0.0.1:28899

run() { # who, command...
  local who=$1
  shift
  printf '\n[%s] plimsoll %s\n' "$who" "$*"
  "$plimsoll" --keypair "$folder/$who.json" --yes "$@"
}

refused() { # error, who, command...
  local error=$1
  shift
  run "$@" >"$folder/refused.log" 2>&1 && echo "try-stock-validator: it should have been refused." >>"$folder/refused.log"
  cat "$folder/refused.log"
  grep -qF "$error" "$folder/refused.log"
}

"$plimsoll" price-files "$folder/prices" --in 60
solana-test-validator --reset --quiet --ledger "$folder/ledger" --bind-address 127.0.0.1 --rpc-port 28899 --faucet-port 29900 \
  --account-dir "$folder/prices" >"$folder/validator.log" 2>&1 &
validator=$!
trap 'kill "$validator" 2>/dev/null || true; wait "$validator" 2>/dev/null || true; rm -rf "$folder"' EXIT
"$plimsoll" keygen "$folder/ann.json"
"$plimsoll" keygen "$folder/bob.json"
# The faucet answers a little after the RPC does.
for _ in $(seq 60); do
  run ann faucet --usdc 0 --sol 100 >"$folder/faucet.log" 2>&1 && break
  kill -0 "$validator" 2>/dev/null || { cat "$folder/validator.log"; exit 1; }
  sleep 1
done
cat "$folder/faucet.log"

run ann program deploy
run ann setup
run ann setup | tee "$folder/again.log"
grep -q 'Nothing to do' "$folder/again.log"
for _ in $(seq 120); do
  run ann market refresh AVAX >"$folder/refresh.log" 2>&1 && break
  sleep 1
done
cat "$folder/refresh.log"

for who in ann bob; do
  run "$who" faucet
  run "$who" account create
  run "$who" account deposit 1000 --shard 0
  run "$who" account claim-seat AVAX
done
run ann order place --market AVAX --side buy --size 10 --price 28.3
run bob order place --market AVAX --side sell --size 4 --price 28.0 --ioc
refused BelowInitialMargin bob order place --market AVAX --side sell --size 9000 --price 28.4
run ann book AVAX
run ann trades AVAX
run ann order cancel-all AVAX
run bob account settle
run bob account show
run ann market sweep-fees AVAX
run ann exchange collect-treasury
refused CustodyLessEven ann exchange rebalance 0 1 1500
run ann exchange rebalance 0 1 500
run bob account withdraw 600
run bob history --csv
run ann audit custody
run ann doctor
