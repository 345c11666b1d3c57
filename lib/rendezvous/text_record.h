#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/agent_messages.h"
#include "core/clock.h"
#include "core/status.h"

namespace fabric::rendezvous {

// Records as words of one line, for logs that people read and machines replay. A record is a struct that lists its members
// once, as in frames/codec.h: template <class V> void fields(V& v) { v(a, b, c); }

template <class T>
inline constexpr bool kIsNumber = std::is_integral_v<T> || std::is_enum_v<T>;

/// The highest value of an enum that stands in a record; they begin at 0. One that is missing here cannot be read.
template <class Enum>
inline constexpr Enum kHighest = Enum::missing;
template <>
inline constexpr RankPhase kHighest<RankPhase> = RankPhase::kStep;

/// Writes values in order, a space before each: numbers in decimal, enums and bools as numbers, strings as '=' and their bytes,
/// with those that are no printable ASCII, and '%', as "%0A"; containers as their size and the elements, an optional as a container, records as their fields.
class TextWriter {
 public:
  explicit TextWriter(std::string text) : text_(std::move(text)) {}

  template <class... Values>
  void operator()(const Values&... values) {
    (write(values), ...);
  }
  std::string take() { return std::move(text_); }

 private:
  template <class T>
  requires kIsNumber<T>
  void write(T value) {
    if constexpr (std::is_unsigned_v<T>) {
      write_number(static_cast<uint64_t>(value));
    } else {
      write_number(static_cast<int64_t>(value));
    }
  }
  void write(Nanoseconds value) { write_number(value.count()); }
  void write(TimePoint value) { write(value.since_boot); }
  void write(const std::string& value);
  template <class T>
  void write(const std::vector<T>& values) {
    write_all(values);
  }
  template <class T>
  void write(const std::deque<T>& values) {
    write_all(values);
  }
  template <class K, class T>
  void write(const std::map<K, T>& values) {
    write_number(static_cast<int64_t>(values.size()));
    for (const auto& [key, value] : values) (*this)(key, value);
  }
  template <class T>
  void write(const std::optional<T>& value) {
    write(value.has_value());
    if (value) write(*value);
  }
  template <class T>
  requires std::is_class_v<T>
  void write(const T& record) {
    const_cast<T&>(record).fields(*this);  // fields() only visits; one list serves both directions
  }
  template <class Container>
  void write_all(const Container& values) {
    write_number(static_cast<int64_t>(values.size()));
    for (const auto& value : values) write(value);
  }
  template <class Number>
  void write_number(Number value) {
    std::array<char, 24> digits{};
    text_ += ' ';
    text_.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
  }

  std::string text_;
};

/// Reads what TextWriter wrote. Never allocates more than the input's size accounts for. After the first fault every read
/// yields a default value.
class TextReader {
 public:
  explicit TextReader(std::string_view text) : rest_(text) {}

  template <class... Values>
  void operator()(Values&... values) {
    (read(values), ...);
  }
  /// Returns the next word, empty at the end.
  std::string_view word();
  /// Returns kDataLoss if the input was cut short, malformed, or has words left over.
  Status finish() const;

 private:
  template <class T>
  requires std::is_integral_v<T>
  void read(T& value) { value = read_number<T>(); }
  template <class T>
  requires std::is_enum_v<T>
  void read(T& value) {
    const auto number = read_number<std::underlying_type_t<T>>();
    if (number < 0 || number > static_cast<std::underlying_type_t<T>>(kHighest<T>)) failed_ = true;
    value = failed_ ? T{} : static_cast<T>(number);
  }
  void read(bool& value) {
    const auto number = read_number<uint8_t>();
    if (number > 1) failed_ = true;
    value = number == 1;
  }
  void read(Nanoseconds& value) { value = Nanoseconds(read_number<int64_t>()); }
  void read(TimePoint& value) { read(value.since_boot); }
  void read(std::string& value);
  template <class T>
  void read(std::vector<T>& values) {
    read_all(values);
  }
  template <class T>
  void read(std::deque<T>& values) {
    read_all(values);
  }
  template <class K, class T>
  void read(std::map<K, T>& values) {
    values.clear();
    const size_t count = read_count();
    for (size_t i = 0; i < count && !failed_; ++i) {
      K key{};
      read(key);
      read(values[key]);
    }
  }
  template <class T>
  void read(std::optional<T>& value) {
    bool has_value = false;
    read(has_value);
    value.reset();
    if (has_value && !failed_) read(value.emplace());
  }
  template <class T>
  requires std::is_class_v<T>
  void read(T& record) { record.fields(*this); }
  template <class Container>
  void read_all(Container& values) {
    values.clear();
    const size_t count = read_count();
    for (size_t i = 0; i < count && !failed_; ++i) read(values.emplace_back());
  }
  /// Fails where T does not hold what stands there.
  template <class T>
  T read_number() {
    const std::string_view text = failed_ ? std::string_view() : word();
    T value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) failed_ = true;
    return failed_ ? T{0} : value;
  }
  size_t read_count();

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace fabric::rendezvous
