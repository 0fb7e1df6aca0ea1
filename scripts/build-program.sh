#!/usr/bin/env bash
# Builds the program's bytecode to target/deploy/plimsoll.so, with Solana's own compiler where it is installed and
# with toolchain/sbf elsewhere. `PLIMSOLL_SBF=debian` asks for toolchain/sbf. Each builds sBPF v3, the only version that
# clusters with SIMD-0500 take.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${CARGO_TARGET_DIR:-target}
output=$target/deploy/plimsoll.so

case "${PLIMSOLL_SBF:-}" in
  debian) compiler=debian ;;
  "")
    if ! command -v cargo-build-sbf >/dev/null 2>&1; then
      compiler=debian
    elif command -v anchor >/dev/null 2>&1; then
      compiler=anchor
    else
      compiler=cargo-build-sbf
    fi
    ;;
  *)
    echo "build-program: PLIMSOLL_SBF may be unset or 'debian', not '$PLIMSOLL_SBF'." >&2
    exit 1
    ;;
esac

case "$compiler" in
  debian) toolchain/sbf/build.sh plimsoll "$output" ;;
  anchor) anchor build --no-idl --arch v3 ;;
  cargo-build-sbf)
    cargo build-sbf --arch v3 --manifest-path programs/plimsoll/Cargo.toml --sbf-out-dir "$(dirname "$output")"
    ;;
esac
echo "build-program: $output, built by $compiler" >&2
