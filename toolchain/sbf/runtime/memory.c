// The memory functions that compiled code expects, over Solana's system calls.
typedef unsigned long long u64;

extern void sol_memmove_(void *destination, const void *source, u64 length);
extern void sol_memset_(void *destination, u64 byte, u64 length);
extern void sol_memcmp_(const void *left, const void *right, u64 length, int *result);

#define RUNTIME __attribute__((noinline, used))

// memmove for both: sol_memcpy_ refuses ranges that overlap, and LLVM may copy a value onto itself with memcpy.
RUNTIME void *memcpy(void *destination, const void *source, u64 length) {
  sol_memmove_(destination, source, length);
  return destination;
}

RUNTIME void *memmove(void *destination, const void *source, u64 length) {
  sol_memmove_(destination, source, length);
  return destination;
}

RUNTIME void *memset(void *destination, int byte, u64 length) {
  sol_memset_(destination, (u64)(unsigned char)byte, length);
  return destination;
}

RUNTIME int memcmp(const void *left, const void *right, u64 length) {
  int result = 0;
  sol_memcmp_(left, right, length, &result);
  return result;
}

RUNTIME int bcmp(const void *left, const void *right, u64 length) {
  int result = 0;
  sol_memcmp_(left, right, length, &result);
  return result;
}
