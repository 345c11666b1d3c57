#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fabric {

/// The dynamic symbols of an ELF shared object of this machine, read without loading it. Trusts nothing in the file.
class SharedObject {
 public:
  /// Returns nothing if it is not one, or has no GNU hash table.
  static std::optional<SharedObject> open(const std::string& path);

  /// Names of the libraries that it needs, as they stand there.
  const std::vector<std::string>& needed() const { return needed_; }
  /// Directories in which it looks for them, $ORIGIN put in.
  const std::vector<std::string>& search_path() const { return search_path_; }
  /// Returns the names of the symbols that others must define; weak ones need not be.
  std::vector<std::string> undefined() const;
  /// Returns whether it defines a symbol of that name, whatever its version.
  bool defines(std::string_view name) const;

 private:
  struct Contents;

  SharedObject() = default;
  bool read_dynamic(uint64_t offset, uint64_t size);
  std::optional<uint64_t> offset_of(uint64_t address) const;
  template <class T>
  std::optional<T> read(uint64_t offset) const;
  std::string_view text(uint64_t offset) const;
  std::string_view name_of(uint64_t name_offset) const;

  std::string path_;
  std::shared_ptr<const Contents> contents_;
  struct Segment {
    uint64_t address, offset, size;
  };
  std::vector<Segment> segments_;
  uint64_t symbols_ = 0;  // offsets in the file
  uint64_t strings_ = 0;
  uint64_t hash_ = 0;
  std::vector<std::string> needed_;
  std::vector<std::string> search_path_;
};

/// Returns those names of `program`'s undefined symbols that nothing defines of what is there once it is loaded into the runtime
/// library at `runtime`: the two, and all that they need, looked for as the loader does. Nothing is returned where that cannot be
/// known, as when a library is not found. `library_path` is LD_LIBRARY_PATH.
std::vector<std::string> missing_symbols(const std::string& program, const std::string& runtime,
                                         const std::string& library_path);

}  // namespace fabric
