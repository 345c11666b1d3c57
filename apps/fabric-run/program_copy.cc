#include "program_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "core/demangle.h"
#include "core/installation.h"
#include "core/program_note.h"
#include "core/shared_object.h"
#include "core/unique_fd.h"

namespace fabric::launcher {
namespace {

/// FNV-1a of 64 bits: tells two builds apart, no more is asked of it.
class ContentHash {
 public:
  void add(const char* bytes, size_t count) {
    for (size_t i = 0; i < count; ++i) hash_ = (hash_ ^ static_cast<unsigned char>(bytes[i])) * 0x100000001b3ULL;
  }
  std::string text() const {
    std::array<char, 20> digits{};
    std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(hash_));
    return digits.data();
  }

 private:
  uint64_t hash_ = 0xcbf29ce484222325ULL;
};

/// What errno says of the program's file.
tl::unexpected<CopyFailure> of_program(std::string_view action, const std::string& path) {
  return tl::unexpected(CopyFailure{errno_status(errno, concat(action, " program '", path, "'")), true});
}

/// What errno says of the copy.
tl::unexpected<CopyFailure> of_copy(const std::string& action) {
  return tl::unexpected(CopyFailure{errno_status(errno, action)});
}

/// Copies what is left of `from`. The kernel shares the blocks where the file system can; it says EXDEV and the like where
/// it cannot copy at all, and then read and write do.
tl::expected<void, CopyFailure> copy_bytes(int from, int to, const std::string& path) {
  while (true) {
    const ssize_t copied = ::copy_file_range(from, nullptr, to, nullptr, size_t{1} << 30, 0);
    if (copied == 0) return {};
    if (copied < 0 && errno != EINTR) break;
  }
  std::vector<char> buffer(size_t{1} << 18);
  while (true) {
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got == 0) return {};
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return of_program("read", path);
    for (ssize_t done = 0; done < got;) {
      const ssize_t wrote = ::write(to, buffer.data() + done, static_cast<size_t>(got - done));
      if (wrote < 0 && errno != EINTR) return of_copy(concat("copy program '", path, "'"));
      if (wrote > 0) done += wrote;
    }
  }
}

tl::expected<std::string, CopyFailure> hash_of(int fd, const std::string& path) {
  ContentHash hash;
  std::vector<char> buffer(size_t{1} << 18);
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return of_program("read", path);
    if (got == 0) return hash.text();
    hash.add(buffer.data(), static_cast<size_t>(got));
    at += got;
  }
}

Status check_symbols(const std::string& program, const std::string& runtime, const std::string& library_path) {
  const std::vector<std::string> missing = missing_symbols(program, runtime, library_path);
  if (missing.empty()) return ok_status();
  constexpr size_t kShown = 5;
  std::string names;
  for (size_t i = 0; i < std::min(missing.size(), kShown); ++i)
    names += concat(i == 0 ? "'" : ", '", demangled(missing[i].c_str()), '\'');
  if (missing.size() > kShown) names += concat(" and ", missing.size() - kShown, " more");
  return failed_precondition(concat("program '", program, "' must find all that it calls, but nothing defines ", names,
                                    "; link what defines it into the program, or put its library beside it"));
}

}  // namespace

Result<std::string> check_program(const std::string& program, const std::optional<std::string>& library_path) {
  const Result<ProgramNote> note = read_program_note(program);
  if (note.ok()) {
    const std::string library = runtime_library();
    const Result<ProgramNote> runtime = read_program_note(library);
    if (runtime.ok())
      FABRIC_RETURN_IF_ERROR(check_compatible(*note, *runtime).with_context(concat("program '", program, "'")));
    if (library_path.has_value()) FABRIC_RETURN_IF_ERROR(check_symbols(program, library, *library_path));
    return note->build_id;
  }
  const Status& status = note.error();
  if (status.code() == StatusCode::kInvalidArgument) return status;  // says what to do
  return Status(status.code(),
                concat("the program must be a shared object that fabric_add_program() built, but fabric-run ",
                       status.message(), "; build it or correct the path"));
}

tl::expected<std::string, CopyFailure> copy_program(const std::string& program, const std::string& build_id,
                                                    const std::string& directory) {
  const UniqueFd from(::open(program.c_str(), O_RDONLY | O_CLOEXEC));
  if (!from) return of_program("open", program);
  auto name = build_id.empty() ? hash_of(from.get(), program) : tl::expected<std::string, CopyFailure>(build_id);
  if (!name.has_value()) return name;
  const std::string copy = concat(directory, '/', *name, ".so");
  if (::access(copy.c_str(), F_OK) == 0) return copy;
  // Under another name first: what bears the name is whole.
  const std::string part = copy + ".part";
  const UniqueFd to(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0750));
  if (!to) return of_copy(concat("open '", part, "'"));
  if (const auto copied = copy_bytes(from.get(), to.get(), program); !copied.has_value())
    return tl::unexpected(copied.error());
  if (::fchmod(to.get(), 0550) != 0 || ::rename(part.c_str(), copy.c_str()) != 0)
    return of_copy(concat("rename '", part, "' to '", copy, "'"));
  return copy;
}

}  // namespace fabric::launcher
