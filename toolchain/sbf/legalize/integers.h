// Integer operations that the backend has no instruction for: 128 bits, signed division, overflow of multiplications,
// and divisions whose divisor may be zero.
#pragma once

#include "module.h"
#include "llvm/Analysis/SimplifyQuery.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/Support/KnownBits.h"

namespace sbf {

class Integers {
public:
  explicit Integers(ModuleContext &shared) : shared(shared) {}

  // The value that replaces the operation, or null when the backend can do it.
  Value *replace(BinaryOperator *operation) {
    const unsigned bits = operation->getType()->getIntegerBitWidth();
    IRBuilder<> builder(operation);
    if (bits == 256 && operation->getOpcode() == Instruction::Mul)
      return multiply256(builder, operation);
    if (bits > 128)
      return nullptr; // dead code of compiler-builtins; llc refuses it if it is live
    if (bits > 64)
      return replaceWide(builder, operation);
    return replaceNarrow(builder, operation);
  }

  // Multiplication with overflow flag -> {result, i1}. Null for widths that the backend promotes itself.
  Value *multiplyWithOverflow(IRBuilder<> &builder, Value *a, Value *b, bool isSigned) {
    switch (a->getType()->getIntegerBitWidth()) {
    case 128: {
      Value *result = callWide(builder, isSigned ? "__sbf_smulo128" : "__sbf_umulo128", a, b,
                               StructType::get(shared.context, {shared.i128, shared.i64}));
      Value *overflowed = builder.CreateICmpNE(builder.CreateExtractValue(result, 1), constant(0));
      return withFlag(builder, builder.CreateExtractValue(result, 0), overflowed);
    }
    case 64:
      return isSigned ? multiplySignedWithOverflow(builder, a, b) : multiplyUnsignedWithOverflow(builder, a, b);
    default:
      return nullptr;
    }
  }

  // A rotation of 128 bits by a variable amount (fshl, fshr).
  Value *funnelShift(IRBuilder<> &builder, IntrinsicInst *shift) {
    if (!shift->getType()->isIntegerTy(128) || isa<ConstantInt>(shift->getArgOperand(2)))
      return nullptr;
    Value *high = shift->getArgOperand(0), *low = shift->getArgOperand(1);
    Value *amount = builder.CreateAnd(shift->getArgOperand(2), 127);
    // The other half moves by 128 - amount, written as 1 + (127 - amount) so that no shift reaches 128.
    Value *rest = builder.CreateXor(amount, 127);
    if (shift->getIntrinsicID() == Intrinsic::fshl)
      return builder.CreateOr(shiftWide(builder, Instruction::Shl, high, amount),
                              shiftWide(builder, Instruction::LShr, builder.CreateLShr(low, 1), rest));
    return builder.CreateOr(shiftWide(builder, Instruction::LShr, low, amount),
                            shiftWide(builder, Instruction::Shl, builder.CreateShl(high, 1), rest));
  }

private:
  ModuleContext &shared;

  ConstantInt *constant(uint64_t value) { return ConstantInt::get(cast<IntegerType>(shared.i64), value); }
  Value *low(IRBuilder<> &builder, Value *wide) { return builder.CreateTrunc(wide, shared.i64); }
  Value *high(IRBuilder<> &builder, Value *wide) {
    return builder.CreateTrunc(builder.CreateLShr(wide, 64), shared.i64);
  }

  // runtime(result*, low a, high a, low b, high b): five registers, the result through memory.
  Value *callWide(IRBuilder<> &builder, StringRef name, Value *a, Value *b, Type *resultType) {
    AllocaInst *result = shared.stackSlot(builder.GetInsertBlock()->getParent(), resultType, "wide");
    builder.CreateLifetimeStart(result);
    Type *i64 = shared.i64;
    builder.CreateCall(shared.runtimeFunction(name, shared.voidType(), {shared.pointer, i64, i64, i64, i64}),
                       {result, low(builder, a), high(builder, a), low(builder, b), high(builder, b)});
    Value *loaded = builder.CreateAlignedLoad(resultType, result, Align(8));
    builder.CreateLifetimeEnd(result);
    return loaded;
  }

  // --- 65 to 128 bits

  Value *replaceWide(IRBuilder<> &builder, BinaryOperator *operation) {
    Value *a = operation->getOperand(0), *b = operation->getOperand(1);
    Type *type = operation->getType();
    switch (operation->getOpcode()) {
    case Instruction::Mul:
    case Instruction::UDiv:
    case Instruction::URem:
      return multiplyOrDivideWide(builder, operation, builder.CreateZExt(a, shared.i128),
                                  builder.CreateZExt(b, shared.i128));
    case Instruction::SDiv:
    case Instruction::SRem:
      return multiplyOrDivideWide(builder, operation, builder.CreateSExt(a, shared.i128),
                                  builder.CreateSExt(b, shared.i128));
    case Instruction::Shl:
    case Instruction::LShr:
    case Instruction::AShr: {
      if (isa<ConstantInt>(b))
        return nullptr;
      const bool arithmetic = operation->getOpcode() == Instruction::AShr;
      Value *extended = arithmetic ? builder.CreateSExt(a, shared.i128) : builder.CreateZExt(a, shared.i128);
      return builder.CreateTrunc(
          shiftWide(builder, operation->getOpcode(), extended, builder.CreateZExt(b, shared.i128)), type);
    }
    default:
      return nullptr;
    }
  }

  static StringRef runtimeName(unsigned opcode) {
    switch (opcode) {
    case Instruction::Mul:
      return "__sbf_multi3";
    case Instruction::UDiv:
      return "__sbf_udivti3";
    case Instruction::URem:
      return "__sbf_umodti3";
    case Instruction::SDiv:
      return "__sbf_divti3";
    default:
      return "__sbf_modti3";
    }
  }

  Value *multiplyOrDivideWide(IRBuilder<> &builder, BinaryOperator *operation, Value *a, Value *b) {
    Value *result = nullptr;
    if (operation->getOpcode() == Instruction::Mul)
      result = multiplyNarrowFactors(builder, a, b);
    if (!result)
      result = callWide(builder, runtimeName(operation->getOpcode()), a, b, shared.i128);
    return builder.CreateTrunc(result, operation->getType());
  }

  // Two factors that were widened from 64 bits need one product of limbs instead of three.
  Value *multiplyNarrowFactors(IRBuilder<> &builder, Value *a, Value *b) {
    Value *narrowA = beforeWidening(a), *narrowB = beforeWidening(b);
    if (auto *known = dyn_cast<ConstantInt>(b); known && known->getValue().getActiveBits() <= 64)
      narrowB = constant(known->getZExtValue());
    if (!narrowA || !narrowB)
      return nullptr;
    AllocaInst *result = shared.stackSlot(builder.GetInsertBlock()->getParent(), shared.i128, "wide");
    builder.CreateLifetimeStart(result);
    builder.CreateCall(
        shared.runtimeFunction("__sbf_mul64", shared.voidType(), {shared.pointer, shared.i64, shared.i64}),
        {result, builder.CreateZExt(narrowA, shared.i64), builder.CreateZExt(narrowB, shared.i64)});
    Value *loaded = builder.CreateAlignedLoad(shared.i128, result, Align(8));
    builder.CreateLifetimeEnd(result);
    return loaded;
  }

  static Value *beforeWidening(Value *value) {
    auto *widening = dyn_cast<ZExtInst>(value);
    return widening && widening->getSrcTy()->getIntegerBitWidth() <= 64 ? widening->getOperand(0) : nullptr;
  }

  // LLVM's AggressiveInstCombine recognises "the high half of a product of two u128" as a product of 256 bits.
  Value *multiply256(IRBuilder<> &builder, BinaryOperator *operation) {
    Value *a = narrowedTo128(builder, operation->getOperand(0));
    Value *b = narrowedTo128(builder, operation->getOperand(1));
    return a && b ? callWide(builder, "__sbf_mul256", a, b, operation->getType()) : nullptr;
  }

  Value *narrowedTo128(IRBuilder<> &builder, Value *value) {
    if (auto *widening = dyn_cast<ZExtInst>(value); widening && widening->getSrcTy()->getIntegerBitWidth() <= 128)
      return builder.CreateZExt(widening->getOperand(0), shared.i128);
    if (auto *known = dyn_cast<ConstantInt>(value); known && known->getValue().getActiveBits() <= 128)
      return ConstantInt::get(shared.i128, known->getValue().trunc(128));
    if (computeKnownBits(value, shared.layout).countMaxActiveBits() <= 128)
      return builder.CreateTrunc(value, shared.i128);
    return nullptr;
  }

  // A shift by a variable amount, on two limbs. Shifts by a whole limb are split in two so that none reaches 64.
  Value *shiftWide(IRBuilder<> &builder, unsigned opcode, Value *value, Value *amount) {
    Value *lowLimb = low(builder, value), *highLimb = high(builder, value);
    Value *bits = builder.CreateAnd(builder.CreateTrunc(amount, shared.i64), 127);
    Value *within = builder.CreateAnd(bits, 63), *across = builder.CreateXor(within, 63);
    Value *wholeLimb = builder.CreateICmpUGE(bits, constant(64)), *zero = constant(0);
    Value *resultLow, *resultHigh;
    if (opcode == Instruction::Shl) {
      Value *shiftedLow = builder.CreateShl(lowLimb, within);
      Value *shiftedHigh = builder.CreateOr(builder.CreateShl(highLimb, within),
                                            builder.CreateLShr(builder.CreateLShr(lowLimb, 1), across));
      resultLow = builder.CreateSelect(wholeLimb, zero, shiftedLow);
      resultHigh = builder.CreateSelect(wholeLimb, shiftedLow, shiftedHigh);
    } else {
      const bool arithmetic = opcode == Instruction::AShr;
      Value *shiftedHigh = arithmetic ? builder.CreateAShr(highLimb, within) : builder.CreateLShr(highLimb, within);
      Value *shiftedLow = builder.CreateOr(builder.CreateLShr(lowLimb, within),
                                           builder.CreateShl(builder.CreateShl(highLimb, 1), across));
      Value *filled = arithmetic ? builder.CreateAShr(highLimb, 63) : zero;
      resultLow = builder.CreateSelect(wholeLimb, shiftedHigh, shiftedLow);
      resultHigh = builder.CreateSelect(wholeLimb, filled, shiftedHigh);
    }
    return builder.CreateOr(builder.CreateShl(builder.CreateZExt(resultHigh, shared.i128), 64),
                            builder.CreateZExt(resultLow, shared.i128));
  }

  // --- up to 64 bits

  Value *replaceNarrow(IRBuilder<> &builder, BinaryOperator *operation) {
    Value *a = operation->getOperand(0), *b = operation->getOperand(1);
    const unsigned opcode = operation->getOpcode();
    switch (opcode) {
    case Instruction::SDiv:
    case Instruction::SRem:
      return divideSigned(builder, a, b, opcode == Instruction::SRem);
    case Instruction::UDiv:
    case Instruction::URem: {
      if (isKnownNonZero(b, SimplifyQuery(shared.layout)))
        return nullptr;
      Value *result = divideUnsigned(builder, builder.CreateZExt(a, shared.i64), builder.CreateZExt(b, shared.i64),
                                     opcode == Instruction::URem);
      return builder.CreateTrunc(result, operation->getType());
    }
    default:
      return nullptr;
    }
  }

  // eBPF defines x / 0 as 0, so LLVM's machine passes hoist divisions above the guard that makes them safe. sBPF traps
  // on a zero divisor: unless it is provably not zero, the division becomes opaque assembly that nothing moves.
  Value *divideUnsigned(IRBuilder<> &builder, Value *a, Value *b, bool remainder) {
    if (isKnownNonZero(b, SimplifyQuery(shared.layout)))
      return remainder ? builder.CreateURem(a, b) : builder.CreateUDiv(a, b);
    auto *assembly = InlineAsm::get(FunctionType::get(shared.i64, {shared.i64, shared.i64}, false),
                                    remainder ? "$0 %= $2" : "$0 /= $2", "=r,0,r", /*hasSideEffects=*/true);
    return builder.CreateCall(assembly, {a, b});
  }

  // This CPU level divides unsigned numbers only. Two's complement: with s = x >> 63, |x| is (x ^ s) - s, and so is
  // -|x|.
  static Value *negateIf(IRBuilder<> &builder, Value *value, Value *signMask) {
    return builder.CreateSub(builder.CreateXor(value, signMask), signMask);
  }

  Value *divideSigned(IRBuilder<> &builder, Value *x, Value *y, bool remainder) {
    Value *a = builder.CreateSExtOrTrunc(x, shared.i64), *b = builder.CreateSExtOrTrunc(y, shared.i64);
    Value *signA = builder.CreateAShr(a, 63), *signB = builder.CreateAShr(b, 63);
    Value *magnitudeA = negateIf(builder, a, signA), *magnitudeB = negateIf(builder, b, signB);
    Value *magnitude = divideUnsigned(builder, magnitudeA, magnitudeB, remainder);
    // The remainder has the dividend's sign.
    Value *sign = remainder ? signA : builder.CreateXor(signA, signB);
    return builder.CreateTrunc(negateIf(builder, magnitude, sign), x->getType());
  }

  Value *withFlag(IRBuilder<> &builder, Value *result, Value *flag) {
    auto *type = StructType::get(shared.context, {result->getType(), shared.i1});
    return builder.CreateInsertValue(builder.CreateInsertValue(PoisonValue::get(type), result, 0), flag, 1);
  }

  // Whether a * b, which gave `product`, overflowed: dividing back costs one compute unit, a product of limbs a dozen.
  Value *productOverflowed(IRBuilder<> &builder, Value *product, Value *a, Value *b) {
    Value *isZero = builder.CreateICmpEQ(b, constant(0));
    Value *divisor = builder.CreateOr(b, builder.CreateZExt(isZero, shared.i64));
    return builder.CreateAnd(builder.CreateNot(isZero), builder.CreateICmpNE(builder.CreateUDiv(product, divisor), a));
  }

  Value *multiplyUnsignedWithOverflow(IRBuilder<> &builder, Value *a, Value *b) {
    if (isa<ConstantInt>(a))
      std::swap(a, b);
    Value *product = builder.CreateMul(a, b);
    auto *known = dyn_cast<ConstantInt>(b);
    if (!known)
      return withFlag(builder, product, productOverflowed(builder, product, a, b));
    if (known->isZero())
      return withFlag(builder, product, ConstantInt::getFalse(shared.context));
    auto *largest = ConstantInt::get(shared.i64, APInt::getMaxValue(64).udiv(known->getValue()));
    return withFlag(builder, product, builder.CreateICmpUGT(a, largest));
  }

  Value *multiplySignedWithOverflow(IRBuilder<> &builder, Value *a, Value *b) {
    Value *signA = builder.CreateAShr(a, 63), *signB = builder.CreateAShr(b, 63);
    Value *magnitudeA = negateIf(builder, a, signA), *magnitudeB = negateIf(builder, b, signB);
    Value *magnitude = builder.CreateMul(magnitudeA, magnitudeB), *sign = builder.CreateXor(signA, signB);
    Value *largest = builder.CreateSub(constant(INT64_MAX), sign); // 2^63 - 1, or 2^63 when the result is negative
    Value *overflowed = builder.CreateOr(productOverflowed(builder, magnitude, magnitudeA, magnitudeB),
                                         builder.CreateICmpUGT(magnitude, largest));
    return withFlag(builder, builder.CreateMul(a, b), overflowed);
  }
};

} // namespace sbf
