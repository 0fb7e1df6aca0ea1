//! The entrypoint: instruction data `seed u64 LE, group u8` in, the digest as return data out. No Solana crate, so
//! that a failure here is a failure of the toolchain.

use std::alloc::{GlobalAlloc, Layout};

extern "C" {
    fn sol_log_(message: *const u8, length: u64);
    fn sol_set_return_data(data: *const u8, length: u64);
}

const HEAP_START: usize = 0x3_0000_0000;
/// The runner requests this much heap; the virtual machine's default is 32 KiB.
const HEAP_BYTES: usize = 256 * 1024;

/// Hands out memory from the heap's end downwards and never takes any back. Its only state, the end of the free part,
/// lies in the heap's first word, since a program has no writable statics.
struct BumpAllocator;

// SAFETY: nothing else lives between the heap's start and its end, memory is handed out once, and a program has one
// thread.
unsafe impl GlobalAlloc for BumpAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let state = HEAP_START as *mut usize;
        // SAFETY: the heap's first word is mapped, aligned and zero at the start.
        let stored = unsafe { *state };
        let free_end = if stored == 0 {
            HEAP_START + HEAP_BYTES
        } else {
            stored
        };
        let start = free_end.saturating_sub(layout.size()) & !(layout.align() - 1);
        if start < HEAP_START + size_of::<usize>() {
            return core::ptr::null_mut();
        }
        // SAFETY: as above.
        unsafe { *state = start };
        start as *mut u8
    }

    unsafe fn dealloc(&self, _memory: *mut u8, _layout: Layout) {}
}

#[global_allocator]
static ALLOCATOR: BumpAllocator = BumpAllocator;

/// What the patched std calls on a panic.
#[no_mangle]
fn custom_panic(info: &core::panic::PanicInfo<'_>) {
    let message = format!("{info}");
    // SAFETY: pointer and length are those of a live string.
    unsafe { sol_log_(message.as_ptr(), message.len() as u64) }
}

/// # Safety
/// The loader passes the serialized input. Without accounts that is: number of accounts, length of the data (both
/// u64), then the data.
#[no_mangle]
pub unsafe extern "C" fn entrypoint(input: *const u8) -> u64 {
    // SAFETY: the runner sends nine bytes of data and no accounts.
    let (seed, group) = unsafe { (input.add(16).cast::<u64>().read_unaligned(), *input.add(24)) };
    let digest = crate::run(usize::from(group), seed).to_le_bytes();
    // SAFETY: pointer and length are those of a live array.
    unsafe { sol_set_return_data(digest.as_ptr(), digest.len() as u64) };
    0
}
