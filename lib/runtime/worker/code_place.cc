#include "runtime/worker/code_place.h"

#include <dlfcn.h>
#include <link.h>

#include "runtime/worker/symbol_file.h"

namespace fabric {

void with_code_place(const void* address, bool is_return_address, void (*use)(const CodePlace&, void*), void* context) {
  const uint64_t given = reinterpret_cast<uintptr_t>(address);
  const uint64_t inside = is_return_address && given != 0 ? given - 1 : given;
  Dl_info info{};
  void* extra = nullptr;
  if (::dladdr1(reinterpret_cast<const void*>(inside), &info, &extra, RTLD_DL_LINKMAP) == 0 ||
      info.dli_fname == nullptr) {
    use({"?", nullptr, given}, context);
    return;
  }
  const uint64_t base = static_cast<const link_map*>(extra)->l_addr;
  if (info.dli_sname != nullptr) {
    use({info.dli_fname, info.dli_sname, given - reinterpret_cast<uintptr_t>(info.dli_saddr)}, context);
    return;
  }
  const SymbolFile file(info.dli_fname);
  const SymbolFile::Match match = file.function_at(inside - base);
  use({info.dli_fname, match.name, given - base - (match.name != nullptr ? match.start : 0)}, context);
}

}  // namespace fabric
