#pragma once

#include <cstdint>

namespace fabric {

/// Where an address of code lies.
struct CodePlace {
  const char* module = "?";      ///< path of the executable or shared object
  const char* symbol = nullptr;  ///< mangled; null if the function has no name there
  uint64_t offset = 0;           ///< from the symbol's start, or from the module's if there is no symbol
};

/// Finds the place of `address` and passes it to `use(const CodePlace&)`, whose texts live for that call only.
/// `is_return_address`: it lies behind a call, which may be the function's last instruction. Async-signal-safe as far as
/// dladdr() is, which takes the loader's lock.
void with_code_place(const void* address, bool is_return_address, void (*use)(const CodePlace&, void*), void* context);

}  // namespace fabric
