#include "runtime/checkpoint/safetensors_tree.h"

#include <ATen/ops/empty_strided.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>

#include <atomic>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "core/concat.h"
#include "fabric/error.h"
#include "runtime/checkpoint/checkpoint_limits.h"
#include "runtime/checkpoint/crc32.h"

namespace fabric {
namespace {

using nlohmann::ordered_json;

// What JSON has no form for stands in an object with one of these keys; a dict's own keys that begin so get another '$'.
constexpr const char* kTensor = "$tensor";
constexpr const char* kDouble = "$double";

/// Turns a tree into JSON, and collects its tensors.
class Flattener {
 public:
  ordered_json flatten(const Value& value, const std::string& name) {
    if (value.is_none()) return nullptr;
    if (value.is_bool()) return value.to_bool();
    if (value.is_int()) return value.to_int();
    if (value.is_double()) return flatten_double(value.to_double());
    if (value.is_string()) return value.to_string();
    if (value.is_tensor()) return flatten_tensor(value.to_tensor(), name);
    if (++depth_ > kMostLevels) {
      throw UsageError(concat("a checkpoint must have at most ", kMostLevels, " levels of lists and dicts"));
    }
    ordered_json json = value.is_list() ? flatten_list(value.to_list(), name) : flatten_dict(value.to_dict(), name);
    --depth_;
    return json;
  }

  std::vector<std::pair<std::string, at::Tensor>> tensors;

 private:
  static ordered_json flatten_double(double value) {
    if (std::isfinite(value)) return value;
    return {{kDouble, std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf"}};
  }

  ordered_json flatten_list(const List& list, const std::string& name) {
    ordered_json json = ordered_json::array();
    for (const Value& item : list) json.push_back(flatten(item, joined(name, std::to_string(json.size()))));
    return json;
  }

  ordered_json flatten_dict(const Dict& dict, const std::string& name) {
    ordered_json json = ordered_json::object();
    for (const auto& [key, item] : dict) {
      json[key.starts_with('$') ? "$" + key : key] = flatten(item, joined(name, key));
    }
    return json;
  }

  ordered_json flatten_tensor(const at::Tensor& original, const std::string& name) {
    if (!original.defined()) throw UsageError("a checkpoint cannot hold an undefined tensor; leave it out");
    if (original.layout() != c10::kStrided || original.is_quantized() || original.is_meta()) {
      throw UsageError(
          concat("a checkpoint holds dense tensors, but '", name, "' is ", original.toString(), "; convert it first"));
    }
    if (!names_.insert(name).second) {
      throw UsageError(
          concat("tensors in a file of safetensors must differ in name, but two are '", name, "'; rename one"));
    }
    ordered_json json = {{kTensor, name}};
    at::Tensor tensor = original.detach().resolve_conj().resolve_neg();
    if (!tensor.is_contiguous()) json["strides"] = tensor.strides().vec();
    if (tensor.is_complex()) {
      json["complex"] = true;
      tensor = at::view_as_real(tensor);
    }
    if (safetensors_dtype(tensor.scalar_type()).empty()) {
      throw UsageError(
          concat("safetensors has no dtype for '", name, "', which is ", tensor.toString(), "; convert it first"));
    }
    tensor = tensor.cpu().contiguous();
    json["crc"] = crc32_in_parallel(std::string_view(static_cast<const char*>(tensor.data_ptr()), tensor.nbytes()));
    tensors.emplace_back(name, std::move(tensor));
    return json;
  }

  static std::string joined(const std::string& name, const std::string& key) {
    return name.empty() ? key : concat(name, ".", key);
  }

  std::set<std::string> names_;
  int depth_ = 0;
};

/// Turns JSON into the tree that it was made from.
class Unflattener {
 public:
  Unflattener(std::shared_ptr<const SafetensorsFile> file, Verify verify) : file_(std::move(file)), verify_(verify) {}

  Value unflatten(const ordered_json& json, int depth = 0) const {
    if (depth > kMostLevels) file_->damaged("the tree in its header is too deep");
    if (json.is_null()) return {};
    if (json.is_boolean()) return json.get<bool>();
    if (json.is_number_float()) return json.get<double>();
    if (json.is_number_integer()) return json.get<int64_t>();
    if (json.is_string()) return json.get<std::string>();
    if (json.is_array()) {
      List list;
      for (const ordered_json& item : json) list.push_back(unflatten(item, depth + 1));
      return list;
    }
    if (json.contains(kTensor)) return unflatten_tensor(json);
    if (json.contains(kDouble)) return std::stod(json.at(kDouble).get<std::string>());
    Dict dict;
    for (const auto& [key, item] : json.items()) {
      dict.emplace_back(key.starts_with('$') ? key.substr(1) : key, unflatten(item, depth + 1));
    }
    return dict;
  }

 private:
  Value unflatten_tensor(const ordered_json& json) const {
    const SafetensorsFile::Entry& entry = file_->entry(json.at(kTensor).get<std::string>());
    const auto verify = [file = file_, name = entry.name, crc = json.at("crc").get<uint32_t>()] {
      const std::string_view bytes = file->bytes(file->entry(name));
      if (crc32_in_parallel(bytes) == crc) return;
      file->damaged(concat("the bytes of tensor '", name, "' do not match their checksum"));
    };
    at::Tensor tensor = file_->tensor(entry);
    if (json.contains("complex")) tensor = at::view_as_complex(tensor);
    const bool is_strided = json.contains("strides");
    if (verify_ == Verify::kFull || is_strided) verify();
    if (is_strided) {
      const auto strides = json.at("strides").get<std::vector<int64_t>>();
      return at::empty_strided(tensor.sizes(), strides, tensor.options()).copy_(tensor);
    }
    return verify_ == Verify::kFull ? Value(tensor) : Value(DeferredTensor(tensor, remembering(verify)));
  }

  /// Returns a check that is made until it has succeeded.
  static std::function<void()> remembering(std::function<void()> check) {
    return [check = std::move(check), done = std::make_shared<std::atomic<bool>>(false)] {
      if (!*done) check();
      *done = true;
    };
  }

  std::shared_ptr<const SafetensorsFile> file_;
  Verify verify_;
};

}  // namespace

FlatValue flatten(const Value& value) {
  Flattener flattener;
  const ordered_json tree = flattener.flatten(value, "");
  try {
    return {std::move(flattener.tensors), tree.dump()};
  } catch (const nlohmann::json::exception& error) {
    throw UsageError(concat("texts in a file of safetensors must be UTF-8: ", error.what()));
  }
}

Value unflatten(const std::shared_ptr<const SafetensorsFile>& file, Verify verify) {
  const ordered_json tree = ordered_json::parse(file->metadata().at(kTreeKey), nullptr, /*allow_exceptions=*/false);
  if (tree.is_discarded()) file->damaged("the tree in its header is no JSON");
  try {
    return Unflattener(file, verify).unflatten(tree);
  } catch (const nlohmann::json::exception& error) {
    file->damaged(concat("the tree in its header is not as it must be: ", error.what()));
  } catch (const std::logic_error& error) {
    file->damaged(concat("a number in the tree of its header is none: ", error.what()));
  } catch (const c10::Error& error) {
    file->damaged(concat("a tensor in the tree of its header is none: ", error.what_without_backtrace()));
  }
}

}  // namespace fabric
