#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fabric {

/// Metrics of one step.
struct CsvRow {
  int64_t step = 0;
  std::map<std::string, double> metrics;
};

/// Returns `number` in the shortest form that reads back as the same double: "0.1", "1e-08", "nan".
std::string shortest(double number);

/// Returns the first line of a table: "step", then `columns`, each quoted where it has to be, ending in "\n".
std::string csv_header(const std::vector<std::string>& columns);
/// Returns the line of `row`: its step, then for each of `columns` the number or nothing, ending in "\n".
std::string csv_line(const CsvRow& row, const std::vector<std::string>& columns);

/// A table as it was read: columns without "step", rows in the order of the file.
struct CsvTable {
  std::vector<std::string> columns;
  std::vector<CsvRow> rows;
};
/// Reads what csv_header() and csv_line() wrote. A last line without its end, as a killed process leaves it, is dropped.
/// Throws UsageError that names `path` and the line if the text is no such table.
CsvTable parse_csv(std::string_view text, const std::string& path);

}  // namespace fabric
