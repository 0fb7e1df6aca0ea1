// Replaces, inside one function, every operation that the backend cannot select.
#pragma once

#include "floats.h"
#include "integers.h"
#include "module.h"
#include "llvm/IR/InstIterator.h"

namespace sbf {

class Operations {
public:
  explicit Operations(ModuleContext &shared) : shared(shared), integers(shared), floats(shared) {}

  void legalize(Function &function) {
    SmallVector<Instruction *, 64> instructions; // taken first, since replacing inserts new ones
    for (Instruction &instruction : llvm::instructions(function))
      instructions.push_back(&instruction);
    for (Instruction *instruction : instructions) {
      if (Value *replacement = replacementFor(instruction)) {
        instruction->replaceAllUsesWith(replacement);
        instruction->eraseFromParent();
      } else if (auto *intrinsic = dyn_cast<IntrinsicInst>(instruction); intrinsic && becameCall(intrinsic)) {
        instruction->eraseFromParent();
      }
    }
  }

private:
  ModuleContext &shared;
  Integers integers;
  Floats floats;

  // Above this the copy is cheaper as a system call (10 compute units) than as loads and stores.
  static constexpr uint64_t inlineCopyBytesMax = 64;

  Value *replacementFor(Instruction *instruction) {
    if (auto *operation = dyn_cast<BinaryOperator>(instruction)) {
      if (operation->getType()->isIntegerTy())
        return integers.replace(operation);
      return isFloat(operation->getType()) ? floats.replace(operation) : nullptr;
    }
    if (auto *comparison = dyn_cast<FCmpInst>(instruction))
      return floats.replace(comparison);
    if (auto *conversion = dyn_cast<CastInst>(instruction))
      return floats.replace(conversion);
    if (auto *intrinsic = dyn_cast<IntrinsicInst>(instruction))
      return replacementFor(intrinsic);
    return nullptr;
  }

  Value *replacementFor(IntrinsicInst *intrinsic) {
    IRBuilder<> builder(intrinsic);
    switch (intrinsic->getIntrinsicID()) {
    case Intrinsic::umul_with_overflow:
      return integers.multiplyWithOverflow(builder, intrinsic->getArgOperand(0), intrinsic->getArgOperand(1), false);
    case Intrinsic::smul_with_overflow:
      return integers.multiplyWithOverflow(builder, intrinsic->getArgOperand(0), intrinsic->getArgOperand(1), true);
    case Intrinsic::fptoui_sat:
    case Intrinsic::fptosi_sat:
      return floats.saturatingConversion(builder, intrinsic);
    case Intrinsic::fshl:
    case Intrinsic::fshr:
      return integers.funnelShift(builder, intrinsic);
    default:
      return nullptr;
    }
  }

  // Intrinsics without a result. True when a call has taken the intrinsic's place.
  bool becameCall(IntrinsicInst *intrinsic) {
    IRBuilder<> builder(intrinsic);
    switch (intrinsic->getIntrinsicID()) {
    case Intrinsic::trap:
    case Intrinsic::ubsantrap:
    case Intrinsic::debugtrap:
      builder.CreateCall(shared.runtimeFunction("abort", shared.voidType(), {}), {});
      return true;
    case Intrinsic::memcpy:
    case Intrinsic::memmove:
    case Intrinsic::memset:
    case Intrinsic::memcpy_inline:
    case Intrinsic::memset_inline:
      return becameSystemCall(builder, cast<MemIntrinsic>(intrinsic));
    default:
      return false;
    }
  }

  bool becameSystemCall(IRBuilder<> &builder, MemIntrinsic *memory) {
    auto *known = dyn_cast<ConstantInt>(memory->getLength());
    if (known && known->getZExtValue() <= inlineCopyBytesMax)
      return false;
    Value *length = builder.CreateZExtOrTrunc(memory->getLength(), shared.i64);
    if (auto *fill = dyn_cast<MemSetInst>(memory)) {
      auto system = shared.runtimeFunction("sol_memset_", shared.voidType(), {shared.pointer, shared.i64, shared.i64});
      builder.CreateCall(system, {fill->getRawDest(), builder.CreateZExt(fill->getValue(), shared.i64), length});
    } else {
      auto system =
          shared.runtimeFunction("sol_memmove_", shared.voidType(), {shared.pointer, shared.pointer, shared.i64});
      builder.CreateCall(system, {memory->getRawDest(), cast<MemTransferInst>(memory)->getRawSource(), length});
    }
    return true;
  }
};

} // namespace sbf
