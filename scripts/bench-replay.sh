#!/usr/bin/env bash
# How fast a replay is, and how that grows with accounts: the worst ten minutes of AVAX under the program's own rules.
#
#   scripts/bench-replay.sh COMMAND FOLDER     COMMAND is `plimsoll`, FOLDER takes the replays
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command=$1
folder=$2

printf '%8s %8s %8s %13s %24s\n' accounts set-up day transactions 'market seconds a second'
for accounts in 500 1000 2500 5000 10000; do
  "$command" replay --index data/avax_spot_coinbase_1s.csv --perp data/avax_perp_binance_1s.csv --from 21:11 --until 21:21 \
    --accounts "$accounts" --rules plimsoll --out "$folder/$accounts" >/dev/null 2>&1
  python3 - "$accounts" "$folder/$accounts/timing.json" <<'PYTHON'
import json
import sys

run = json.load(open(sys.argv[2]))["runs"]["plimsoll"]
print(f"{sys.argv[1]:>8} {run['setup_seconds']:>6.1f} s {run['play_seconds']:>6.1f} s {run['transactions']:>13} "
      f"{run['market_seconds_per_second']:>24.0f}")
PYTHON
done
