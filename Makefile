# Every target sets up what it needs by itself. `make help` lists them.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
PROGRAM := $(TARGET)/deploy/plimsoll.so
SELFTEST := $(TARGET)/deploy/plimsoll_sbf_selftest.so
BENCH := $(TARGET)/bench
CARGO_BENCH := PLIMSOLL_PROGRAM_SO="$(BENCH)/plimsoll.so" cargo run --locked -p plimsoll-tests --bin bench-compute --
CARGO_REPLAY := PLIMSOLL_PROGRAM_SO="$(CURDIR)/artifacts/plimsoll.so" cargo run --locked -p plimsoll-cli --bin plimsoll -- replay
CARGO_DEMO := cargo run --locked -p plimsoll-cli --bin plimsoll -- demo

.PHONY: help setup build artifact artifact-check proxy test selftest selftest-program lint bench bench-baseline bench-program bench-keeper bench-replay demo demo-fast demo-keeper replay examples idl idl-check soak

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install the host packages that a build needs and that are missing
	@scripts/setup-host.sh

build: setup ## the program's bytecode: Solana's compiler where installed, else toolchain/sbf (PLIMSOLL_SBF=debian asks for it)
	@scripts/build-program.sh

artifact: setup ## build with toolchain/sbf and refresh artifacts/plimsoll.so, which the demo runs
	@python3 scripts/artifact.py refresh

artifact-check: setup ## fail when artifacts/plimsoll.so is not of these sources
	@python3 scripts/artifact.py check

proxy: setup ## refresh artifacts/proxy.so of tests/proxy, the program that stands in for a multisig in the tests
	@toolchain/sbf/build.sh plimsoll-proxy artifacts/proxy.so

test: build selftest-program ## every test, on the bytecode just built
	PLIMSOLL_PROGRAM_SO="$(PROGRAM)" PLIMSOLL_SBF_SELFTEST_SO="$(SELFTEST)" cargo test --workspace --locked

selftest: setup selftest-program ## toolchain/sbf against the host's compiler: the same operations, native and as bytecode
	@# --workspace, so that dependencies are compiled with the features that `make test` uses, and only once
	PLIMSOLL_SBF_SELFTEST_SO="$(SELFTEST)" cargo test --workspace --locked --test native_against_bytecode -- --nocapture

selftest-program:
	@toolchain/sbf/build.sh plimsoll-sbf-selftest "$(SELFTEST)"

lint: setup ## formatting and clippy, warnings are errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

bench: setup bench-program ## compute units of every operation; fails when one costs 5% more than in tests/compute_baseline.json
	$(CARGO_BENCH) --check tests/compute_baseline.json

bench-baseline: setup bench-program ## measure a new tests/compute_baseline.json, to be committed with its reason
	$(CARGO_BENCH) --write tests/compute_baseline.json

bench-program: # always by the same compiler: the figures of two compilers cannot be compared
	@env -u PLIMSOLL_PROGRAM_ID toolchain/sbf/build.sh plimsoll "$(BENCH)/plimsoll.so"

bench-keeper: setup ## the keeper's index beside a full rescan at 1,000,000 accounts; price to signature at 100,000; a storm. target/bench/keeper.json
	cargo run --release --locked -p plimsoll-triggers --bin bench-keeper -- --out "$(BENCH)/keeper.json"
	cargo bench --profile dev --config keeper/benches/optimised.toml --locked -p plimsoll-keeper --bench path -- --into "$(BENCH)/keeper.json"

bench-replay: setup ## how fast a replay is, from 500 to 10,000 accounts
	cargo build --locked -p plimsoll-cli --bin plimsoll
	PLIMSOLL_PROGRAM_SO="$(CURDIR)/artifacts/plimsoll.so" scripts/bench-replay.sh "$(TARGET)/debug/plimsoll" "$(BENCH)/replay"

demo: setup ## the recorded evening of 10 October 2025 on a chain of its own, about four minutes, from the committed bytecode
	$(CARGO_DEMO)

demo-fast: setup ## the same story cut short, about a minute
	$(CARGO_DEMO) --fast

demo-keeper: setup ## LONG (about 20 minutes): the fall with keepers as processes of their own, which are killed in it
	PLIMSOLL_PROGRAM_SO="$(CURDIR)/artifacts/plimsoll.so" cargo test --locked -p plimsoll-keeper --test crash -- \
	  --ignored --nocapture --test-threads=1 demo

replay: setup ## four minutes of 10 October 2025 with 200 accounts under three sets of rules; target/replay/report.html
	$(CARGO_REPLAY) --index data/avax_spot_coinbase_1s.csv --perp data/avax_perp_binance_1s.csv --from 21:14 --until 21:18 --accounts 200 \
	  --rules plimsoll,baseline_queue,baseline_venue_mark --out "$(TARGET)/replay"

examples: setup ## LONG (about 20 minutes): the three days of examples/, from the committed bytecode
	$(CARGO_REPLAY) --index data/avax_spot_coinbase_1s.csv --perp data/avax_perp_binance_1s.csv --out "$(TARGET)/examples/avax"
	$(CARGO_REPLAY) --index data/dot_spot_coinbase_1s.csv --perp data/dot_perp_binance_1s.csv --out "$(TARGET)/examples/dot"
	$(CARGO_REPLAY) --index data/link_spot_coinbase_1s.csv --out "$(TARGET)/examples/link"
	for day in avax dot link; do cp "$(TARGET)/examples/$$day/"{report.html,summary.json,price.svg} "examples/$$day/"; done

idl: setup ## write the interface description to idl/plimsoll.json
	@python3 scripts/idl.py write

idl-check: setup ## fail when idl/plimsoll.json is not of these sources
	@python3 scripts/idl.py check

soak: build ## LONG (hours): the random-operation tests that are ignored by default
	PLIMSOLL_PROGRAM_SO="$(PROGRAM)" cargo test --workspace --locked -- --ignored --nocapture soak
