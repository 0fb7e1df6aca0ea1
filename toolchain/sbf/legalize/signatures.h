// Gives every function a signature that the BPF calling convention can express: at most five registers of arguments and
// one register of result. A larger result goes through memory that the caller provides; arguments that do not fit are
// packed into a struct on the caller's stack. Both rules depend on the type alone, so calls through pointers agree.
#pragma once

#include "module.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"

namespace sbf {

class Signatures {
public:
  explicit Signatures(ModuleContext &shared) : shared(shared) {}

  void legalizeCalls(Function &function) {
    SmallVector<CallInst *, 32> calls;
    for (Instruction &instruction : instructions(function))
      if (auto *call = dyn_cast<CallInst>(&instruction);
          call && isOrdinary(call) && signature(call->getFunctionType()).isChanged())
        calls.push_back(call);
    for (CallInst *call : calls)
      legalizeCall(function, call);
  }

  void legalizeDefinition(Function *old) {
    const Signature target = signature(old->getFunctionType());
    if (!target.isChanged())
      return;
    Function *replacement =
        Function::Create(target.type, old->getLinkage(), old->getAddressSpace(), "", &shared.module);
    replacement->setAttributes(functionAttributes(old->getAttributes()));
    replacement->setCallingConv(old->getCallingConv());
    replacement->setVisibility(old->getVisibility());
    replacement->setUnnamedAddr(old->getUnnamedAddr());
    replacement->setDSOLocal(old->isDSOLocal());
    if (old->hasSection())
      replacement->setSection(old->getSection());
    replacement->takeName(old);
    old->replaceAllUsesWith(replacement);
    if (!old->isDeclaration())
      moveBody(old, replacement, target);
    old->eraseFromParent();
  }

  // The backend refuses the marker of a result through memory; for it the argument is a plain pointer.
  static void dropResultMarkers(Module &module) {
    for (Function &function : module) {
      for (unsigned index = 0; index < function.arg_size(); ++index)
        function.removeParamAttr(index, Attribute::StructRet);
      for (Instruction &instruction : instructions(function))
        if (auto *call = dyn_cast<CallBase>(&instruction))
          for (unsigned index = 0; index < call->arg_size(); ++index)
            call->removeParamAttr(index, Attribute::StructRet);
    }
  }

private:
  static constexpr unsigned argumentRegistersMax = 5;

  struct Signature {
    bool resultInMemory = false;
    unsigned directCount = 0;     // the leading parameters that stay arguments
    StructType *packed = nullptr; // the others, or null when there are none
    FunctionType *type = nullptr;
    bool isChanged() const { return resultInMemory || packed; }
  };

  ModuleContext &shared;
  DenseMap<FunctionType *, Signature> signatures;

  static unsigned registers(Type *type) {
    if (type->isVoidTy())
      return 0;
    if (auto *integer = dyn_cast<IntegerType>(type))
      return (integer->getBitWidth() + 63) / 64;
    if (type->isPointerTy() || type->isFloatTy() || type->isDoubleTy() || type->isHalfTy())
      return 1;
    if (auto *structure = dyn_cast<StructType>(type)) {
      unsigned total = 0;
      for (Type *element : structure->elements())
        total += registers(element);
      return total;
    }
    if (auto *array = dyn_cast<ArrayType>(type))
      return array->getNumElements() * registers(array->getElementType());
    return 2;
  }

  static bool returnsInMemory(Type *result) {
    return !result->isVoidTy() && (result->isAggregateType() || registers(result) != 1);
  }

  static bool isOrdinary(CallInst *call) {
    Function *callee = call->getCalledFunction();
    return !call->isInlineAsm() && !(callee && callee->isIntrinsic());
  }

  Signature signature(FunctionType *type) {
    if (auto known = signatures.find(type); known != signatures.end())
      return known->second;
    Signature result;
    result.resultInMemory = returnsInMemory(type->getReturnType());
    SmallVector<Type *, 8> parameters;
    if (result.resultInMemory)
      parameters.push_back(shared.pointer);

    unsigned total = result.resultInMemory;
    for (Type *parameter : type->params())
      total += registers(parameter);
    if (total <= argumentRegistersMax || type->isVarArg()) {
      result.directCount = type->getNumParams();
      parameters.append(type->param_begin(), type->param_end());
    } else {
      // One register stays free for the pointer to the packed rest.
      unsigned used = result.resultInMemory, index = 0;
      for (; index < type->getNumParams(); ++index) {
        used += registers(type->getParamType(index));
        if (used > argumentRegistersMax - 1)
          break;
        parameters.push_back(type->getParamType(index));
      }
      result.directCount = index;
      result.packed =
          StructType::get(shared.context, SmallVector<Type *, 8>(type->param_begin() + index, type->param_end()));
      parameters.push_back(shared.pointer);
    }
    result.type = FunctionType::get(result.resultInMemory ? shared.voidType() : type->getReturnType(), parameters,
                                    type->isVarArg());
    return signatures[type] = result;
  }

  // Attributes of parameters name positions that have moved. "Touches no memory" is no longer true.
  AttributeList functionAttributes(AttributeList old) {
    AttrBuilder kept(shared.context, old.getFnAttrs());
    kept.removeAttribute(Attribute::Memory);
    kept.removeAttribute(Attribute::Speculatable);
    return AttributeList().addFnAttributes(shared.context, kept);
  }

  void legalizeCall(Function &caller, CallInst *call) {
    const Signature target = signature(call->getFunctionType());
    Type *resultType = call->getType();
    IRBuilder<> builder(call);
    SmallVector<Value *, 6> arguments;
    AllocaInst *resultSlot = nullptr, *packedSlot = nullptr;
    if (target.resultInMemory) {
      resultSlot = shared.stackSlot(&caller, resultType, "result");
      builder.CreateLifetimeStart(resultSlot);
      arguments.push_back(resultSlot);
    }
    for (unsigned index = 0; index < target.directCount; ++index)
      arguments.push_back(call->getArgOperand(index));
    if (target.packed) {
      packedSlot = shared.stackSlot(&caller, target.packed, "packed");
      builder.CreateLifetimeStart(packedSlot);
      for (unsigned index = target.directCount; index < call->arg_size(); ++index)
        builder.CreateStore(call->getArgOperand(index),
                            builder.CreateStructGEP(target.packed, packedSlot, index - target.directCount));
      arguments.push_back(packedSlot);
    }
    CallInst *replacement = builder.CreateCall(target.type, call->getCalledOperand(), arguments);
    replacement->setCallingConv(call->getCallingConv());
    replacement->setAttributes(functionAttributes(call->getAttributes()));
    replacement->setDebugLoc(call->getDebugLoc());
    if (packedSlot)
      builder.CreateLifetimeEnd(packedSlot);
    if (resultSlot) {
      Value *result = builder.CreateLoad(resultType, resultSlot);
      builder.CreateLifetimeEnd(resultSlot);
      result->takeName(call);
      call->replaceAllUsesWith(result);
    } else if (!resultType->isVoidTy()) {
      call->replaceAllUsesWith(replacement);
    }
    call->eraseFromParent();
  }

  void moveBody(Function *old, Function *replacement, const Signature &target) {
    replacement->splice(replacement->begin(), old);
    if (auto *debugInfo = old->getSubprogram()) {
      old->setSubprogram(nullptr);
      replacement->setSubprogram(debugInfo);
    }
    auto argument = replacement->arg_begin();
    Value *result = nullptr;
    if (target.resultInMemory) {
      result = &*argument++;
      result->setName("result");
    }
    unsigned index = 0;
    auto oldArgument = old->arg_begin();
    for (; index < target.directCount; ++index, ++oldArgument, ++argument) {
      argument->takeName(&*oldArgument);
      oldArgument->replaceAllUsesWith(&*argument);
    }
    if (target.packed) {
      argument->setName("packed");
      auto position = replacement->getEntryBlock().getFirstInsertionPt();
      while (isa<AllocaInst>(*position))
        ++position;
      IRBuilder<> builder(&*position);
      for (; oldArgument != old->arg_end(); ++oldArgument, ++index)
        oldArgument->replaceAllUsesWith(builder.CreateLoad(
            oldArgument->getType(), builder.CreateStructGEP(target.packed, &*argument, index - target.directCount)));
    }
    if (target.resultInMemory)
      storeResults(replacement, result);
  }

  static void storeResults(Function *function, Value *result) {
    for (BasicBlock &block : *function)
      if (auto *exit = dyn_cast<ReturnInst>(block.getTerminator())) {
        IRBuilder<> builder(exit);
        builder.CreateStore(exit->getReturnValue(), result);
        builder.CreateRetVoid();
        exit->eraseFromParent();
      }
  }
};

} // namespace sbf
