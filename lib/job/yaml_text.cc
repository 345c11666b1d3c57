#include "job/yaml_text.h"

#include <array>
#include <cstdio>

namespace fabric::job {
namespace {

/// Returns the length of the UTF-8 character at the start of `text`, or 0 if there is none.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](size_t count) {
    if (text.size() < count) return false;
    for (size_t i = 1; i < count; ++i) {
      if ((byte(i) & 0xC0) != 0x80) return false;
    }
    return true;
  };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(2) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!continues(3)) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;  // longer than needed
    if (first == 0xED && byte(1) > 0x9F) return 0;  // half of a surrogate pair
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!continues(4)) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

std::string hexadecimal(unsigned char byte) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "0x%02x", byte);
  return text.data();
}

std::string_view fault_of(unsigned char c, bool is_indentation) {
  if (c == '\t' && is_indentation) return "indentation must be of spaces, but is a tab; replace it by spaces";
  const bool allowed = c >= 0x20 || c == '\n' || c == '\r' || c == '\t';
  return allowed ? "" : "a job must be printable text";
}

}  // namespace

bool check_yaml_text(std::string_view text, int source, Diagnostics& diagnostics) {
  SourceMark mark{.source = source};
  bool is_indentation = true;
  for (size_t at = 0; at < text.size();) {
    const auto c = static_cast<unsigned char>(text[at]);
    const size_t length = utf8_length(text.substr(at));
    if (length == 0) {
      diagnostics.error(mark,
                        concat("a job must be UTF-8, but has the byte ", hexadecimal(c), " here; save it as UTF-8"));
      return false;
    }
    if (const std::string_view fault = fault_of(c, is_indentation); !fault.empty()) {
      diagnostics.error(
          mark, c == '\t' ? std::string(fault)
                          : concat(fault, ", but has the control character ", hexadecimal(c), " here; remove it"));
      return false;
    }
    is_indentation = c == '\n' || (is_indentation && c == ' ');
    mark.line += c == '\n' ? 1 : 0;
    mark.column = c == '\n' ? 1 : mark.column + 1;
    at += length;
  }
  return true;
}

}  // namespace fabric::job
