// A plugin of LLVM's `opt` that rewrites a whole program so that LLVM's own BPF backend can select it. The backend is
// made for Linux' eBPF: it knows neither 128-bit arithmetic nor floats nor more than five arguments nor results larger
// than a register, and it assumes that dividing by zero is harmless.
//
//   sbf-prepare    before the optimiser: lets unused code be dropped
//   sbf-legalize   after the optimiser: the rewriting itself

#include "operations.h"
#include "signatures.h"
#include "llvm/IR/PassManager.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Plugins/PassPlugin.h"

namespace sbf {

std::vector<Function *> definedFunctions(Module &module) {
  std::vector<Function *> functions;
  for (Function &function : module)
    if (!function.isDeclaration())
      functions.push_back(&function);
  return functions;
}

struct Prepare : PassInfoMixin<Prepare> {
  static bool isRequired() { return true; }

  PreservedAnalyses run(Module &module, ModuleAnalysisManager &) {
    // Lists of symbols that must be kept: a program keeps its entrypoint and what that reaches.
    for (const char *list : {"llvm.used", "llvm.compiler.used"})
      if (GlobalVariable *global = module.getGlobalVariable(list))
        global->eraseFromParent();
    for (Function &function : module) {
      function.removeFnAttr(Attribute::UWTable);
      function.removeFnAttr("probe-stack");
      function.setSection("");
      // Arguments may move to the caller's stack, which a tail call would give up.
      for (Instruction &instruction : instructions(function))
        if (auto *call = dyn_cast<CallInst>(&instruction); call && !call->isMustTailCall())
          call->setTailCallKind(CallInst::TCK_None);
    }
    return PreservedAnalyses::none();
  }
};

struct Legalize : PassInfoMixin<Legalize> {
  static bool isRequired() { return true; }

  PreservedAnalyses run(Module &module, ModuleAnalysisManager &) {
    ModuleContext shared(module);
    Operations operations(shared);
    for (Function *function : definedFunctions(module))
      operations.legalize(*function);

    // Calls first: afterwards every call already speaks to the signature that its callee is about to get.
    Signatures signatures(shared);
    for (Function *function : definedFunctions(module))
      signatures.legalizeCalls(*function);
    std::vector<Function *> functions;
    for (Function &function : module)
      if (!function.isIntrinsic())
        functions.push_back(&function);
    for (Function *function : functions)
      signatures.legalizeDefinition(function);
    Signatures::dropResultMarkers(module);
    return PreservedAnalyses::none();
  }
};

} // namespace sbf

extern "C" LLVM_ATTRIBUTE_WEAK llvm::PassPluginLibraryInfo llvmGetPassPluginInfo() {
  using namespace llvm;
  return {LLVM_PLUGIN_API_VERSION, "sbf", "1", [](PassBuilder &builder) {
            builder.registerPipelineParsingCallback(
                [](StringRef name, ModulePassManager &manager, ArrayRef<PassBuilder::PipelineElement>) {
                  if (name == "sbf-prepare")
                    manager.addPass(sbf::Prepare());
                  else if (name == "sbf-legalize")
                    manager.addPass(sbf::Legalize());
                  else
                    return false;
                  return true;
                });
          }};
}
