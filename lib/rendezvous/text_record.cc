#include "rendezvous/text_record.h"

#include <algorithm>

namespace fabric::rendezvous {

namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

bool stands_for_itself(char c) { return c > ' ' && c < '\x7f' && c != '%'; }

}  // namespace

void TextWriter::write(const std::string& value) {
  text_ += " =";
  for (const char c : value) {
    if (stands_for_itself(c)) {
      text_ += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    text_ += '%';
    text_ += kHexDigits[byte >> 4];
    text_ += kHexDigits[byte & 15];
  }
}

std::string_view TextReader::word() {
  rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size()));
  const std::string_view found = rest_.substr(0, rest_.find(' '));
  rest_.remove_prefix(found.size());
  return found;
}

void TextReader::read(std::string& value) {
  value.clear();
  std::string_view text = failed_ ? std::string_view() : word();
  if (!text.starts_with('=')) failed_ = true;
  text.remove_prefix(std::min<size_t>(1, text.size()));
  for (size_t i = 0; i < text.size() && !failed_; ++i) {
    if (text[i] != '%') {
      value += text[i];
      continue;
    }
    unsigned byte = 0;
    const std::string_view digits = text.substr(i + 1, 2);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (digits.size() < 2 || parsed.ptr != digits.data() + 2) failed_ = true;
    value += static_cast<char>(byte);
    i += 2;
  }
}

// Each element takes two characters at least.
size_t TextReader::read_count() {
  const auto count = read_number<uint64_t>();
  if (count > rest_.size() / 2) failed_ = true;
  return failed_ ? 0 : count;
}

Status TextReader::finish() const {
  if (failed_) return data_loss("the line is cut short or malformed");
  if (rest_.find_first_not_of(' ') != std::string_view::npos) return data_loss("the line has words left over");
  return ok_status();
}

}  // namespace fabric::rendezvous
