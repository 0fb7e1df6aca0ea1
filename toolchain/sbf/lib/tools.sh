# shellcheck shell=bash
# Compiles our own tools (the LLVM pass and the runtime) with what debian.sh unpacked.

# Everything that can change the bytes of a program without a change of the program.
tools_hash() { # folder of the toolchain, list of the Debian packages
  {
    cat "$2"
    cd "$1" && find legalize runtime link target std -type f | LC_ALL=C sort | xargs sha256sum
  } | sha256sum | cut -c1-16
}

compile_tools() { # folder of the toolchain, unpacked root, destination
  local source=$1 root=$2 destination=$3 staging
  staging=$(mktemp -d "$(dirname "$destination")/compiling.XXXXXX")
  g++ -std=c++17 -O1 -fPIC -shared -fno-rtti -D_GNU_SOURCE \
    -isystem "$root/usr/include/llvm-$LLVM_MAJOR" -isystem "$root/usr/include/llvm-c-$LLVM_MAJOR" \
    "$source"/legalize/*.cpp -o "$staging/sbf_legalize.so" ||
    die "the LLVM pass in toolchain/sbf/legalize does not compile against LLVM $LLVM_MAJOR."
  # -O1, no vectors: at -O2 LLVM recognises the multiplication below as a 128-bit one and turns it into a call to itself.
  local unit
  for unit in memory wide_integers; do
    "$root/usr/lib/llvm-$LLVM_MAJOR/bin/clang" -target bpfel -mcpu=v2 -O1 -ffreestanding -fno-builtin \
      -fno-vectorize -fno-slp-vectorize -emit-llvm -c "$source/runtime/$unit.c" -o "$staging/$unit.bc" ||
      die "toolchain/sbf/runtime/$unit.c does not compile with clang $LLVM_MAJOR."
  done
  rm -rf "$destination"
  mv "$staging" "$destination"
}
