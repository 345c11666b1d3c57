#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "job/section_reader.h"

namespace fabric::job {

/// The values of one word: those of this version, and those that people know and a later one will have.
struct Vocabulary {
  std::vector<std::string> supported;
  std::vector<std::string> known;
  std::string advice;  ///< what to write in place of a known one
};

/// Returns nothing if `word` may stand for what `words` lists, else what is wrong with it.
std::optional<std::string> refuse_word(const Vocabulary& words, const std::string& word);

/// Reads the entry `key`, upper and lower case alike, into `value`, which stays as it is where there is none or a wrong one.
void read_word(SectionReader& section, std::string_view key, const Vocabulary& words, std::string& value);

/// Returns `text` with the letters A to Z small.
std::string lower_case(std::string text);

}  // namespace fabric::job
