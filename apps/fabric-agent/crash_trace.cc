#include "crash_trace.h"

#include <cxxabi.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace fabric::agent {
namespace {

constexpr size_t kMaxBytes = 64 * 1024;

std::string demangle(const std::string& symbol) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status),
                                                         &std::free);
  return name != nullptr ? std::string(name.get()) : symbol;
}

}  // namespace

std::string readable_frame(std::string_view line) {
  const size_t open = line.find('(');
  const size_t close = line.find(')', open == std::string_view::npos ? 0 : open);
  if (open == std::string_view::npos || close == std::string_view::npos) return std::string(line);
  const std::string_view place = line.substr(open + 1, close - open - 1);  // "mangled+0x1f", "+0x1f" or nothing
  const size_t plus = place.rfind('+');
  if (plus == std::string_view::npos) return std::string(line);
  const std::string function = plus == 0 ? "" : demangle(std::string(place.substr(0, plus)));
  return function + std::string(place.substr(plus)) + " in " + std::string(line.substr(0, open));
}

std::string read_crash_trace(int fd) {
  std::string raw(kMaxBytes, '\0');
  const ssize_t got = ::pread(fd, raw.data(), raw.size(), 0);
  raw.resize(got > 0 ? static_cast<size_t>(got) : 0);
  std::string trace;
  for (size_t begin = 0; begin < raw.size();) {
    const size_t end = std::min(raw.find('\n', begin), raw.size());
    if (!trace.empty()) trace += '\n';
    trace += readable_frame(std::string_view(raw).substr(begin, end - begin));
    begin = end + 1;
  }
  return trace;
}

}  // namespace fabric::agent
