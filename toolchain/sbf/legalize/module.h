// What all parts of the pass share: the module's types, stack slots and calls of the runtime.
#pragma once

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

namespace sbf {
using namespace llvm;

struct ModuleContext {
  Module &module;
  LLVMContext &context;
  const DataLayout &layout;
  Type *const i1, *const i8, *const i32, *const i64, *const i128;
  PointerType *const pointer;

  explicit ModuleContext(Module &module)
      : module(module), context(module.getContext()), layout(module.getDataLayout()), i1(Type::getInt1Ty(context)),
        i8(Type::getInt8Ty(context)), i32(Type::getInt32Ty(context)), i64(Type::getInt64Ty(context)),
        i128(Type::getInt128Ty(context)), pointer(PointerType::get(context, 0)) {}

  Type *voidType() { return Type::getVoidTy(context); }

  FunctionCallee runtimeFunction(StringRef name, Type *result, ArrayRef<Type *> parameters) {
    FunctionCallee callee = module.getOrInsertFunction(name, FunctionType::get(result, parameters, false));
    if (auto *function = dyn_cast<Function>(callee.getCallee()))
      function->addFnAttr(Attribute::NoUnwind);
    return callee;
  }

  // A stack slot in the entry block, where it costs no instructions.
  AllocaInst *stackSlot(Function *function, Type *type, const Twine &name) {
    IRBuilder<> entry(&*function->getEntryBlock().getFirstInsertionPt());
    AllocaInst *slot = entry.CreateAlloca(type, nullptr, name);
    slot->setAlignment(std::max(Align(8), layout.getPrefTypeAlign(type)));
    return slot;
  }
};

inline bool isFloat(Type *type) { return type->isDoubleTy() || type->isFloatTy(); }

} // namespace sbf
