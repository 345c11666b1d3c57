#include "runtime/worker/symbol_file.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

namespace fabric {

SymbolFile::SymbolFile(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  struct stat info {};
  if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
    void* const mapping = ::mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapping != MAP_FAILED) {
      bytes_ = static_cast<const unsigned char*>(mapping);
      size_ = static_cast<size_t>(info.st_size);
    }
  }
  ::close(fd);
}

SymbolFile::~SymbolFile() {
  if (bytes_ != nullptr) ::munmap(const_cast<unsigned char*>(bytes_), size_);
}

/// Returns `count` records at `offset`, or null if they do not lie in the file or are not aligned.
template <class T>
const T* SymbolFile::at(uint64_t offset, uint64_t count) const {
  if (offset > size_ || count > (size_ - offset) / sizeof(T) || offset % alignof(T) != 0) return nullptr;
  return reinterpret_cast<const T*>(bytes_ + offset);
}

SymbolFile::Match SymbolFile::function_at(uint64_t address) const {
  const auto* header = at<Elf64_Ehdr>(0);
  if (header == nullptr || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
      header->e_ident[EI_CLASS] != ELFCLASS64)
    return {};
  const auto* sections = at<Elf64_Shdr>(header->e_shoff, header->e_shnum);
  for (size_t i = 0; sections != nullptr && i < header->e_shnum; ++i) {
    if (sections[i].sh_type != SHT_SYMTAB || sections[i].sh_link >= header->e_shnum) continue;
    const Elf64_Shdr& names = sections[sections[i].sh_link];
    const uint64_t count = sections[i].sh_size / sizeof(Elf64_Sym);
    const auto* symbols = at<Elf64_Sym>(sections[i].sh_offset, count);
    const char* const text = at<char>(names.sh_offset, names.sh_size);
    if (symbols == nullptr || text == nullptr || names.sh_size == 0 || text[names.sh_size - 1] != '\0') return {};
    for (uint64_t s = 0; s < count; ++s) {
      const Elf64_Sym& symbol = symbols[s];
      const bool holds = ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && address >= symbol.st_value &&
                         address - symbol.st_value < symbol.st_size;
      if (holds && symbol.st_name < names.sh_size) return {text + symbol.st_name, symbol.st_value};
    }
  }
  return {};
}

}  // namespace fabric
