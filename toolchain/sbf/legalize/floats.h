// Floats: the backend has none, so every operation becomes a call of the soft floats in Rust's compiler-builtins.
#pragma once

#include "module.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"

namespace sbf {

class Floats {
public:
  explicit Floats(ModuleContext &shared) : shared(shared) {}

  // Each of these yields the value that replaces the operation, or null when it is not about floats.
  Value *replace(BinaryOperator *operation) {
    const char *name = nullptr;
    switch (operation->getOpcode()) {
    case Instruction::FAdd:
      name = "__add";
      break;
    case Instruction::FSub:
      name = "__sub";
      break;
    case Instruction::FMul:
      name = "__mul";
      break;
    case Instruction::FDiv:
      name = "__div";
      break;
    default:
      return nullptr;
    }
    IRBuilder<> builder(operation);
    Type *type = operation->getType();
    return builder.CreateCall(shared.runtimeFunction(name + precision(type) + "3", type, {type, type}),
                              {operation->getOperand(0), operation->getOperand(1)});
  }

  Value *replace(FCmpInst *comparison) {
    Type *type = comparison->getOperand(0)->getType();
    if (!isFloat(type))
      return nullptr;
    IRBuilder<> builder(comparison);
    const auto predicate = comparison->getPredicate();
    if (predicate == FCmpInst::FCMP_TRUE)
      return ConstantInt::getTrue(shared.context);
    if (predicate == FCmpInst::FCMP_FALSE)
      return ConstantInt::getFalse(shared.context);
    if (predicate == FCmpInst::FCMP_UNO)
      return isUnordered(builder, comparison);
    if (predicate == FCmpInst::FCMP_ORD)
      return builder.CreateNot(isUnordered(builder, comparison));
    Value *related = orderedRelation(builder, comparison);
    Value *unordered = isUnordered(builder, comparison);
    return FCmpInst::isUnordered(predicate) ? builder.CreateOr(related, unordered)
                                            : builder.CreateAnd(related, builder.CreateNot(unordered));
  }

  Value *replace(CastInst *conversion) {
    IRBuilder<> builder(conversion);
    Type *from = conversion->getSrcTy(), *to = conversion->getDestTy();
    Value *value = conversion->getOperand(0);
    switch (conversion->getOpcode()) {
    case Instruction::UIToFP:
    case Instruction::SIToFP: {
      if (!isFloat(to) || !from->isIntegerTy() || from->getIntegerBitWidth() > 64)
        return nullptr;
      const bool isSigned = conversion->getOpcode() == Instruction::SIToFP;
      Value *widened = isSigned ? builder.CreateSExt(value, shared.i64) : builder.CreateZExt(value, shared.i64);
      std::string name = (isSigned ? "__floatdi" : "__floatundi") + precision(to);
      return builder.CreateCall(shared.runtimeFunction(name, to, {shared.i64}), {widened});
    }
    case Instruction::FPToUI:
    case Instruction::FPToSI:
      if (!isFloat(from) || to->getIntegerBitWidth() > 64)
        return nullptr;
      return builder.CreateTrunc(toInteger(builder, value, conversion->getOpcode() == Instruction::FPToSI), to);
    case Instruction::FPExt:
      if (!from->isFloatTy() || !to->isDoubleTy())
        return nullptr;
      return builder.CreateCall(shared.runtimeFunction("__extendsfdf2", to, {from}), {value});
    case Instruction::FPTrunc:
      if (!from->isDoubleTy() || !to->isFloatTy())
        return nullptr;
      return builder.CreateCall(shared.runtimeFunction("__truncdfsf2", to, {from}), {value});
    default:
      return nullptr;
    }
  }

  // Rust's `as`, which saturates. The runtime saturates at 64 bits; narrower types are clamped here.
  Value *saturatingConversion(IRBuilder<> &builder, IntrinsicInst *conversion) {
    Value *value = conversion->getArgOperand(0);
    Type *to = conversion->getType();
    const unsigned bits = to->getIntegerBitWidth();
    if (bits > 64 || !isFloat(value->getType()))
      return nullptr;
    const bool isSigned = conversion->getIntrinsicID() == Intrinsic::fptosi_sat;
    Value *integer = toInteger(builder, value, isSigned);
    auto clamp = [&](Intrinsic::ID bound, APInt limit) {
      integer = builder.CreateBinaryIntrinsic(bound, integer, ConstantInt::get(shared.i64, limit));
    };
    if (bits < 64 && isSigned) {
      clamp(Intrinsic::smin, APInt::getSignedMaxValue(bits).sext(64));
      clamp(Intrinsic::smax, APInt::getSignedMinValue(bits).sext(64));
    } else if (bits < 64) {
      clamp(Intrinsic::umin, APInt::getMaxValue(bits).zext(64));
    }
    return builder.CreateTrunc(integer, to);
  }

private:
  ModuleContext &shared;

  // The runtime's names follow GCC's: df for f64, sf for f32.
  static std::string precision(Type *type) { return type->isDoubleTy() ? "df" : "sf"; }

  Value *toInteger(IRBuilder<> &builder, Value *value, bool isSigned) {
    std::string name = (isSigned ? "__fix" : "__fixuns") + precision(value->getType()) + "di";
    return builder.CreateCall(shared.runtimeFunction(name, shared.i64, {value->getType()}), {value});
  }

  Value *compare(IRBuilder<> &builder, const char *name, FCmpInst *comparison) {
    Type *type = comparison->getOperand(0)->getType();
    return builder.CreateCall(shared.runtimeFunction("__" + (name + precision(type)) + "2", shared.i32, {type, type}),
                              {comparison->getOperand(0), comparison->getOperand(1)});
  }

  Value *isUnordered(IRBuilder<> &builder, FCmpInst *comparison) {
    return builder.CreateICmpNE(compare(builder, "unord", comparison), ConstantInt::get(shared.i32, 0));
  }

  // The runtime answers with a number whose sign is that of the relation.
  Value *orderedRelation(IRBuilder<> &builder, FCmpInst *comparison) {
    Value *zero = ConstantInt::get(shared.i32, 0);
    switch (comparison->getPredicate()) {
    case FCmpInst::FCMP_OEQ:
    case FCmpInst::FCMP_UEQ:
      return builder.CreateICmpEQ(compare(builder, "eq", comparison), zero);
    case FCmpInst::FCMP_ONE:
    case FCmpInst::FCMP_UNE:
      return builder.CreateICmpNE(compare(builder, "eq", comparison), zero);
    case FCmpInst::FCMP_OLT:
    case FCmpInst::FCMP_ULT:
      return builder.CreateICmpSLT(compare(builder, "lt", comparison), zero);
    case FCmpInst::FCMP_OLE:
    case FCmpInst::FCMP_ULE:
      return builder.CreateICmpSLE(compare(builder, "le", comparison), zero);
    case FCmpInst::FCMP_OGT:
    case FCmpInst::FCMP_UGT:
      return builder.CreateICmpSGT(compare(builder, "gt", comparison), zero);
    default:
      return builder.CreateICmpSGE(compare(builder, "ge", comparison), zero);
    }
  }
};

} // namespace sbf
