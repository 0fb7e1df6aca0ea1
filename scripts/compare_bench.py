#!/usr/bin/env python3
"""Compares the compute units of a run with the committed baseline.

    compare_bench.py <run.json> <baseline.json>

Both files map the name of an operation to its compute units. An operation that costs 5% more fails, and so does one that
only one of the two files knows: a figure that is no longer measured is not a figure that is kept.
"""

import json
import sys
from pathlib import Path

REGRESSION_PERCENT_MAX = 5


def read(file):
    if not Path(file).exists():
        sys.exit(f"bench: {file} is missing.")
    return json.loads(Path(file).read_text())


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: compare_bench.py <run.json> <baseline.json>")
    run, baseline = read(sys.argv[1]), read(sys.argv[2])
    problems = []
    print(f"{'operation':44} {'baseline':>10} {'now':>10} {'change':>8}")
    for name in sorted(run.keys() | baseline.keys()):
        now, before = run.get(name), baseline.get(name)
        if now is None:
            problems.append(f"{name} is in the baseline but was not measured")
        elif before is None:
            print(f"{name:44} {'-':>10} {now:>10}")
            problems.append(f"{name} has no baseline")
        else:
            print(f"{name:44} {before:>10} {now:>10} {(now - before) / before:>+8.1%}")
            if now * 100 > before * (100 + REGRESSION_PERCENT_MAX):
                problems.append(f"{name} costs {now} compute units, {before} before")
    if problems:
        sys.exit("bench: " + "; ".join(problems) + ". If that is intended: `make bench-baseline`, and say why in the commit.")


if __name__ == "__main__":
    main()
