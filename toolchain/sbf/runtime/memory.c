// Freestanding runtime for upstream-BPF builds: memory functions over syscalls and 128-bit integer helpers.
// Results of 128-bit helpers go through a pointer, operands come as 64-bit limbs (5 argument registers).
typedef unsigned long long u64; typedef long long i64;
extern void sol_memmove_(void *, const void *, u64); extern void sol_memset_(void *, u64, u64); extern void sol_memcmp_(const void *, const void *, u64, int *);
#define X __attribute__((noinline, used))
#define A static inline __attribute__((always_inline))
X void *memcpy(void *d, const void *s, u64 n) { sol_memmove_(d, s, n); return d; }
X void *memmove(void *d, const void *s, u64 n) { sol_memmove_(d, s, n); return d; }
X void *memset(void *d, int c, u64 n) { sol_memset_(d, (u64)(unsigned char)c, n); return d; }
X int memcmp(const void *a, const void *b, u64 n) { int r = 0; sol_memcmp_(a, b, n, &r); return r; }
X int bcmp(const void *a, const void *b, u64 n) { int r = 0; sol_memcmp_(a, b, n, &r); return r; }
