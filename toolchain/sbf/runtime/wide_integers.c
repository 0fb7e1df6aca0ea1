typedef unsigned long long u64; typedef long long i64;
#define X __attribute__((noinline, used))
#define A static inline __attribute__((always_inline))
A u64 mulhi(u64 a, u64 b) {
  u64 al = a & 0xffffffff, ah = a >> 32, bl = b & 0xffffffff, bh = b >> 32, ll = al * bl, lh = al * bh, hl = ah * bl;
  u64 m = (ll >> 32) + (lh & 0xffffffff) + (hl & 0xffffffff);
  return ah * bh + (lh >> 32) + (hl >> 32) + (m >> 32);
}
X void __sbf_mul64(u64 *o, u64 a, u64 b) { o[0] = a * b; o[1] = (a | b) >> 32 ? mulhi(a, b) : 0; }
X void __sbf_multi3(u64 *o, u64 al, u64 ah, u64 bl, u64 bh) { o[0] = al * bl; o[1] = mulhi(al, bl) + al * bh + ah * bl; }
X void __sbf_mul256(u64 *o, u64 al, u64 ah, u64 bl, u64 bh) {
  u64 r0 = al * bl, r1 = mulhi(al, bl), r2, r3, t, c;
  t = al * bh; r1 += t; c = r1 < t; r2 = mulhi(al, bh) + c;
  t = ah * bl; r1 += t; c = r1 < t; t = mulhi(ah, bl) + c; r2 += t; r3 = r2 < t;
  t = ah * bh; r2 += t; r3 += r2 < t; r3 += mulhi(ah, bh);
  o[0] = r0; o[1] = r1; o[2] = r2; o[3] = r3;
}
A int umulo(u64 *o, u64 al, u64 ah, u64 bl, u64 bh) {
  u64 h = mulhi(al, bl), c1 = ah * bl, c2 = al * bh, s = c1 + c2, r = h + s; o[0] = al * bl; o[1] = r;
  int v = (ah && bh) || r < h || s < c1;
  if (ah) v |= mulhi(ah, bl) != 0;
  if (bh) v |= mulhi(al, bh) != 0;
  return v;
}
X void __sbf_umulo128(u64 *o, u64 al, u64 ah, u64 bl, u64 bh) { o[2] = (u64)umulo(o, al, ah, bl, bh); }
A void neg(u64 *l, u64 *h) { u64 x = *l; *l = 0 - x; *h = ~*h + (x == 0); }
X void __sbf_smulo128(u64 *o, u64 al, u64 ah, u64 bl, u64 bh) {
  u64 n = (ah ^ bh) >> 63; if (ah >> 63) neg(&al, &ah); if (bh >> 63) neg(&bl, &bh);
  u64 t[2]; int v = umulo(t, al, ah, bl, bh); u64 l = t[0], h = t[1];
  if (n) { v |= h > (1ull << 63) || (h == (1ull << 63) && l); neg(&l, &h); } else v |= (int)(h >> 63);
  o[0] = l; o[1] = h; o[2] = (u64)v;
}
A int clz(u64 x) { int n = 0; if (!(x >> 32)) n += 32, x <<= 32; if (!(x >> 48)) n += 16, x <<= 16; if (!(x >> 56)) n += 8, x <<= 8;
  if (!(x >> 60)) n += 4, x <<= 4; if (!(x >> 62)) n += 2, x <<= 2; if (!(x >> 63)) n += 1; return n; }
// (u1:u0) / v with u1 < v, Knuth D in base 2^32
static __attribute__((noinline)) u64 divlu(u64 u1, u64 u0, u64 v, u64 *rem) {
  const u64 b = 1ull << 32; int s = clz(v); v <<= s; u64 vn1 = v >> 32, vn0 = v & 0xffffffff;
  u64 un32 = s ? (u1 << s) | (u0 >> (64 - s)) : u1, un10 = u0 << s, un1 = un10 >> 32, un0 = un10 & 0xffffffff;
  u64 q1 = un32 / vn1, r = un32 - q1 * vn1;
  while (q1 >= b || q1 * vn0 > ((r << 32) | un1)) { q1--; r += vn1; if (r >= b) break; }
  u64 un21 = (un32 << 32) + un1 - q1 * v, q0 = un21 / vn1; r = un21 - q0 * vn1;
  while (q0 >= b || q0 * vn0 > ((r << 32) | un0)) { q0--; r += vn1; if (r >= b) break; }
  *rem = ((un21 << 32) + un0 - q0 * v) >> s; return (q1 << 32) + q0;
}
// q -> o[0..1], r -> o[2..3]
static __attribute__((noinline)) void udivmod(u64 *o, u64 nl, u64 nh, u64 dl, u64 dh) {
  if (dh == 0) {
    if (nh == 0) { o[0] = nl / dl; o[1] = 0; o[2] = nl % dl; o[3] = 0; return; }
    u64 qh = nh / dl; o[1] = qh; o[0] = divlu(nh - qh * dl, nl, dl, &o[2]); o[3] = 0; return;
  }
  if (nh < dh || (nh == dh && nl < dl)) { o[0] = o[1] = 0; o[2] = nl; o[3] = nh; return; }
  int s = clz(dh); u64 v1 = s ? (dh << s) | (dl >> (64 - s)) : dh, q, t;
  q = divlu(nh >> 1, (nh << 63) | (nl >> 1), v1, &t) >> (63 - s); if (q) q--;
  u64 pl = q * dl, ph = mulhi(q, dl) + q * dh, rl = nl - pl, rh = nh - ph - (nl < pl);
  if (rh > dh || (rh == dh && rl >= dl)) { q++; u64 c = rl < dl; rl -= dl; rh = rh - dh - c; }
  o[0] = q; o[1] = 0; o[2] = rl; o[3] = rh;
}
X void __sbf_udivti3(u64 *o, u64 al, u64 ah, u64 bl, u64 bh) { u64 t[4]; udivmod(t, al, ah, bl, bh); o[0] = t[0]; o[1] = t[1]; }
X void __sbf_umodti3(u64 *o, u64 al, u64 ah, u64 bl, u64 bh) { u64 t[4]; udivmod(t, al, ah, bl, bh); o[0] = t[2]; o[1] = t[3]; }
X void __sbf_divti3(u64 *o, u64 al, u64 ah, u64 bl, u64 bh) {
  u64 t[4], n = (ah ^ bh) >> 63; if (ah >> 63) neg(&al, &ah); if (bh >> 63) neg(&bl, &bh); udivmod(t, al, ah, bl, bh);
  u64 l = t[0], h = t[1]; if (n) neg(&l, &h); o[0] = l; o[1] = h; }
X void __sbf_modti3(u64 *o, u64 al, u64 ah, u64 bl, u64 bh) {
  u64 t[4], n = ah >> 63; if (n) neg(&al, &ah); if (bh >> 63) neg(&bl, &bh); udivmod(t, al, ah, bl, bh);
  u64 l = t[2], h = t[3]; if (n) neg(&l, &h); o[0] = l; o[1] = h; }
