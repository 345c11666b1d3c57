#include "runtime/checkpoint/value_pickler.h"

#include <ATen/ops/empty.h>
#include <torch/csrc/jit/serialization/pickler.h>

#include <algorithm>
#include <cctype>
#include <unordered_map>

#include "core/concat.h"
#include "runtime/checkpoint/checkpoint_limits.h"

namespace fabric {
namespace {

/// Turns values into LibTorch's, tensors of other devices into ones on the CPU that share storages as the originals do.
class Converter {
 public:
  c10::IValue convert(const Value& value) {
    if (value.is_none()) return {};
    if (value.is_bool()) return value.to_bool();
    if (value.is_int()) return value.to_int();
    if (value.is_double()) return value.to_double();
    if (value.is_string()) return value.to_string();
    if (value.is_tensor()) return to_cpu(value.to_tensor());
    if (++depth_ > kMostLevels) {
      throw UsageError(concat("a checkpoint must have at most ", kMostLevels, " levels of lists and dicts"));
    }
    c10::IValue result = value.is_list() ? convert_list(value.to_list()) : convert_dict(value.to_dict());
    --depth_;
    return result;
  }

 private:
  c10::IValue convert_list(const List& list) {
    c10::impl::GenericList result(c10::AnyType::get());
    result.reserve(list.size());
    for (const Value& item : list) result.push_back(convert(item));
    return result;
  }

  c10::IValue convert_dict(const Dict& dict) {
    const auto has = [&](std::string_view key) {
      return std::any_of(dict.begin(), dict.end(), [&](const auto& item) { return item.first == key; });
    };
    const bool is_optimizer = has("state") && has("param_groups");
    c10::impl::GenericDict result(c10::StringType::get(), c10::AnyType::get());
    for (const auto& [key, value] : dict) {
      const bool by_index = is_optimizer && key == "state" && value.is_dict() && has_index_keys(value.to_dict());
      result.insert_or_assign(key, by_index ? convert_state(value.to_dict()) : convert(value));
    }
    return result;
  }

  c10::IValue convert_state(const Dict& state) {
    c10::impl::GenericDict result(c10::IntType::get(), c10::AnyType::get());
    for (const auto& [key, value] : state) result.insert_or_assign(int64_t{std::stoll(key)}, convert(value));
    return result;
  }

  static bool has_index_keys(const Dict& dict) {
    return std::all_of(dict.begin(), dict.end(), [](const auto& item) {
      const std::string& key = item.first;
      const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
      return !key.empty() && key.size() < 19 && std::all_of(key.begin(), key.end(), is_digit);
    });
  }

  at::Tensor to_cpu(const at::Tensor& original) {
    check(original);
    const at::Tensor tensor = original.detach().resolve_conj().resolve_neg();
    if (tensor.is_cpu()) return tensor;
    const auto options = tensor.options().device(c10::kCPU);
    return at::empty({0}, options).set_(cpu_storage(tensor), tensor.storage_offset(), tensor.sizes(), tensor.strides());
  }

  static void check(const at::Tensor& tensor) {
    if (!tensor.defined()) throw UsageError("a checkpoint cannot hold an undefined tensor; leave it out");
    if (tensor.layout() != c10::kStrided || tensor.is_quantized() || tensor.is_meta()) {
      throw UsageError(
          concat("a checkpoint holds dense tensors, but one is ", tensor.toString(), "; convert it first"));
    }
  }

  c10::Storage cpu_storage(const at::Tensor& tensor) {
    const c10::Storage& storage = tensor.storage();
    at::Tensor& copy = copies_[storage.unsafeGetStorageImpl()];
    if (!copy.defined()) {
      const auto bytes = static_cast<int64_t>(storage.nbytes());
      copy = at::empty({0}, tensor.options().dtype(at::kByte)).set_(storage, 0, {bytes}, {1}).cpu();
    }
    return copy.storage();
  }

  std::unordered_map<const c10::StorageImpl*, at::Tensor> copies_;
  int depth_ = 0;
};

}  // namespace

PickledValue pickle_value(const Value& value) {
  PickledValue result;
  const auto write = [&](const char* data, size_t size) { result.bytes.append(data, size); };
  // Tags on containers would be calls to torch.jit functions, which weights_only refuses.
  constexpr bool kTagAggregates = false;
  torch::jit::Pickler pickler(write, nullptr, nullptr, nullptr, nullptr, kTagAggregates);
  const c10::IValue converted = Converter().convert(value);
  pickler.protocol();
  pickler.pushIValue(converted);
  pickler.stop();
  result.tensors = pickler.tensorData();
  return result;
}

}  // namespace fabric
