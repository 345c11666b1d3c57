#include "fabric/arguments.h"

#include <charconv>
#include <filesystem>
#include <string>

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric {
namespace {

[[noreturn]] void refuse(std::string_view key, const std::string& text, std::string_view wanted) {
  throw UsageError(concat("argument '", key, "' must be ", wanted, ", but is '", text,
                          "'; mend it under args: of the job, or pass --", key, "=VALUE"));
}

template <class T>
void read_number(std::string_view key, const std::string& text, std::string_view wanted, T& value) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) refuse(key, text, wanted);
}

}  // namespace

bool Arguments::has(std::string_view key) const { return values_.count(std::string(key)) != 0; }

std::string Arguments::path(std::string_view key) const {
  return (std::filesystem::path(base_directory_) / text(key)).lexically_normal().string();
}

const std::string& Arguments::text(std::string_view key) const {
  const auto found = values_.find(std::string(key));
  if (found != values_.end()) return found->second;
  std::string names;
  for (const auto& [name, value] : values_) names += (names.empty() ? "" : ", ") + name;
  throw UsageError(concat("argument '", key, "' must be given, but there are only {", names,
                          "}; add it under args: of the job, or pass --", key, "=VALUE"));
}

void Arguments::read(std::string_view, const std::string& text, std::string& value) { value = text; }

void Arguments::read(std::string_view key, const std::string& text, bool& value) {
  if (text != "true" && text != "false") refuse(key, text, "true or false");
  value = text == "true";
}

void Arguments::read(std::string_view key, const std::string& text, int& value) {
  read_number(key, text, "an integer of 32 bits", value);
}

void Arguments::read(std::string_view key, const std::string& text, int64_t& value) {
  read_number(key, text, "an integer", value);
}

void Arguments::read(std::string_view key, const std::string& text, size_t& value) {
  read_number(key, text, "an integer that is not negative", value);
}

void Arguments::read(std::string_view key, const std::string& text, float& value) {
  read_number(key, text, "a number", value);
}

void Arguments::read(std::string_view key, const std::string& text, double& value) {
  read_number(key, text, "a number", value);
}

}  // namespace fabric
