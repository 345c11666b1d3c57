#include "shell_words.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace fabric::launcher {
namespace {

constexpr std::string_view kBlanks = " \t\n";
constexpr std::string_view kEscapedInQuotes = "$`\"\\\n";  // before others a backslash is itself
constexpr int kHighestRank = 9'999'999;

/// Takes words off the front of a command.
class WordReader {
 public:
  explicit WordReader(std::string_view command) : rest_(command) {}

  /// Returns the next word, or nullopt at the end.
  Result<std::optional<std::string>> next() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(kBlanks), rest_.size()));
    if (rest_.empty()) return std::optional<std::string>();
    std::string word;
    while (!rest_.empty() && kBlanks.find(rest_.front()) == std::string_view::npos) {
      FABRIC_RETURN_IF_ERROR(read_part(word));
    }
    return std::optional(std::move(word));
  }

 private:
  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  Status read_part(std::string& word) {
    const char c = take();
    if (c == '\'' || c == '"') return read_quoted(word, c);
    if (c == '\\') return read_escaped(word);
    word += c;
    return ok_status();
  }

  Status read_escaped(std::string& word) {
    if (rest_.empty())
      return invalid_argument("a backslash must stand before a character, but is the last one; remove it");
    if (const char c = take(); c != '\n') word += c;  // a line that goes on
    return ok_status();
  }

  Status read_quoted(std::string& word, char quote) {
    while (!rest_.empty()) {
      const char c = take();
      if (c == quote) return ok_status();
      const bool escapes =
          c == '\\' && quote == '"' && !rest_.empty() && kEscapedInQuotes.find(rest_.front()) != std::string_view::npos;
      if (!escapes)
        word += c;
      else
        FABRIC_RETURN_IF_ERROR(read_escaped(word));
    }
    return invalid_argument(concat("a quote must have an end, but one of ", quote, " has none; add it"));
  }

  std::string_view rest_;
};

std::optional<int> read_rank(std::string_view text) {
  int rank = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rank);
  const bool is_whole = error == std::errc() && end == text.data() + text.size() && text.front() != '-';
  return is_whole && rank <= kHighestRank ? std::optional(rank) : std::nullopt;
}

}  // namespace

Result<std::vector<std::string>> split_words(std::string_view command) {
  std::vector<std::string> words;
  WordReader reader(command);
  while (true) {
    FABRIC_ASSIGN_OR_RETURN(std::optional<std::string> word, reader.next());
    if (!word.has_value()) return words;
    words.push_back(std::move(*word));
  }
}

Result<std::vector<int>> parse_ranks(std::string_view list) {
  std::vector<int> ranks;
  for (size_t begin = 0; begin <= list.size();) {
    const std::string_view item = list.substr(begin, list.find(',', begin) - begin);
    const size_t dash = item.find('-');
    const auto first = read_rank(item.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : read_rank(item.substr(dash + 1));
    if (!first.has_value() || !last.has_value() || *first > *last) {
      return invalid_argument(
          concat("must be global ranks and ranges of them, but has '", item, "'; write 0,2-3 for example"));
    }
    for (int rank = *first; rank <= *last; ++rank) ranks.push_back(rank);
    begin += item.size() + 1;
  }
  std::sort(ranks.begin(), ranks.end());
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
  return ranks;
}

std::string join_words(const std::vector<std::string>& words) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty()) line += ' ';
    if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
      line += word;
      continue;
    }
    line += '\'';
    for (const char c : word) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += '\'';
  }
  return line;
}

}  // namespace fabric::launcher
