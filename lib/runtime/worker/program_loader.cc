#include "runtime/worker/program_loader.h"

#include <dlfcn.h>

#include "core/concat.h"
#include "core/demangle.h"
#include "core/program_note.h"

namespace fabric {
namespace {

/// What this runtime is built like, for fabric-run, which loads nothing.
__attribute__((section(".note.fabric"), used)) constinit const auto kRuntimeNote =
    detail::make_program_note(FABRIC_PROGRAM_NOTE);

Status loader_error(const std::string& path, std::string_view advice) {
  const char* const reason = ::dlerror();
  return failed_precondition(concat("program '", path, "' cannot be loaded: ",
                                    reason != nullptr ? demangled_text(reason) : "no reason given", advice));
}

}  // namespace

Result<const ProgramTable*> load_program(const std::string& path) {
  FABRIC_ASSIGN_OR_RETURN(const ProgramNote note, read_program_note(path));
  FABRIC_ASSIGN_OR_RETURN(const ProgramNote ours, parse_program_note(FABRIC_PROGRAM_NOTE));
  FABRIC_RETURN_IF_ERROR(check_compatible(note, ours).with_context(concat("program '", path, "'")));
  // Local, so that two programs' symbols never meet; never closed, because threads and destructors may run its code to the end.
  void* const program = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (program == nullptr)
    return loader_error(path, "; link what defines the name into it, or put its library beside it");
  using TableFunction = const ProgramTable* (*)();
  const auto table_function = reinterpret_cast<TableFunction>(::dlsym(program, "fabric_program_table"));
  if (table_function == nullptr) return loader_error(path, "; put FABRIC_PROGRAM(train) into one of its files");
  const ProgramTable* const table = table_function();
  if (table == nullptr || table->abi_version != FABRIC_PROGRAM_ABI || table->train == nullptr) {
    return failed_precondition(concat("program '", path, "' must offer train() by ABI version ", FABRIC_PROGRAM_ABI,
                                      ", but does not; build it against the headers of this Fabric"));
  }
  return table;
}

}  // namespace fabric
