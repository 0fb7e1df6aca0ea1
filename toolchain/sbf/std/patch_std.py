#!/usr/bin/env python3
"""Teaches an unpacked copy of Rust's `library/std` about `target_os = "solana"`.

    patch_std.py <.../library>

A Solana program has no operating system, no threads and no writable statics. std's "unsupported" platform layer covers
nearly all of that; what follows are the few places where std must be told to take it. Every patch names the text
it stands beside and fails with that name when a newer std no longer has it. Running it twice changes nothing.
"""

import sys
from pathlib import Path

SYSTEM_ALLOCATOR = """use crate::alloc::{GlobalAlloc, Layout, System};

// A program always brings its own #[global_allocator]; `System` never has memory to give.
#[stable(feature = "alloc_system_type", since = "1.28.0")]
unsafe impl GlobalAlloc for System {
    #[inline]
    unsafe fn alloc(&self, _layout: Layout) -> *mut u8 {
        crate::ptr::null_mut()
    }
    #[inline]
    unsafe fn dealloc(&self, _ptr: *mut u8, _layout: Layout) {}
}
"""

PANIC_HANDLER_OPENING = "pub fn panic_handler(info: &core::panic::PanicInfo<'_>) -> ! {\n"

# std's own handler counts panics in writable statics. The program's entrypoint!() defines `custom_panic`, which logs the
# message: the same contract as in Solana's fork of std.
SOLANA_PANIC_HANDLER = (
    PANIC_HANDLER_OPENING
    + """    #[cfg(target_os = "solana")]
    unsafe {
        unsafe extern "Rust" {
            fn custom_panic(info: &core::panic::PanicInfo<'_>);
        }
        unsafe extern "C" {
            fn abort() -> !;
        }
        custom_panic(info);
        abort();
    }
    #[cfg(not(target_os = "solana"))]
    panic_handler_std(info)
}

#[cfg(not(target_os = "solana"))]
fn panic_handler_std(info: &core::panic::PanicInfo<'_>) -> ! {
"""
)

# std seeds its hash maps once per thread, in a writable static. On chain every node must see the same order.
RANDOM_STATE_OPENING = "    pub fn new() -> RandomState {"
FIXED_RANDOM_STATE = """    pub fn new() -> RandomState {
        #[cfg(target_os = "solana")]
        return RandomState { k0: 0, k1: 0 };
        #[cfg(not(target_os = "solana"))]
        RandomState::new_std()
    }

    #[cfg(not(target_os = "solana"))]
    fn new_std() -> RandomState {"""


class Std:
    """The folder `library/std`."""

    def __init__(self, library):
        self.folder = Path(library) / "std"

    def replace(self, path, old, new, count=1):
        """Replaces the first `count` occurrences of `old` (all of them when `count` is -1)."""
        file = self.folder / path
        text = file.read_text()
        if new in text:
            return
        if old not in text:
            sys.exit(f"patch_std: library/std/{path} no longer contains {old.strip()!r}.")
        file.write_text(text.replace(old, new, count))

    def add(self, path, text):
        (self.folder / path).write_text(text)


def patch(std):
    # A target that build.rs does not list is marked `restricted_std`, and no crate compiles against it.
    std.replace(
        "build.rs",
        '        || target_os == "zkvm"',
        '        || target_os == "solana"\n        || target_os == "zkvm"',
    )
    std.add("src/sys/alloc/solana.rs", SYSTEM_ALLOCATOR)
    std.replace(
        "src/sys/alloc/mod.rs",
        '    target_os = "windows" => {',
        '    target_os = "solana" => {\n        mod solana;\n    }\n    target_os = "windows" => {',
    )
    std.replace("src/sys/alloc/mod.rs", '    target_arch = "sparc64",', '    target_arch = "sparc64",\n    target_arch = "bpf",')
    std.replace("src/sys/io/error/mod.rs", '        target_os = "zkvm",', '        target_os = "solana",\n        target_os = "zkvm",')
    # Without threads a thread local is a plain value; both the list of such targets and the guard list name them.
    std.replace(
        "src/sys/thread_local/mod.rs",
        'target_os = "zkvm"',
        'target_os = "solana",\n        target_os = "zkvm"',
        count=-1,
    )
    std.replace(
        "src/sys/random/mod.rs",
        '        target_os = "xous",\n',
        '        target_os = "xous",\n        target_os = "solana",\n',
    )
    std.replace(
        "src/sys/random/mod.rs",
        '    target_os = "vexos",\n)))]',
        '    target_os = "vexos",\n    target_os = "solana",\n)))]',
    )
    std.replace("src/hash/random.rs", RANDOM_STATE_OPENING, FIXED_RANDOM_STATE)
    std.replace("src/panicking.rs", PANIC_HANDLER_OPENING, SOLANA_PANIC_HANDLER)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: patch_std.py <.../library>")
    patch(Std(sys.argv[1]))
