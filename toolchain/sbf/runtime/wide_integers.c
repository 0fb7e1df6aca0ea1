// 128-bit arithmetic for a machine with five argument registers and a 64-bit multiplication: operands come as 64-bit
// limbs (low, high), results leave through a pointer, lowest limb first.
typedef unsigned long long u64;

#define RUNTIME __attribute__((noinline, used))
#define INLINE static inline __attribute__((always_inline))

#define SIGN_BIT (1ull << 63)
#define LOW_HALF 0xffffffffull

INLINE u64 multiply_high(u64 a, u64 b) {
  u64 a_low = a & LOW_HALF, a_high = a >> 32, b_low = b & LOW_HALF, b_high = b >> 32;
  u64 low_low = a_low * b_low, low_high = a_low * b_high, high_low = a_high * b_low;
  u64 middle = (low_low >> 32) + (low_high & LOW_HALF) + (high_low & LOW_HALF);
  return a_high * b_high + (low_high >> 32) + (high_low >> 32) + (middle >> 32);
}

INLINE void negate(u64 *low, u64 *high) {
  u64 old_low = *low;
  *low = 0 - old_low;
  *high = ~*high + (old_low == 0);
}

// --- multiplication

// u64 * u64 -> u128. Most prices and sizes fit in 32 bits, where the high limb is zero.
RUNTIME void __sbf_mul64(u64 *result, u64 a, u64 b) {
  result[0] = a * b;
  result[1] = (a | b) >> 32 ? multiply_high(a, b) : 0;
}

RUNTIME void __sbf_multi3(u64 *result, u64 a_low, u64 a_high, u64 b_low, u64 b_high) {
  result[0] = a_low * b_low;
  result[1] = multiply_high(a_low, b_low) + a_low * b_high + a_high * b_low;
}

// u128 * u128 -> 256 bits.
RUNTIME void __sbf_mul256(u64 *result, u64 a_low, u64 a_high, u64 b_low, u64 b_high) {
  u64 limb0 = a_low * b_low, limb1 = multiply_high(a_low, b_low), limb2, limb3, partial, carry;
  partial = a_low * b_high;
  limb1 += partial;
  carry = limb1 < partial;
  limb2 = multiply_high(a_low, b_high) + carry;
  partial = a_high * b_low;
  limb1 += partial;
  carry = limb1 < partial;
  partial = multiply_high(a_high, b_low) + carry;
  limb2 += partial;
  limb3 = limb2 < partial;
  partial = a_high * b_high;
  limb2 += partial;
  limb3 += limb2 < partial;
  limb3 += multiply_high(a_high, b_high);
  result[0] = limb0;
  result[1] = limb1;
  result[2] = limb2;
  result[3] = limb3;
}

INLINE int multiply_overflows(u64 *result, u64 a_low, u64 a_high, u64 b_low, u64 b_high) {
  u64 carried = multiply_high(a_low, b_low), cross_a = a_high * b_low, cross_b = a_low * b_high;
  u64 cross = cross_a + cross_b, high = carried + cross;
  result[0] = a_low * b_low;
  result[1] = high;
  int overflowed = (a_high && b_high) || high < carried || cross < cross_a;
  if (a_high)
    overflowed |= multiply_high(a_high, b_low) != 0;
  if (b_high)
    overflowed |= multiply_high(a_low, b_high) != 0;
  return overflowed;
}

// The third limb of the result is the overflow flag.
RUNTIME void __sbf_umulo128(u64 *result, u64 a_low, u64 a_high, u64 b_low, u64 b_high) {
  result[2] = (u64)multiply_overflows(result, a_low, a_high, b_low, b_high);
}

RUNTIME void __sbf_smulo128(u64 *result, u64 a_low, u64 a_high, u64 b_low, u64 b_high) {
  u64 negative = (a_high ^ b_high) >> 63;
  if (a_high >> 63)
    negate(&a_low, &a_high);
  if (b_high >> 63)
    negate(&b_low, &b_high);
  u64 magnitude[2];
  int overflowed = multiply_overflows(magnitude, a_low, a_high, b_low, b_high);
  u64 low = magnitude[0], high = magnitude[1];
  if (negative) {
    // The magnitude may be 2^127 at most, which is the smallest negative number.
    overflowed |= high > SIGN_BIT || (high == SIGN_BIT && low);
    negate(&low, &high);
  } else {
    overflowed |= (int)(high >> 63);
  }
  result[0] = low;
  result[1] = high;
  result[2] = (u64)overflowed;
}

// --- division

INLINE int leading_zeros(u64 value) {
  int zeros = 0;
  if (!(value >> 32))
    zeros += 32, value <<= 32;
  if (!(value >> 48))
    zeros += 16, value <<= 16;
  if (!(value >> 56))
    zeros += 8, value <<= 8;
  if (!(value >> 60))
    zeros += 4, value <<= 4;
  if (!(value >> 62))
    zeros += 2, value <<= 2;
  if (!(value >> 63))
    zeros += 1;
  return zeros;
}

// (high : low) / divisor with high < divisor: Knuth's algorithm D in base 2^32, two digits of the quotient.
static __attribute__((noinline)) u64 divide_two_limbs(u64 high, u64 low, u64 divisor, u64 *remainder) {
  const u64 base = 1ull << 32;
  int shift = leading_zeros(divisor); // after this the divisor's top bit is set, so each guess is at most 2 too large
  divisor <<= shift;
  u64 divisor_high = divisor >> 32, divisor_low = divisor & LOW_HALF;
  u64 rest = shift ? (high << shift) | (low >> (64 - shift)) : high;
  u64 shifted_low = low << shift, digit1 = shifted_low >> 32, digit0 = shifted_low & LOW_HALF;

  u64 quotient1 = rest / divisor_high, guess_rest = rest - quotient1 * divisor_high;
  while (quotient1 >= base || quotient1 * divisor_low > ((guess_rest << 32) | digit1)) {
    quotient1--;
    guess_rest += divisor_high;
    if (guess_rest >= base)
      break;
  }
  u64 second = (rest << 32) + digit1 - quotient1 * divisor, quotient0 = second / divisor_high;
  guess_rest = second - quotient0 * divisor_high;
  while (quotient0 >= base || quotient0 * divisor_low > ((guess_rest << 32) | digit0)) {
    quotient0--;
    guess_rest += divisor_high;
    if (guess_rest >= base)
      break;
  }
  *remainder = ((second << 32) + digit0 - quotient0 * divisor) >> shift;
  return (quotient1 << 32) + quotient0;
}

// Quotient to result[0..2], remainder to result[2..4].
static __attribute__((noinline)) void divide(u64 *result, u64 a_low, u64 a_high, u64 b_low, u64 b_high) {
  if (b_high == 0) {
    if (a_high == 0) {
      result[0] = a_low / b_low;
      result[1] = 0;
      result[2] = a_low % b_low;
      result[3] = 0;
      return;
    }
    u64 quotient_high = a_high / b_low;
    result[1] = quotient_high;
    result[0] = divide_two_limbs(a_high - quotient_high * b_low, a_low, b_low, &result[2]);
    result[3] = 0;
    return;
  }
  if (a_high < b_high || (a_high == b_high && a_low < b_low)) {
    result[0] = result[1] = 0;
    result[2] = a_low;
    result[3] = a_high;
    return;
  }
  // The quotient fits one limb. Guess it from the divisor's top 64 bits, one too small at most, then correct.
  int shift = leading_zeros(b_high);
  u64 divisor_top = shift ? (b_high << shift) | (b_low >> (64 - shift)) : b_high, quotient, unused;
  quotient = divide_two_limbs(a_high >> 1, (a_high << 63) | (a_low >> 1), divisor_top, &unused) >> (63 - shift);
  if (quotient)
    quotient--;
  u64 product_low = quotient * b_low, product_high = multiply_high(quotient, b_low) + quotient * b_high;
  u64 rest_low = a_low - product_low, rest_high = a_high - product_high - (a_low < product_low);
  if (rest_high > b_high || (rest_high == b_high && rest_low >= b_low)) {
    quotient++;
    u64 borrow = rest_low < b_low;
    rest_low -= b_low;
    rest_high = rest_high - b_high - borrow;
  }
  result[0] = quotient;
  result[1] = 0;
  result[2] = rest_low;
  result[3] = rest_high;
}

RUNTIME void __sbf_udivti3(u64 *result, u64 a_low, u64 a_high, u64 b_low, u64 b_high) {
  u64 both[4];
  divide(both, a_low, a_high, b_low, b_high);
  result[0] = both[0];
  result[1] = both[1];
}

RUNTIME void __sbf_umodti3(u64 *result, u64 a_low, u64 a_high, u64 b_low, u64 b_high) {
  u64 both[4];
  divide(both, a_low, a_high, b_low, b_high);
  result[0] = both[2];
  result[1] = both[3];
}

RUNTIME void __sbf_divti3(u64 *result, u64 a_low, u64 a_high, u64 b_low, u64 b_high) {
  u64 both[4], negative = (a_high ^ b_high) >> 63;
  if (a_high >> 63)
    negate(&a_low, &a_high);
  if (b_high >> 63)
    negate(&b_low, &b_high);
  divide(both, a_low, a_high, b_low, b_high);
  u64 low = both[0], high = both[1];
  if (negative)
    negate(&low, &high);
  result[0] = low;
  result[1] = high;
}

// The remainder has the dividend's sign.
RUNTIME void __sbf_modti3(u64 *result, u64 a_low, u64 a_high, u64 b_low, u64 b_high) {
  u64 both[4], negative = a_high >> 63;
  if (negative)
    negate(&a_low, &a_high);
  if (b_high >> 63)
    negate(&b_low, &b_high);
  divide(both, a_low, a_high, b_low, b_high);
  u64 low = both[2], high = both[3];
  if (negative)
    negate(&low, &high);
  result[0] = low;
  result[1] = high;
}
