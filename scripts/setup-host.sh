#!/usr/bin/env bash
# Installs the host packages that a build needs and that are missing; silent when there is nothing to do.
#
#   scripts/setup-host.sh         for `cargo build` and `cargo test` of the workspace
#   scripts/setup-host.sh sbf     for toolchain/sbf
set -euo pipefail

# What each package is needed for is said here, since nothing else says it:
# gcc, libc6-dev           rustc links with it, and zstd-sys, lz4-sys and blake3 compile C and assembly
# pkg-config, libssl-dev   openssl-sys, behind the validator's secp256r1 program in the SVM
# python3, make            scripts/ and the Makefile
# ca-certificates          crates.io over https
host_packages=(gcc libc6-dev pkg-config libssl-dev python3 make ca-certificates)
# g++ compiles the LLVM pass; the pass's linker is Python.
sbf_packages=(g++ libc6-dev python3)

die() {
  echo "setup-host: $*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo "$@"
  else
    return 1
  fi
}

is_installed() {
  dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

case "${1:-host}" in
  host) wanted=("${host_packages[@]}") ;;
  sbf) wanted=("${sbf_packages[@]}") ;;
  *) die "usage: scripts/setup-host.sh [host|sbf]" ;;
esac

if [ "${1:-host}" = host ] && ! command -v cargo >/dev/null 2>&1; then
  die "cargo is not on PATH: install Rust with rustup (https://rustup.rs); the version is read from rust-toolchain.toml."
fi
# Other systems than Debian's family: their users know their package manager, a failing build names what is missing.
command -v dpkg-query >/dev/null 2>&1 || exit 0

missing=()
for package in "${wanted[@]}"; do
  # pkg-config has been renamed to pkgconf in newer releases, which still provides the command.
  [ "$package" = pkg-config ] && command -v pkg-config >/dev/null 2>&1 && continue
  is_installed "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "setup-host: installing ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install_missing() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}
install_missing >"$log" 2>&1 ||
  { as_root apt-get update -qq >"$log" 2>&1 && install_missing >"$log" 2>&1; } ||
  die "these packages are missing and could not be installed: ${missing[*]} (as root: apt-get update && apt-get install ${missing[*]})."
