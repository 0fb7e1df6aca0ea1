#!/usr/bin/env bash
# Builds a program of this workspace to an sBPF v3 ELF with Debian's rustc and LLVM plus crates.io, for machines where
# Solana's own compiler cannot be had.
#
#   toolchain/sbf/build.sh <package> <output file>     build
#   toolchain/sbf/build.sh --versions                  print what builds: rustc, then one `package version` a line
#   toolchain/sbf/build.sh --update                    forget the unpacked compiler, so that the next build asks Debian again
#
#   PLIMSOLL_SBF_HOME   where the compiler is unpacked (default: plimsoll/sbf in the user's cache folder)
#   CARGO_TARGET_DIR    the workspace's target folder; the build goes to its subfolder `sbf`
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
workspace=$(cd "$here/../.." && pwd)
# shellcheck source=toolchain/sbf/lib/debian.sh
source "$here/lib/debian.sh"
# shellcheck source=toolchain/sbf/lib/tools.sh
source "$here/lib/tools.sh"

cache=${PLIMSOLL_SBF_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/plimsoll/sbf}
target_folder=${CARGO_TARGET_DIR:-$workspace/target}

step() {
  echo "[$(date +%T)] toolchain/sbf: $*" >&2
}

# Sets ROOT (the unpacked compiler), LLVM_MAJOR, TOOLS (our compiled tools) and TOOLS_HASH.
prepare() {
  "$workspace/scripts/setup-host.sh" sbf
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock 9 # two builds at once: the second one waits for the first one's unpacking
  # What is unpacked stays until `--update`: a build does not change because the archive did.
  ROOT=$cache/compiler-$(sha256sum <"$here/std/patch_std.py" | cut -c1-16)
  if [ ! -d "$ROOT" ]; then
    find_debian_packages
    step "fetching and unpacking ${#DEBIAN_PACKAGES[@]} Debian packages"
    unpack_debian_packages "$ROOT" "$here/std/patch_std.py"
  fi
  LLVM_MAJOR=$(sed -n 's/^libllvm\([0-9]*\) .*$/\1/p' "$ROOT/versions.txt")
  TOOLS_HASH=$(tools_hash "$here" "$ROOT/versions.txt")
  TOOLS=$cache/tools-$TOOLS_HASH
  local libraries
  libraries=$(dirname "$(find "$ROOT/usr/lib" -maxdepth 2 -name 'librustc_driver-*.so' | head -n1)")
  export LD_LIBRARY_PATH=$libraries:${libraries/#"$ROOT/usr"/$ROOT}
  "$ROOT/usr/bin/cargo" --version >/dev/null ||
    die "the unpacked compiler does not start on this machine (see the line above)."
  if [ ! -d "$TOOLS" ]; then
    step "compiling the LLVM pass and the runtime"
    compile_tools "$here" "$ROOT" "$TOOLS"
  fi
  flock -u 9
}

build() { # package, output file
  local package=$1 output=$2 rustc=$ROOT/usr/bin/rustc
  # A host's rustup leaves variables behind that would call another compiler than the one unpacked here.
  unset RUSTUP_TOOLCHAIN RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER RUSTFLAGS CARGO_BUILD_TARGET CARGO
  export PATH=$here/link:$ROOT/usr/bin:$PATH RUSTC=$rustc RUSTC_BOOTSTRAP=1
  export RUST_TARGET_PATH=$here/target CARGO_TARGET_DIR=$target_folder/sbf
  export PLIMSOLL_SBF_LLVM=$ROOT/usr/lib/llvm-$LLVM_MAJOR/bin PLIMSOLL_SBF_TOOLS=$TOOLS
  # Paths of this machine must not reach the panic messages of the program, or no two machines build the same file.
  local separator=$'\x1f'
  CARGO_ENCODED_RUSTFLAGS="-Zunstable-options"
  CARGO_ENCODED_RUSTFLAGS+="${separator}--remap-path-prefix=$workspace=plimsoll"
  # A registry's folder is named after its host, which differs from mirror to mirror; it exists once the sources are there.
  (cd "$workspace" && "$ROOT/usr/bin/cargo" fetch --locked --quiet)
  local registry
  for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/; do
    CARGO_ENCODED_RUSTFLAGS+="${separator}--remap-path-prefix=${registry%/}=cargo"
  done
  CARGO_ENCODED_RUSTFLAGS+="${separator}--remap-path-prefix=$ROOT/usr/lib/rustlib/src/rust=rust"
  export CARGO_ENCODED_RUSTFLAGS
  step "building $package"
  # cargo does not watch the linker. An unused link argument that names the tools makes it link again when they change.
  (cd "$workspace" && "$ROOT/usr/bin/cargo" rustc --locked --release -p "$package" --lib --crate-type cdylib \
    --target sbf-solana-solana -Z build-std=std,panic_abort -Z build-std-features= \
    -- -C "link-arg=--tools-hash=$TOOLS_HASH")
  local built=$CARGO_TARGET_DIR/sbf-solana-solana/release/lib${package//-/_}.so
  mkdir -p "$(dirname "$output")"
  cp "$built" "$output"
  step "$output, $(stat -c %s "$output") bytes"
}

case "${1:-}" in
  --versions)
    prepare
    "$ROOT/usr/bin/rustc" --version
    cat "$ROOT/versions.txt"
    ;;
  --update) rm -rf "$cache"/compiler-* "$cache"/tools-* ;;
  "" | -*) die "usage: toolchain/sbf/build.sh <package> <output file>" ;;
  *)
    [ $# -eq 2 ] || die "usage: toolchain/sbf/build.sh <package> <output file>"
    prepare
    build "$1" "$2"
    ;;
esac
