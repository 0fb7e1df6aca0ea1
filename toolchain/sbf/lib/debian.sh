# shellcheck shell=bash
# Finds the compiler's packages in Debian's archive and unpacks them into the user's cache.
#
# Nothing here installs anything: `dpkg -x` unpacks side by side, so the packages' conflicts with a
# host's own Rust do not matter. No version is written down: the archive is asked, so an update
# of Debian is picked up, and a package that is gone is named.

# The roots of the search. rustc-web is the Rust that Debian keeps recent for its browsers.
DEBIAN_RUST_PACKAGES=(rustc-web cargo-web rust-web-src libstd-rust-web-dev)

die() {
  echo "toolchain/sbf: $*" >&2
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

apt_candidates() { # packages... -> `name version` for each that apt could fetch
  apt-cache policy "$@" 2>/dev/null |
    awk '/^[^ ].*:$/ { name = substr($1, 1, length($1) - 1) } /^ *Candidate:/ && $2 != "(none)" { print name, $2 }'
}

apt_depends() { # packages... -> the packages they depend on directly, one a line
  apt-cache depends --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$@" 2>/dev/null |
    sed -n 's/^ *|\{0,1\}Depends: \([a-z].*\)$/\1/p'
}

refresh_package_lists() {
  as_root apt-get update -qq >/dev/null ||
    die "the package lists could not be refreshed: run 'apt-get update' as root once, then repeat."
}

require_candidates() { # packages...
  local package found
  found=$(apt_candidates "$@")
  for package in "$@"; do
    grep -q "^$package " <<<"$found" ||
      die "the Debian package '$package' is not in this machine's archive (Debian bookworm with its security updates has it); use 'anchor build' with Solana's own tools instead."
  done
}

# Sets DEBIAN_PACKAGES (all that is unpacked) and LLVM_MAJOR (what this rustc writes its bitcode with).
find_debian_packages() {
  if ! command -v apt-cache >/dev/null 2>&1 || ! command -v dpkg >/dev/null 2>&1; then
    die "apt and dpkg are needed to fetch the compiler; on other systems use 'anchor build' with Solana's own tools."
  fi
  [ -n "$(apt_candidates "${DEBIAN_RUST_PACKAGES[0]}")" ] || refresh_package_lists
  require_candidates "${DEBIAN_RUST_PACKAGES[@]}"

  local std_package llvm_packages
  std_package=$(apt_depends libstd-rust-web-dev | grep -m1 -E '^libstd-rust-web-[0-9.]+$') ||
    die "the Debian package 'libstd-rust-web-dev' no longer names the standard library it belongs to."
  require_candidates "$std_package"
  LLVM_MAJOR=$(apt_depends "$std_package" | sed -n 's/^libllvm\([0-9]\{1,\}\).*$/\1/p' | head -n1)
  [ -n "$LLVM_MAJOR" ] || die "the Debian package '$std_package' no longer names the LLVM it is built with."
  # The pass, opt and llc must be of the LLVM that rustc itself uses, or they cannot read its bitcode.
  llvm_packages=("libllvm$LLVM_MAJOR" "llvm-$LLVM_MAJOR" "llvm-$LLVM_MAJOR-dev" "clang-$LLVM_MAJOR"
    "libclang-cpp$LLVM_MAJOR" "libclang-common-$LLVM_MAJOR-dev")
  require_candidates "${llvm_packages[@]}"

  DEBIAN_PACKAGES=("${DEBIAN_RUST_PACKAGES[@]}" "$std_package" "${llvm_packages[@]}")
  local libraries
  mapfile -t libraries < <(missing_shared_libraries cargo-web "$std_package" "libllvm$LLVM_MAJOR" "llvm-$LLVM_MAJOR" "libclang-cpp$LLVM_MAJOR")
  DEBIAN_PACKAGES+=("${libraries[@]}")
}

# The shared libraries behind these packages (libgit2, mbedtls, libz3, ...) that the host does not have: they are
# unpacked beside the compiler instead of being installed. Libraries only: following every dependency would bring in
# all alternatives of a C compiler.
missing_shared_libraries() { # packages...
  local known missing round=("$@")
  known=$(printf '%s\n' "${DEBIAN_PACKAGES[@]}" && dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p')
  while [ ${#round[@]} -gt 0 ]; do
    missing=$(apt_depends "${round[@]}" | grep -E '^lib' | grep -vE -- '-dev$' | sort -u | grep -vxF "$known")
    known+=$'\n'$missing
    mapfile -t round < <(printf '%s' "$missing" | sed '/^$/d')
    [ ${#round[@]} -eq 0 ] || apt_candidates "${round[@]}" | cut -d' ' -f1
  done
}

# Unpacks into $1 at once or not at all: the folder appears under its name only when it is complete.
unpack_debian_packages() { # destination, script that patches std
  local destination=$1 patch_std=$2 staging package_file
  staging=$(mktemp -d "$(dirname "$destination")/unpacking.XXXXXX")
  mkdir "$staging/debs" "$staging/tree"
  (
    cd "$staging/debs" || exit 1
    apt-get download -qq "${DEBIAN_PACKAGES[@]}" >log 2>&1 || {
      # The lists are older than the archive: the files they name have been replaced.
      refresh_package_lists
      apt-get download -qq "${DEBIAN_PACKAGES[@]}" >log 2>&1
    }
  ) || die "Debian packages could not be downloaded: $(grep -m1 '^E:' "$staging/debs/log" || tail -n1 "$staging/debs/log")"
  for package_file in "$staging"/debs/*.deb; do
    dpkg -x "$package_file" "$staging/tree" || die "the package file '$(basename "$package_file")' could not be unpacked."
  done
  rm -rf "$staging/debs"
  # Static libraries of LLVM are a large part of the size and nobody links them.
  find "$staging/tree/usr/lib/llvm-$LLVM_MAJOR/lib" -name '*.a' -delete
  python3 "$patch_std" "$(rust_library_folder "$staging/tree")" ||
    die "the standard library of this rustc could not be taught about Solana (see the line above)."
  apt_candidates "${DEBIAN_PACKAGES[@]}" >"$staging/tree/versions.txt"
  rm -rf "$destination"
  mv "$staging/tree" "$destination"
  rm -rf "$staging"
}

rust_library_folder() { # root -> .../library of the unpacked rust-web-src
  local folder
  folder=$(find "$1/usr/src" -maxdepth 2 -type d -name library | head -n1)
  [ -n "$folder" ] || die "the Debian package 'rust-web-src' no longer holds the sources of the standard library."
  echo "$folder"
}
