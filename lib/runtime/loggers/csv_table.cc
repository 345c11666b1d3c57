#include "runtime/loggers/csv_table.h"

#include <array>
#include <charconv>
#include <system_error>

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric {
namespace {

std::string quoted(const std::string& name) {
  if (name.find_first_of(",\"\n\r") == std::string::npos) return name;
  std::string result = "\"";
  for (const char c : name) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + "\"";
}

/// Cuts the first record off `text`, which is not empty, and returns its fields. `whole` tells whether its end was there.
std::vector<std::string> take_record(std::string_view& text, bool& whole) {
  std::vector<std::string> fields(1);
  bool in_quotes = false;
  size_t i = 0;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (in_quotes) {
      if (c != '"') {
        fields.back() += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        fields.back() += text[++i];
      } else {
        in_quotes = false;
      }
    } else if (c == '"') {
      in_quotes = true;
    } else if (c == ',') {
      fields.emplace_back();
    } else if (c == '\n') {
      break;
    } else {
      fields.back() += c;
    }
  }
  whole = i < text.size();
  text.remove_prefix(whole ? i + 1 : i);
  return fields;
}

template <class T>
bool read_number(const std::string& field, T& number) {
  const char* end = field.data() + field.size();
  const auto [rest, error] = std::from_chars(field.data(), end, number);
  return error == std::errc() && rest == end;
}

[[noreturn]] void refuse(const std::string& path, size_t line) {
  throw UsageError(concat("'", path, "' must be a table of metrics that starts with the column step, but line ", line,
                          " is not of it; move the file away"));
}

CsvRow row_of(const std::vector<std::string>& fields, const std::vector<std::string>& columns, const std::string& path,
              size_t line) {
  CsvRow row;
  if (fields.size() != columns.size() + 1 || !read_number(fields[0], row.step)) refuse(path, line);
  for (size_t i = 0; i < columns.size(); ++i) {
    if (fields[i + 1].empty()) continue;
    if (!read_number(fields[i + 1], row.metrics[columns[i]])) refuse(path, line);
  }
  return row;
}

}  // namespace

std::string shortest(double number) {
  std::array<char, 32> buffer;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  return std::string(buffer.data(), end);
}

std::string csv_header(const std::vector<std::string>& columns) {
  std::string line = "step";
  for (const std::string& column : columns) line += "," + quoted(column);
  return line + "\n";
}

std::string csv_line(const CsvRow& row, const std::vector<std::string>& columns) {
  std::string line = std::to_string(row.step);
  for (const std::string& column : columns) {
    line += ',';
    if (const auto found = row.metrics.find(column); found != row.metrics.end()) line += shortest(found->second);
  }
  return line + "\n";
}

CsvTable parse_csv(std::string_view text, const std::string& path) {
  CsvTable table;
  bool whole = false;
  size_t line = 1;
  if (text.empty()) return table;
  table.columns = take_record(text, whole);
  if (!whole) return {};
  if (table.columns.front() != "step") refuse(path, line);
  table.columns.erase(table.columns.begin());
  while (!text.empty()) {
    const std::vector<std::string> fields = take_record(text, whole);
    if (whole) table.rows.push_back(row_of(fields, table.columns, path, ++line));
  }
  return table;
}

}  // namespace fabric
