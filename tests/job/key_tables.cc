#include "job/key_tables.h"

#include <stdexcept>

#include "job/job_schema.h"

namespace fabric::job {
namespace {

constexpr std::string_view kStart = "<!-- keys ";
constexpr std::string_view kStartEnd = " -->\n";
constexpr std::string_view kEnd = "<!-- end of keys -->";

std::string section_named(std::string_view words) {
  if (words == "at the top") return "";
  if (words.starts_with("of ")) return std::string(words.substr(3));
  throw std::runtime_error("a table must be 'of' a section or 'at the top', but is '" + std::string(words) + "'");
}

}  // namespace

std::string with_key_tables(const std::string& text) {
  std::string made;
  size_t at = 0;
  for (size_t start = text.find(kStart); start != std::string::npos; start = text.find(kStart, at)) {
    const size_t words = start + kStart.size();
    const size_t words_end = text.find(kStartEnd, words);
    const size_t end = text.find(kEnd, start);
    if (words_end == std::string::npos || end == std::string::npos || words_end > end)
      throw std::runtime_error("a table of keys must end with " + std::string(kEnd));
    const size_t table = words_end + kStartEnd.size();
    made += text.substr(at, table - at) + key_table(section_named(text.substr(words, words_end - words)));
    at = end;
  }
  return made + text.substr(at);
}

}  // namespace fabric::job
