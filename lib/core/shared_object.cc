#include "core/shared_object.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>

#include "core/concat.h"
#include "core/unique_fd.h"

namespace fabric {
namespace {

#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
constexpr const char* kTriplet = "x86_64-linux-gnu";
#else
constexpr uint16_t kMachine = EM_AARCH64;
constexpr const char* kTriplet = "aarch64-linux-gnu";
#endif

constexpr uint64_t kMaxEntries = 1 << 20;  // of tables that end where they say so; more is not believed

/// The hash function of DT_GNU_HASH.
uint32_t hash_of(std::string_view name) {
  uint32_t hash = 5381;
  for (const char c : name) hash = hash * 33 + static_cast<unsigned char>(c);
  return hash;
}

void add_directories(std::string_view list, const std::string& origin, std::vector<std::string>& directories) {
  while (!list.empty()) {
    std::string directory(list.substr(0, list.find(':')));
    list.remove_prefix(std::min(directory.size() + 1, list.size()));
    for (const std::string_view name : {"$ORIGIN", "${ORIGIN}"}) {
      const size_t at = directory.find(name);
      if (at != std::string::npos) directory.replace(at, name.size(), origin);
    }
    if (!directory.empty()) directories.push_back(std::move(directory));
  }
}

}  // namespace

/// The bytes of a file. Only a large one is mapped: one that a linker writes anew meanwhile may become shorter, and to read
/// beyond the end of a mapped file is a signal.
struct SharedObject::Contents {
  const char* bytes = nullptr;
  uint64_t size = 0;
  std::string copy;

  Contents() = default;
  Contents(const Contents&) = delete;
  Contents& operator=(const Contents&) = delete;
  ~Contents() {
    if (bytes != nullptr && copy.empty()) ::munmap(const_cast<char*>(bytes), size);
  }
  bool load(int fd, uint64_t file_size) {
    size = file_size;
    constexpr uint64_t kMostToCopy = uint64_t{64} << 20;
    if (size > kMostToCopy) {
      void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
      if (mapped != MAP_FAILED) bytes = static_cast<const char*>(mapped);
      return bytes != nullptr;
    }
    copy.resize(size);
    for (uint64_t done = 0; done < size;) {
      const ssize_t got = ::pread(fd, copy.data() + done, size - done, static_cast<off_t>(done));
      if (got <= 0) return false;
      done += static_cast<uint64_t>(got);
    }
    bytes = copy.data();
    return true;
  }
};

template <class T>
std::optional<T> SharedObject::read(uint64_t offset) const {
  if (offset > contents_->size || contents_->size - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, contents_->bytes + offset, sizeof value);
  return value;
}

std::string_view SharedObject::text(uint64_t offset) const {
  if (offset >= contents_->size) return {};
  const char* const begin = contents_->bytes + offset;
  return {begin, ::strnlen(begin, contents_->size - offset)};
}

std::string_view SharedObject::name_of(uint64_t name_offset) const { return text(strings_ + name_offset); }

std::optional<uint64_t> SharedObject::offset_of(uint64_t address) const {
  for (const Segment& segment : segments_) {
    if (address >= segment.address && address - segment.address < segment.size)
      return segment.offset + (address - segment.address);
  }
  return std::nullopt;
}

std::optional<SharedObject> SharedObject::open(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) return std::nullopt;
  const auto size = static_cast<uint64_t>(info.st_size);
  const auto contents = std::make_shared<Contents>();
  if (!contents->load(fd.get(), size)) return std::nullopt;
  SharedObject object;
  object.path_ = path;
  object.contents_ = contents;
  const auto header = object.read<Elf64_Ehdr>(0);
  const bool is_ours = header && std::memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
                       header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_machine == kMachine &&
                       header->e_type == ET_DYN && header->e_phentsize == sizeof(Elf64_Phdr);
  if (!is_ours) return std::nullopt;
  std::optional<Elf64_Phdr> dynamic;
  for (uint64_t i = 0; i < header->e_phnum; ++i) {
    const auto segment = object.read<Elf64_Phdr>(header->e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment) return std::nullopt;
    if (segment->p_type == PT_LOAD)
      object.segments_.push_back({segment->p_vaddr, segment->p_offset, segment->p_filesz});
    if (segment->p_type == PT_DYNAMIC) dynamic = segment;
  }
  if (!dynamic || !object.read_dynamic(dynamic->p_offset, dynamic->p_filesz)) return std::nullopt;
  return object;
}

bool SharedObject::read_dynamic(uint64_t offset, uint64_t size) {
  std::vector<uint64_t> needed, paths;
  for (uint64_t at = 0; at + sizeof(Elf64_Dyn) <= size; at += sizeof(Elf64_Dyn)) {
    const auto entry = read<Elf64_Dyn>(offset + at);
    if (!entry) return false;
    if (entry->d_tag == DT_NULL) break;
    const uint64_t value = entry->d_un.d_val;
    if (entry->d_tag == DT_NEEDED) needed.push_back(value);
    if (entry->d_tag == DT_RUNPATH || entry->d_tag == DT_RPATH) paths.push_back(value);
    if (entry->d_tag == DT_SYMTAB) symbols_ = offset_of(value).value_or(0);
    if (entry->d_tag == DT_STRTAB) strings_ = offset_of(value).value_or(0);
    if (entry->d_tag == DT_GNU_HASH) hash_ = offset_of(value).value_or(0);
  }
  if (symbols_ == 0 || strings_ == 0 || hash_ == 0) return false;
  const std::string origin = std::filesystem::path(path_).parent_path().string();
  for (const uint64_t name : needed) needed_.emplace_back(name_of(name));
  for (const uint64_t list : paths) add_directories(name_of(list), origin, search_path_);
  return true;
}

// Those come before the ones that the hash table knows.
std::vector<std::string> SharedObject::undefined() const {
  std::vector<std::string> names;
  const uint64_t first_hashed = read<uint32_t>(hash_ + 4).value_or(0);
  for (uint64_t i = 1; i < std::min(first_hashed, kMaxEntries); ++i) {
    const auto symbol = read<Elf64_Sym>(symbols_ + i * sizeof(Elf64_Sym));
    if (!symbol) break;
    const bool must_be_defined = symbol->st_shndx == SHN_UNDEF && ELF64_ST_BIND(symbol->st_info) != STB_WEAK;
    if (must_be_defined) names.emplace_back(name_of(symbol->st_name));
  }
  return names;
}

// The table: number of buckets, first hashed symbol, words of the filter, its shift; the filter, the buckets, the chains.
bool SharedObject::defines(std::string_view name) const {
  const auto num_buckets = read<uint32_t>(hash_);
  const auto first_hashed = read<uint32_t>(hash_ + 4);
  const auto filter_words = read<uint32_t>(hash_ + 8);
  if (!num_buckets || !first_hashed || !filter_words || *num_buckets == 0) return false;
  const uint64_t buckets = hash_ + 16 + uint64_t{*filter_words} * 8;
  const uint64_t chains = buckets + uint64_t{*num_buckets} * 4;
  const uint32_t hash = hash_of(name);
  const uint64_t first = read<uint32_t>(buckets + uint64_t{hash % *num_buckets} * 4).value_or(0);
  if (first < *first_hashed) return false;
  for (uint64_t i = first; i - first < kMaxEntries; ++i) {
    const auto link = read<uint32_t>(chains + (i - *first_hashed) * 4);
    if (!link) return false;
    if ((*link | 1) == (hash | 1)) {
      const auto symbol = read<Elf64_Sym>(symbols_ + i * sizeof(Elf64_Sym));
      if (symbol && symbol->st_shndx != SHN_UNDEF && name_of(symbol->st_name) == name) return true;
    }
    if ((*link & 1) != 0) return false;
  }
  return false;
}

namespace {

/// Finds a program's libraries as the loader does, but for its cache: the directories that distributions list there are known.
class Loader {
 public:
  explicit Loader(const std::string& library_path) {
    add_directories(library_path, "", first_);
    for (const char* root : {"/lib", "/usr/lib", "/usr/local/lib"}) {
      last_.push_back(concat(root, '/', kTriplet));
      last_.emplace_back(concat(root, "64"));
      last_.emplace_back(root);
    }
  }

  void load(const std::string& path) {
    if (auto object = SharedObject::open(path); object.has_value())
      add(std::move(*object));
    else
      is_complete_ = false;
  }

  void add(SharedObject object) {
    objects_.push_back(std::move(object));
    const std::vector<std::string> needed = objects_.back().needed();
    const std::vector<std::string> search_path = objects_.back().search_path();
    for (const std::string& name : needed) {
      if (!known_.insert(name).second) continue;
      const std::string found = find(name, search_path);
      if (found.empty())
        is_complete_ = false;
      else
        load(found);
    }
  }

  void know(const std::string& name) { known_.insert(name); }
  bool is_complete() const { return is_complete_; }
  bool defines(const std::string& name) const {
    return std::any_of(objects_.begin(), objects_.end(), [&](const auto& object) { return object.defines(name); });
  }

 private:
  std::string find(const std::string& name, const std::vector<std::string>& own) const {
    if (name.find('/') != std::string::npos) return name;
    for (const auto* directories : {&first_, &own, &last_}) {
      for (const std::string& directory : *directories) {
        std::string path = concat(directory, '/', name);
        if (::access(path.c_str(), R_OK) == 0) return path;
      }
    }
    return {};
  }

  std::vector<std::string> first_, last_;
  std::set<std::string> known_;
  std::vector<SharedObject> objects_;
  bool is_complete_ = true;
};

}  // namespace

std::vector<std::string> missing_symbols(const std::string& program, const std::string& runtime,
                                         const std::string& library_path) {
  const auto object = SharedObject::open(program);
  if (!object) return {};
  Loader loader(library_path);
  loader.know(std::filesystem::path(runtime).filename().string());
  loader.load(runtime);
  loader.add(*object);
  std::vector<std::string> missing;
  for (std::string& name : object->undefined()) {
    if (!loader.defines(name)) missing.push_back(std::move(name));
  }
  return loader.is_complete() ? missing : std::vector<std::string>{};
}

}  // namespace fabric
