#pragma once

#include <fabric/error.h>
#include <zlib.h>

#include <string>
#include <vector>

namespace examples {

/// Returns the content of a text file that gzip compressed.
inline std::string read_text(const std::string& path) {
  const gzFile file = ::gzopen(path.c_str(), "rb");
  if (file == nullptr) throw fabric::UsageError("cannot open '" + path + "'; is args.data right?");
  std::string text;
  std::vector<char> buffer(1 << 16);
  int got = 0;
  while ((got = ::gzread(file, buffer.data(), static_cast<unsigned>(buffer.size()))) > 0) {
    text.append(buffer.data(), static_cast<size_t>(got));
  }
  const bool is_whole = ::gzclose(file) == Z_OK && got == 0;
  if (!is_whole) throw fabric::UsageError("'" + path + "' must be a gzip file, but is damaged or cut short");
  return text;
}

/// Returns its lines, without line ends.
inline std::vector<std::string> read_lines(const std::string& path) {
  const std::string text = read_text(path);
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

}  // namespace examples
