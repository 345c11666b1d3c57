#include "job/scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <utility>

namespace fabric::job {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_one_of(std::string_view text, std::string_view characters) {
  return text.find_first_not_of(characters) == std::string_view::npos;
}

std::string_view without_sign(std::string_view text) {
  return !text.empty() && (text.front() == '-' || text.front() == '+') ? text.substr(1) : text;
}

size_t count_digits(std::string_view text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
  return static_cast<size_t>(end - text.begin());
}

/// -12, 0, 7: what every reader takes for the same integer.
bool is_integer(std::string_view text) {
  if (!text.empty() && text.front() == '-') text.remove_prefix(1);
  return !text.empty() && count_digits(text) == text.size() && (text.size() == 1 || text.front() != '0');
}

/// 1.5, .5, 1e-3, -2.5E+6.
bool is_float(std::string_view text) {
  if (!text.empty() && text.front() == '-') text.remove_prefix(1);
  const size_t whole = count_digits(text);
  if (whole > 1 && text.front() == '0') return false;
  text.remove_prefix(whole);
  bool has_mark = false;
  size_t fraction = 0;
  if (!text.empty() && text.front() == '.') {
    has_mark = true;
    text.remove_prefix(1);
    fraction = count_digits(text);
    text.remove_prefix(fraction);
  }
  if (whole + fraction == 0) return false;
  if (!text.empty() && (text.front() == 'e' || text.front() == 'E')) {
    has_mark = true;
    text.remove_prefix(1);
    text = without_sign(text);
    const size_t exponent = count_digits(text);
    if (exponent == 0) return false;
    text.remove_prefix(exponent);
  }
  return has_mark && text.empty();
}

/// Words that some readers take for a boolean or a number that is none.
bool is_doubtful_word(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  static constexpr std::array<std::string_view, 6> kBooleans = {"yes", "no", "on", "off", "true", "false"};
  if (std::find(kBooleans.begin(), kBooleans.end(), lower) != kBooleans.end()) return true;
  const std::string_view rest = without_sign(lower);
  return rest == ".inf" || rest == ".nan";
}

/// 08, 0x10, 1_000, 0,1, 12:30, +5: numbers to some readers, other numbers or text to others.
bool is_doubtful_number(std::string_view text) {
  const std::string_view rest = without_sign(text);
  if (rest.empty() || !is_digit(rest.front())) return false;
  if (text.front() == '+') return is_integer(rest) || is_float(rest);
  if (rest.size() > 2 && rest[0] == '0' && is_one_of(rest.substr(1, 1), "xXoObB")) {
    return is_one_of(rest.substr(2), "0123456789abcdefABCDEF_");
  }
  if (rest.size() > 1 && rest[0] == '0' && is_one_of(rest, "0123456789_."))
    return std::count(rest.begin(), rest.end(), '.') < 2;
  if (is_one_of(rest, "0123456789:")) return rest.find(':') != std::string_view::npos;
  return is_one_of(rest, "0123456789_,.") && rest.find_first_of("_,") != std::string_view::npos;
}

Result<ArgScalar> read_integer(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return invalid_argument(concat("an integer must fit 64 bits, but is ", text, "; quote it for text"));
  }
  return ArgScalar(value);
}

Result<ArgScalar> read_float(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return invalid_argument(concat("a number must fit a double, but is ", text, "; quote it for text"));
  }
  return ArgScalar(value);
}

using Unit = std::pair<std::string_view, int64_t>;

/// A kind of quantity, and how messages speak of it.
struct Measure {
  std::string_view what;
  std::string_view examples;
  std::string_view smallest;
  std::span<const Unit> units;  ///< in smallest ones
  int64_t most = 0;             ///< in smallest ones
  std::string_view most_name;
};

constexpr std::array<Unit, 4> kTimeUnits = {{{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}}};
constexpr std::array<Unit, 7> kSizeUnits = {{{"B", 1},
                                             {"KB", 1'000},
                                             {"MB", 1'000'000},
                                             {"GB", 1'000'000'000},
                                             {"KiB", int64_t{1} << 10},
                                             {"MiB", int64_t{1} << 20},
                                             {"GiB", int64_t{1} << 30}}};
constexpr Measure kDuration = {"a duration", "200ms, 1.2s, 5m or 2h", "milliseconds",
                               kTimeUnits,   366LL * 24 * 3'600'000,  "a year"};
constexpr Measure kSize = {"a size", "64KiB, 500MB or 1.5GiB", "bytes", kSizeUnits, int64_t{1} << 50, "1 PiB"};

/// Returns how many of the smallest unit `text` names.
Result<int64_t> parse_quantity(std::string_view text, const Measure& measure) {
  const auto refuse = [&](const auto&... why) {
    return invalid_argument(
        concat("must be ", measure.what, ", but is '", text, "', ", why..., "; write ", measure.examples));
  };
  const size_t whole_digits = count_digits(text);
  const std::string_view digits = text.substr(0, whole_digits);
  std::string_view unit = text.substr(whole_digits);
  std::string_view fraction;
  if (!unit.empty() && unit.front() == '.') {
    fraction = unit.substr(1, count_digits(unit.substr(1)));
    unit.remove_prefix(1 + fraction.size());
    if (fraction.empty()) return refuse("which has no digits after the point");
  }
  const auto known =
      std::find_if(measure.units.begin(), measure.units.end(), [&](const Unit& one) { return one.first == unit; });
  if (digits.empty()) return refuse("which does not start with a number");
  if (known == measure.units.end()) return refuse(unit.empty() ? "which has no unit" : "which has another unit");
  if (digits.size() > 16 || fraction.size() > 6) return refuse("which has too many digits");
  int64_t whole = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), whole);
  int64_t scale = 1, numerator = 0;
  for (const char digit : fraction) {
    numerator = numerator * 10 + (digit - '0');
    scale *= 10;
  }
  if (numerator * known->second % scale != 0) return refuse("which is not a whole number of ", measure.smallest);
  if (whole > measure.most / known->second) return refuse("which is more than ", measure.most_name);
  const int64_t value = whole * known->second + numerator * known->second / scale;
  if (value > measure.most) return refuse("which is more than ", measure.most_name);
  return value;
}

}  // namespace

Result<ArgScalar> read_scalar(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::kNull) return ArgScalar(std::monostate());
  const std::string& text = node.text;
  if (node.is_quoted) return ArgScalar(text);
  if (text == "true" || text == "false") return ArgScalar(text == "true");
  if (is_integer(text)) return read_integer(text);
  if (is_float(text)) return read_float(text);
  if (is_doubtful_word(text)) {
    return invalid_argument(concat("an unquoted value must mean one thing to every YAML reader, but is '", text,
                                   "'; write true or false or a number, or quote it for text"));
  }
  if (is_doubtful_number(text)) {
    return invalid_argument(concat("an unquoted value must mean one thing to every YAML reader, but is '", text,
                                   "'; write a plain decimal number, or quote it for text"));
  }
  return ArgScalar(text);
}

std::optional<int64_t> plain_integer(std::string_view text) {
  int64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!is_integer(text) || error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string describe_node(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "null";
    case YamlNode::Kind::kList:
      return node.children.empty() ? "an empty list" : "a list";
    case YamlNode::Kind::kMap:
      return "a map";
    case YamlNode::Kind::kScalar:
      break;
  }
  const Result<ArgScalar> value = read_scalar(node);
  if (!value.ok() || std::holds_alternative<std::string>(*value)) return concat('\'', node.text, '\'');
  return concat(std::holds_alternative<bool>(*value) ? "the boolean " : "the number ", node.text);
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  FABRIC_ASSIGN_OR_RETURN(const int64_t milliseconds, parse_quantity(text, kDuration));
  return std::chrono::milliseconds(milliseconds);
}

Result<int64_t> parse_size(std::string_view text) { return parse_quantity(text, kSize); }

}  // namespace fabric::job
