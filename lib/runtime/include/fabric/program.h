#pragma once

#include <torch/headeronly/version.h>

#include <cstdint>

#include "fabric/arguments.h"
#include "fabric/environment.h"
#include "fabric/export.h"
#include "fabric/options.h"

/// Version of ProgramTable and of the classes that cross from a program into the runtime.
#define FABRIC_PROGRAM_ABI 1

namespace fabric {

class Fabric;

/// What a program's shared object offers. `abi_version` stays first for ever.
struct ProgramTable {
  uint32_t abi_version;
  int (*train)(Fabric&, const Arguments&);
  /// Runs before the Fabric is made; null if the program has none.
  void (*configure)(Options&, const Arguments&);
};

/// Runs `program` as one rank: reads the job, calls configure(), joins the other ranks, calls train(), closes the loggers.
/// Returns train()'s value, or 75 if Stop left it. Exceptions of the program pass through.
FABRIC_API int run_program(const ProgramTable& program, Environment& environment);

/// Runs `program` as a plain executable of one rank, and returns its exit code: `--name=value`, `--name value` and `--flag`
/// become the program's arguments, `--job=file.json` names a resolved job. Reports exceptions on stderr.
FABRIC_API int run_standalone(const ProgramTable& program, int argc, const char* const* argv);

}  // namespace fabric

// How the program is built, as text that can be read without loading it.
#define FABRIC_TEXT_(x) #x
#define FABRIC_TEXT(x) FABRIC_TEXT_(x)
#ifdef NDEBUG
#define FABRIC_NOTE_NDEBUG_ "1"
#else
#define FABRIC_NOTE_NDEBUG_ "0"
#endif
#ifdef __clang__
#define FABRIC_NOTE_COMPILER_ "clang++ " FABRIC_TEXT(__clang_major__) "." FABRIC_TEXT(__clang_minor__)
#else
#define FABRIC_NOTE_COMPILER_ \
  "g++ " FABRIC_TEXT(__GNUC__) "." FABRIC_TEXT(__GNUC_MINOR__) "." FABRIC_TEXT(__GNUC_PATCHLEVEL__)
#endif
/// What a program's note says if it is compiled as this file is: "abi=1;torch=2.11.0;cxx11abi=1;ndebug=1;compiler=g++ 12.2.0".
#define FABRIC_PROGRAM_NOTE                                                                \
  "abi=" FABRIC_TEXT(FABRIC_PROGRAM_ABI) ";torch=" TORCH_VERSION ";cxx11abi=" FABRIC_TEXT( \
      _GLIBCXX_USE_CXX11_ABI) ";ndebug=" FABRIC_NOTE_NDEBUG_ ";compiler=" FABRIC_NOTE_COMPILER_

namespace fabric::detail {

/// An ELF note of owner "Fabric", type 1.
template <size_t kSize>
struct alignas(4) ProgramNoteSection {
  uint32_t name_size = 7;
  uint32_t text_size = kSize;
  uint32_t type = 1;
  char name[8] = "Fabric";
  char text[(kSize + 3) / 4 * 4] = {};
};

template <size_t kSize>
constexpr ProgramNoteSection<kSize> make_program_note(const char (&text)[kSize]) {
  ProgramNoteSection<kSize> note;
  for (size_t i = 0; i < kSize; ++i) note.text[i] = text[i];
  return note;
}

}  // namespace fabric::detail

/// Declares a program: FABRIC_PROGRAM(train) or FABRIC_PROGRAM(train, configure), once, at namespace scope, with
/// `int train(fabric::Fabric&, const fabric::Arguments&)` and `void configure(fabric::Options&, const fabric::Arguments&)`.
#define FABRIC_PROGRAM(...) FABRIC_PROGRAM_SELECT_(__VA_ARGS__, FABRIC_PROGRAM_2_, FABRIC_PROGRAM_1_, )(__VA_ARGS__)
#define FABRIC_PROGRAM_SELECT_(first, second, chosen, ...) chosen
#define FABRIC_PROGRAM_1_(train_function) FABRIC_PROGRAM_2_(train_function, nullptr)
#define FABRIC_PROGRAM_2_(train_function, configure_function)                                              \
  __attribute__((section(".note.fabric"), used)) static constinit const auto fabric_program_note =         \
      ::fabric::detail::make_program_note(FABRIC_PROGRAM_NOTE);                                            \
  extern "C" __attribute__((visibility("default"))) const ::fabric::ProgramTable* fabric_program_table() { \
    static constexpr ::fabric::ProgramTable table{FABRIC_PROGRAM_ABI, train_function, configure_function}; \
    return &table;                                                                                         \
  }
