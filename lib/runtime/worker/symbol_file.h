#pragma once

#include <cstddef>
#include <cstdint>

namespace fabric {

/// The symbol table of an ELF file, for functions that are not exported and that dladdr() cannot name therefore.
///
/// Async-signal-safe: it maps the file and allocates nothing. Trusts nothing in the file.
class SymbolFile {
 public:
  /// Maps the file at `path`; a file that cannot be mapped or has no symbol table names nothing.
  explicit SymbolFile(const char* path);
  ~SymbolFile();
  SymbolFile(const SymbolFile&) = delete;
  SymbolFile& operator=(const SymbolFile&) = delete;

  /// Function that contains an address.
  struct Match {
    const char* name = nullptr;  ///< mangled, within the mapping; null if there is none
    uint64_t start = 0;          ///< its address as linked
  };
  /// Returns the function that contains `address`, as linked (without the load offset).
  Match function_at(uint64_t address) const;

 private:
  template <class T>
  const T* at(uint64_t offset, uint64_t count = 1) const;

  const unsigned char* bytes_ = nullptr;
  size_t size_ = 0;
};

}  // namespace fabric
