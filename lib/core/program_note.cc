#include "core/program_note.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "core/unique_fd.h"

namespace fabric {
namespace {

#if defined(__x86_64__)
constexpr uint16_t kOurMachine = EM_X86_64;
constexpr const char* kOurMachineName = "x86-64";
#elif defined(__aarch64__)
constexpr uint16_t kOurMachine = EM_AARCH64;
constexpr const char* kOurMachineName = "aarch64";
#else
#error "Fabric runs on x86-64 and aarch64"
#endif

constexpr uint64_t kMaxSegmentBytes = 1 << 20;  // notes and dynamic sections are a few KB; more is not believed
constexpr const char* kHowToBuild =
    "build it with fabric_add_program() and put FABRIC_PROGRAM(train) into one of its files";

/// A file that is read in pieces, each checked against the file's size.
class ElfFile {
 public:
  ElfFile(UniqueFd fd, uint64_t size, const std::string& path) : fd_(std::move(fd)), size_(size), path_(path) {}

  Result<std::string> read(uint64_t offset, uint64_t count) const {
    if (offset > size_ || count > size_ - offset) return cut_short();
    std::string bytes(count, '\0');
    uint64_t done = 0;
    while (done < count) {
      const ssize_t got = ::pread(fd_.get(), bytes.data() + done, count - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return errno_status(errno, concat("read program '", path_, "'"));
      if (got == 0) return cut_short();
      done += static_cast<uint64_t>(got);
    }
    return bytes;
  }

  Status refuse(std::string_view why) const {
    return invalid_argument(concat("program '", path_, "' must be a shared object made for Fabric, but ", why));
  }
  Status cut_short() const { return refuse("it is cut short or damaged; build it again"); }

 private:
  UniqueFd fd_;
  uint64_t size_;
  const std::string& path_;
};

Result<ElfFile> open_elf(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return errno_status(errno, concat("open program '", path, "'"));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return errno_status(errno, concat("look at program '", path, "'"));
  ElfFile file(std::move(fd), static_cast<uint64_t>(info.st_size), path);
  if (!S_ISREG(info.st_mode)) return file.refuse(concat("it is not a regular file; ", kHowToBuild));
  return file;
}

template <class T>
T copy_out(std::string_view bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

Result<Elf64_Ehdr> read_header(const ElfFile& file) {
  const auto ident = file.read(0, EI_NIDENT);
  if (!ident.ok() || std::memcmp(ident->data(), ELFMAG, SELFMAG) != 0) {
    return file.refuse(concat("it is not an ELF file; ", kHowToBuild));
  }
  if ((*ident)[EI_CLASS] != ELFCLASS64 || (*ident)[EI_DATA] != ELFDATA2LSB) {
    return file.refuse(concat("it is not a 64-bit little-endian one; build it for ", kOurMachineName));
  }
  FABRIC_ASSIGN_OR_RETURN(const std::string bytes, file.read(0, sizeof(Elf64_Ehdr)));
  const auto header = copy_out<Elf64_Ehdr>(bytes, 0);
  if (header.e_machine != kOurMachine) {
    return file.refuse(
        concat("it is for another machine (ELF machine ", header.e_machine, "); build it for ", kOurMachineName));
  }
  if (header.e_type != ET_DYN) return file.refuse(concat("it is not a shared object; ", kHowToBuild));
  if (header.e_phentsize != sizeof(Elf64_Phdr)) return file.cut_short();
  return header;
}

Result<std::vector<Elf64_Phdr>> read_segments(const ElfFile& file, const Elf64_Ehdr& header) {
  FABRIC_ASSIGN_OR_RETURN(const std::string bytes,
                          file.read(header.e_phoff, uint64_t{header.e_phnum} * sizeof(Elf64_Phdr)));
  std::vector<Elf64_Phdr> segments;
  for (size_t i = 0; i < header.e_phnum; ++i) segments.push_back(copy_out<Elf64_Phdr>(bytes, i * sizeof(Elf64_Phdr)));
  return segments;
}

Result<std::string> read_segment(const ElfFile& file, const Elf64_Phdr& segment) {
  if (segment.p_filesz > kMaxSegmentBytes) return file.cut_short();
  return file.read(segment.p_offset, segment.p_filesz);
}

/// Returns whether the dynamic section marks a position-independent executable, which is ET_DYN too and cannot be loaded.
bool is_executable(std::string_view dynamic) {
  for (size_t at = 0; at + sizeof(Elf64_Dyn) <= dynamic.size(); at += sizeof(Elf64_Dyn)) {
    const auto entry = copy_out<Elf64_Dyn>(dynamic, at);
    if (entry.d_tag == DT_NULL) return false;
    if (entry.d_tag == DT_FLAGS_1) return (entry.d_un.d_val & DF_1_PIE) != 0;
  }
  return false;
}

std::string hexadecimal(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

struct FoundNotes {
  std::optional<std::string> fabric;
  std::string build_id;
};

/// Walks the notes of one segment; returns false if one does not lie within it.
bool walk_notes(std::string_view bytes, size_t alignment, FoundNotes& found) {
  const auto aligned = [alignment](size_t n) { return (n + alignment - 1) / alignment * alignment; };
  size_t at = 0;
  while (at + sizeof(Elf64_Nhdr) <= bytes.size()) {
    const auto note = copy_out<Elf64_Nhdr>(bytes, at);
    const size_t name_at = at + sizeof note;
    // 32-bit sizes: the sums below cannot wrap.
    const size_t value_at = at + aligned(sizeof note + note.n_namesz);
    if (name_at + note.n_namesz > bytes.size() || value_at + note.n_descsz > bytes.size()) return false;
    const std::string_view name = bytes.substr(name_at, note.n_namesz);
    const std::string_view value = bytes.substr(value_at, note.n_descsz);
    if (name == std::string_view("Fabric\0", 7) && note.n_type == 1) found.fabric = value.substr(0, value.find('\0'));
    if (name == std::string_view("GNU\0", 4) && note.n_type == NT_GNU_BUILD_ID) found.build_id = hexadecimal(value);
    at = aligned(value_at + note.n_descsz);
  }
  return true;
}

Result<FoundNotes> read_notes(const ElfFile& file, const std::vector<Elf64_Phdr>& segments) {
  FoundNotes found;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_NOTE && segment.p_type != PT_DYNAMIC) continue;
    FABRIC_ASSIGN_OR_RETURN(const std::string bytes, read_segment(file, segment));
    if (segment.p_type == PT_DYNAMIC) {
      if (is_executable(bytes)) return file.refuse(concat("it is an executable; ", kHowToBuild));
    } else if (!walk_notes(bytes, segment.p_align == 8 ? 8 : 4, found)) {
      return file.cut_short();
    }
  }
  return found;
}

std::string difference(std::string_view what, const std::string& program, const std::string& ours,
                       std::string_view advice) {
  if (program == ours) return {};
  return concat("; ", what, " must be '", ours, "', but is '", program, "': ", advice);
}

}  // namespace

Result<ProgramNote> parse_program_note(std::string_view text) {
  ProgramNote note;
  const std::pair<std::string_view, std::string ProgramNote::*> items[] = {{"abi", &ProgramNote::abi},
                                                                           {"torch", &ProgramNote::torch},
                                                                           {"cxx11abi", &ProgramNote::cxx11abi},
                                                                           {"ndebug", &ProgramNote::ndebug},
                                                                           {"compiler", &ProgramNote::compiler}};
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(item.size() + 1, text.size()));
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos)
      return invalid_argument(concat("a program's note must hold key=value items, but has '", item.substr(0, 80),
                                     "'; build it again with fabric_add_program()"));
    for (const auto& [key, member] : items) {
      if (item.substr(0, equals) == key) note.*member = item.substr(equals + 1);
    }
  }
  if (note.abi.empty())
    return invalid_argument(
        "a program's note must say abi=<version>, but does not; build it again with fabric_add_program()");
  return note;
}

Result<ProgramNote> read_program_note(const std::string& path) {
  FABRIC_ASSIGN_OR_RETURN(const ElfFile file, open_elf(path));
  FABRIC_ASSIGN_OR_RETURN(const Elf64_Ehdr header, read_header(file));
  FABRIC_ASSIGN_OR_RETURN(const std::vector<Elf64_Phdr> segments, read_segments(file, header));
  FABRIC_ASSIGN_OR_RETURN(const FoundNotes found, read_notes(file, segments));
  if (!found.fabric) return file.refuse(concat("it carries no Fabric note; ", kHowToBuild));
  Result<ProgramNote> note = parse_program_note(*found.fabric);
  if (!note.ok()) return note.error().with_context(concat("program '", path, "'"));
  note->build_id = found.build_id;
  return note;
}

Status check_compatible(const ProgramNote& program, const ProgramNote& ours) {
  std::string differences;
  differences +=
      difference("Fabric's program ABI", program.abi, ours.abi, "build it against the headers of this Fabric");
  differences += difference("LibTorch", program.torch, ours.torch, "build it against the LibTorch that Fabric uses");
  differences += difference("_GLIBCXX_USE_CXX11_ABI", program.cxx11abi, ours.cxx11abi, "set it as LibTorch was built");
  differences += difference(
      "NDEBUG (1: defined)", program.ndebug, ours.ndebug,
      ours.ndebug == "1" ? "compile with -DNDEBUG, as fabric_add_program() does" : "compile without -DNDEBUG");
  if (differences.empty()) return ok_status();
  return failed_precondition(concat("the program was not built as this runtime was", differences,
                                    " (program: ", program.compiler, ", runtime: ", ours.compiler, ")"));
}

}  // namespace fabric
