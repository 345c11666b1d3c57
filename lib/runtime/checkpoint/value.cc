#include "fabric/value.h"

#include <array>

#include "core/concat.h"

namespace fabric {
namespace {

constexpr std::array<std::string_view, 9> kKinds = {"none",   "bool", "int",  "double", "string",
                                                    "tensor", "list", "dict", "tensor"};

template <class T, class Data>
auto& get_or_throw(Data& data, std::string_view wanted, std::string_view actual) {
  if (auto* value = std::get_if<T>(&data)) return *value;
  throw UsageError(concat("value must be a ", wanted, ", but is a ", actual));
}

}  // namespace

std::string_view Value::kind() const { return kKinds[data_.index()]; }

bool Value::to_bool() const { return get_or_throw<bool>(data_, "bool", kind()); }

int64_t Value::to_int() const { return get_or_throw<int64_t>(data_, "int", kind()); }

double Value::to_double() const {
  if (is_int()) return static_cast<double>(std::get<int64_t>(data_));
  return get_or_throw<double>(data_, "double", kind());
}

const std::string& Value::to_string() const { return get_or_throw<std::string>(data_, "string", kind()); }
const at::Tensor& Value::to_tensor() const {
  if (is_deferred()) return std::get<Deferred>(data_)->take();
  return get_or_throw<at::Tensor>(data_, "tensor", kind());
}
const List& Value::to_list() const { return get_or_throw<List>(data_, "list", kind()); }
const Dict& Value::to_dict() const { return get_or_throw<Dict>(data_, "dict", kind()); }
List& Value::to_list() { return get_or_throw<List>(data_, "list", kind()); }
Dict& Value::to_dict() { return get_or_throw<Dict>(data_, "dict", kind()); }

const Value* Value::find(std::string_view key) const {
  for (const auto& [name, value] : to_dict()) {
    if (name == key) return &value;
  }
  return nullptr;
}

const Value& Value::at(std::string_view key) const {
  if (const Value* value = find(key)) return *value;
  std::string keys;
  for (const auto& [name, value] : to_dict()) keys += (keys.empty() ? "'" : ", '") + name + "'";
  throw UsageError(concat("dict must have the key '", key, "', but has ", keys.empty() ? "none" : keys));
}

}  // namespace fabric
