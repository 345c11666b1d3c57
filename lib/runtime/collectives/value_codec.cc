#include "runtime/collectives/value_codec.h"

#include <ATen/ATen.h>

#include <cstring>
#include <limits>

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric {
namespace {

enum class Tag : uint8_t { kNone, kBool, kInt, kDouble, kString, kTensor, kList, kDict };

constexpr int kMaxDepth = 100;
constexpr uint64_t kMaxDimensions = 64;

bool is_plain(at::ScalarType type) {
  return type < at::ScalarType::NumOptions && !c10::isQIntType(type) && type != at::ScalarType::Undefined;
}

class Writer {
 public:
  void value(const Value& v, int depth) {
    if (depth > kMaxDepth)
      throw UsageError(concat("a value must be at most ", kMaxDepth, " levels deep to be broadcast"));
    if (v.is_none()) tag(Tag::kNone);
    if (v.is_bool()) scalar(Tag::kBool, static_cast<uint8_t>(v.to_bool()));
    if (v.is_int()) scalar(Tag::kInt, v.to_int());
    if (v.is_double()) scalar(Tag::kDouble, v.to_double());
    if (v.is_string()) {
      tag(Tag::kString);
      text(v.to_string());
    }
    if (v.is_tensor()) tensor(v.to_tensor());
    if (v.is_list()) list(v.to_list(), depth);
    if (v.is_dict()) dict(v.to_dict(), depth);
  }
  std::string take() { return std::move(out_); }

 private:
  template <class T>
  void raw(const T& number) {
    out_.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  void tag(Tag t) { raw(t); }
  template <class T>
  void scalar(Tag t, const T& number) {
    tag(t);
    raw(number);
  }
  void text(const std::string& s) {
    raw(static_cast<uint64_t>(s.size()));
    out_ += s;
  }
  void list(const List& items, int depth) {
    scalar(Tag::kList, static_cast<uint64_t>(items.size()));
    for (const Value& item : items) value(item, depth + 1);
  }
  void dict(const Dict& entries, int depth) {
    scalar(Tag::kDict, static_cast<uint64_t>(entries.size()));
    for (const auto& [key, entry] : entries) {
      text(key);
      value(entry, depth + 1);
    }
  }
  void tensor(const at::Tensor& t) {
    if (!t.defined() || t.layout() != c10::kStrided || !is_plain(t.scalar_type())) {
      throw UsageError("a tensor must be defined, dense and not quantised to be broadcast in a value");
    }
    const at::Tensor data = t.detach().to(at::kCPU).contiguous();
    scalar(Tag::kTensor, static_cast<int8_t>(data.scalar_type()));
    raw(static_cast<uint8_t>(t.is_cpu()));
    raw(static_cast<uint64_t>(data.dim()));
    for (const int64_t size : data.sizes()) raw(size);
    out_.append(static_cast<const char*>(data.const_data_ptr()), data.nbytes());
  }

  std::string out_;
};

class Reader {
 public:
  Reader(std::string_view bytes, c10::Device device) : rest_(bytes), device_(device) {}

  Value value(int depth) {
    require(depth <= kMaxDepth, "too deep");
    switch (raw<Tag>()) {
      case Tag::kNone:
        return {};
      case Tag::kBool:
        return raw<uint8_t>() != 0;
      case Tag::kInt:
        return raw<int64_t>();
      case Tag::kDouble:
        return raw<double>();
      case Tag::kString:
        return text();
      case Tag::kTensor:
        return tensor();
      case Tag::kList:
        return list(depth);
      case Tag::kDict:
        return dict(depth);
    }
    require(false, "unknown kind");
    return {};
  }
  void finish() const { require(rest_.empty(), "bytes left over"); }

 private:
  static void require(bool holds, const char* what) {
    if (!holds) throw InternalError(concat("a broadcast value is malformed: ", what));
  }
  std::string_view take(uint64_t count) {
    require(count <= rest_.size(), "cut short");
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  template <class T>
  T raw() {
    T number;
    std::memcpy(&number, take(sizeof number).data(), sizeof number);
    return number;
  }
  std::string text() { return std::string(take(raw<uint64_t>())); }
  uint64_t count() {
    const auto n = raw<uint64_t>();
    require(n <= rest_.size(), "count beyond the end");  // each element has at least one byte
    return n;
  }
  List list(int depth) {
    List items;
    for (uint64_t left = count(); left > 0; --left) items.push_back(value(depth + 1));
    return items;
  }
  Dict dict(int depth) {
    Dict entries;
    for (uint64_t left = count(); left > 0; --left) {
      std::string key = text();
      entries.emplace_back(std::move(key), value(depth + 1));
    }
    return entries;
  }
  at::Tensor tensor() {
    const auto type = raw<at::ScalarType>();
    require(static_cast<int8_t>(type) >= 0 && is_plain(type), "unknown dtype");
    const bool on_cpu = raw<uint8_t>() != 0;
    const auto dimensions = raw<uint64_t>();
    require(dimensions <= kMaxDimensions, "too many dimensions");
    std::vector<int64_t> sizes;
    uint64_t bytes = c10::elementSize(type);
    for (uint64_t i = 0; i < dimensions; ++i) {
      const auto size = raw<int64_t>();
      require(size >= 0, "negative size");
      require(size == 0 || bytes <= std::numeric_limits<uint64_t>::max() / static_cast<uint64_t>(size),
              "size overflows");
      bytes *= static_cast<uint64_t>(size);
      sizes.push_back(size);
    }
    const std::string_view data = take(bytes);
    at::Tensor result = at::empty(sizes, at::TensorOptions().dtype(type));
    if (!data.empty()) std::memcpy(result.data_ptr(), data.data(), data.size());
    return on_cpu ? result : result.to(device_);
  }

  std::string_view rest_;
  c10::Device device_;
};

}  // namespace

std::string encode_value(const Value& value) {
  Writer writer;
  writer.value(value, 0);
  return writer.take();
}

Value decode_value(std::string_view bytes, c10::Device device) {
  Reader reader(bytes, device);
  Value value = reader.value(0);
  reader.finish();
  return value;
}

}  // namespace fabric
