#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "core/status.h"

namespace fabric::frames {

static_assert(std::endian::native == std::endian::little, "frames are little-endian, written as they lie in memory");

// A record is a struct that lists its members once, for both directions:
//   template <class V> void fields(V& v) { v(a, b, c); }

template <class T>
inline constexpr bool kIsPlain = std::is_arithmetic_v<T> || std::is_enum_v<T>;

/// Writes values in order: numbers as they lie in memory (little-endian), enums as their underlying type, strings and
/// containers as a 32-bit count and the elements, records as their fields, variants as a byte (the index) and the value.
class Encoder {
 public:
  template <class... Values>
  void operator()(const Values&... values) {
    (write(values), ...);
  }
  std::string take() { return std::move(bytes_); }

 private:
  template <class T>
  requires kIsPlain<T>
  void write(const T& value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void write(const std::string& value) {
    write_count(value.size());
    bytes_ += value;
  }
  template <class T>
  void write(const std::vector<T>& values) {
    write_count(values.size());
    for (const T& value : values) write(value);
  }
  template <class K, class T>
  void write(const std::map<K, T>& values) {
    write_count(values.size());
    for (const auto& [key, value] : values) (*this)(key, value);
  }
  template <class... T>
  void write(const std::variant<T...>& value) {
    write(static_cast<uint8_t>(value.index()));
    std::visit([this](const auto& alternative) { this->write(alternative); }, value);
  }
  template <class T>
  requires std::is_class_v<T>
  void write(const T& record) {
    const_cast<T&>(record).fields(*this);  // fields() only visits; one list serves both directions
  }
  void write_count(size_t count) { write(static_cast<uint32_t>(count)); }

  std::string bytes_;
};

/// Reads what Encoder wrote. Never reads past the end and never allocates more than the input's size accounts for: a
/// count is believed only as far as bytes are left. After the first fault every read yields a default value.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : rest_(bytes) {}

  template <class... Values>
  void operator()(Values&... values) {
    (read(values), ...);
  }
  /// Returns an error if the input was cut short, malformed, or has bytes left over.
  Status finish() const {
    if (failed_) return data_loss("frame is cut short or malformed");
    if (!rest_.empty()) return data_loss(concat("frame has ", rest_.size(), " bytes left over; versions may differ"));
    return ok_status();
  }

 private:
  template <class T>
  requires kIsPlain<T>
  void read(T& value) {
    if (!take(&value, sizeof value)) value = T{};
  }
  void read(bool& value) {
    uint8_t byte = 0;
    read(byte);
    if (byte > 1) failed_ = true;
    value = byte == 1;
  }
  void read(std::string& value) {
    const size_t count = read_count(1);
    value.assign(rest_.substr(0, count));
    rest_.remove_prefix(count);
  }
  template <class T>
  void read(std::vector<T>& values) {
    values.clear();
    const size_t count = read_count(1);
    for (size_t i = 0; i < count && !failed_; ++i) read(values.emplace_back());
  }
  template <class K, class T>
  void read(std::map<K, T>& values) {
    values.clear();
    const size_t count = read_count(2);
    for (size_t i = 0; i < count && !failed_; ++i) {
      K key{};
      read(key);
      if (values.count(key) != 0) failed_ = true;
      read(values[key]);
    }
  }
  template <class... T>
  void read(std::variant<T...>& value) {
    uint8_t index = 0;
    read(index);
    if (index >= sizeof...(T)) {
      failed_ = true;
      return;
    }
    size_t position = 0;
    ((position++ == index ? read(value.template emplace<T>()) : void()), ...);
  }
  template <class T>
  requires std::is_class_v<T>
  void read(T& record) { record.fields(*this); }
  size_t read_count(size_t least_bytes_each) {
    uint32_t count = 0;
    read(count);
    if (count > rest_.size() / least_bytes_each) failed_ = true;
    return failed_ ? 0 : count;
  }
  bool take(void* to, size_t count) {
    if (failed_ || rest_.size() < count) {
      failed_ = true;
      return false;
    }
    std::memcpy(to, rest_.data(), count);
    rest_.remove_prefix(count);
    return true;
  }

  std::string_view rest_;
  bool failed_ = false;
};

template <class T>
std::string encode(const T& value) {
  Encoder encoder;
  encoder(value);
  return encoder.take();
}

template <class T>
Result<T> decode(std::string_view bytes) {
  T value{};
  Decoder decoder(bytes);
  decoder(value);
  FABRIC_RETURN_IF_ERROR(decoder.finish());
  return value;
}

}  // namespace fabric::frames
