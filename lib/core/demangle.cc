#include "core/demangle.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace fabric {

std::string demangled(const char* symbol) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(symbol, nullptr, nullptr, &status),
                                                         &std::free);
  return name != nullptr ? name.get() : symbol;
}

std::string demangled_text(const std::string& text) {
  static constexpr const char* kNameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$";
  std::string result;
  size_t position = 0;
  for (size_t start = text.find("_Z"); start != std::string::npos; start = text.find("_Z", position)) {
    const size_t end = std::min(text.find_first_not_of(kNameCharacters, start), text.size());
    result += text.substr(position, start - position);
    result += demangled(text.substr(start, end - start).c_str());
    position = end;
  }
  return result + text.substr(position);
}

}  // namespace fabric
