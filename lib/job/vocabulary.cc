#include "job/vocabulary.h"

#include <algorithm>

#include "job/nearest_name.h"

namespace fabric::job {
namespace {

bool contains(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

std::optional<std::string> refuse_word(const Vocabulary& words, const std::string& word) {
  if (contains(words.supported, word)) return std::nullopt;
  if (contains(words.known, word)) {
    return concat("must be one of ", list_of_names(words.supported), ", but is '", word,
                  "', which is not there yet in this version; ", words.advice);
  }
  std::vector<std::string> all = words.supported;
  all.insert(all.end(), words.known.begin(), words.known.end());
  const auto nearest = nearest_name(word, all);
  return concat("must be one of ", list_of_names(words.supported), ", but is '", word, "'; ",
                nearest ? concat("did you mean '", *nearest, "'?") : words.advice);
}

void read_word(SectionReader& section, std::string_view key, const Vocabulary& words, std::string& value) {
  const auto text = section.text(key);
  if (!text.has_value()) return;
  const std::string word = lower_case(*text);
  if (const auto fault = refuse_word(words, word))
    section.error(*section.take(key), *fault);
  else
    value = word;
}

std::string lower_case(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

}  // namespace fabric::job
