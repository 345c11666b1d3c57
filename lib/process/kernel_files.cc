#include "process/kernel_files.h"

#include <charconv>
#include <fstream>

namespace fabric::process {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::vector<int> numbers_in_list(std::string_view list) {
  std::vector<int> numbers;
  const char* at = list.data();
  const char* const end = at + list.size();
  while (at < end) {
    int first = 0;
    const auto [next, error] = std::from_chars(at, end, first);
    if (error != std::errc()) break;
    at = next;
    int last = first;
    if (at < end && *at == '-') at = std::from_chars(at + 1, end, last).ptr;
    for (int number = first; number <= last; ++number) numbers.push_back(number);
    if (at < end && *at == ',')
      ++at;
    else
      break;
  }
  return numbers;
}

}  // namespace fabric::process
