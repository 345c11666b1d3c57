#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "fabric/error.h"
#include "fabric/export.h"

namespace fabric {

class Value;
/// Ordered, as Python's dict is; keys are unique.
using Dict = std::vector<std::pair<std::string, Value>>;
using List = std::vector<Value>;

/// A tensor whose data are checked when it is taken first: what a checkpoint gives out where it was not read as a whole.
class FABRIC_API DeferredTensor {
 public:
  /// `verify` throws if the data are damaged. It is called each time, by any thread, and remembers what it found.
  DeferredTensor(at::Tensor tensor, std::function<void()> verify)
      : tensor_(std::move(tensor)), verify_(std::move(verify)) {}
  const at::Tensor& take() const {
    verify_();
    return tensor_;
  }

 private:
  at::Tensor tensor_;
  std::function<void()> verify_;
};

/// What a checkpoint holds and a broadcast carries: a tree of None, bool, int64, double, string, tensor, list, dict.
/// Never code. Copies share tensors.
class FABRIC_API Value {
 public:
  Value() = default;
  Value(bool v) : data_(v) {}                      // NOLINT: implicit, so that trees can be written as literals
  Value(int v) : data_(int64_t{v}) {}              // NOLINT
  Value(int64_t v) : data_(v) {}                   // NOLINT
  Value(double v) : data_(v) {}                    // NOLINT
  Value(const char* v) : data_(std::string(v)) {}  // NOLINT
  Value(std::string v) : data_(std::move(v)) {}    // NOLINT
  Value(at::Tensor v) : data_(std::move(v)) {}     // NOLINT
  Value(DeferredTensor v) : data_(std::make_shared<const DeferredTensor>(std::move(v))) {}  // NOLINT
  Value(List v) : data_(std::move(v)) {}                                                    // NOLINT
  Value(Dict v) : data_(std::move(v)) {}                                                    // NOLINT

  bool is_none() const { return std::holds_alternative<std::monostate>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  bool is_int() const { return std::holds_alternative<int64_t>(data_); }
  bool is_double() const { return std::holds_alternative<double>(data_); }
  bool is_string() const { return std::holds_alternative<std::string>(data_); }
  bool is_tensor() const { return std::holds_alternative<at::Tensor>(data_) || is_deferred(); }
  bool is_list() const { return std::holds_alternative<List>(data_); }
  bool is_dict() const { return std::holds_alternative<Dict>(data_); }
  /// Returns "dict", "tensor", ... for messages.
  std::string_view kind() const;

  // Each throws UsageError that names both kinds if the value is of another kind. to_double() takes an int too; to_tensor()
  // throws SystemError where the tensor is of a checkpoint that was not verified yet and is damaged.
  bool to_bool() const;
  int64_t to_int() const;
  double to_double() const;
  const std::string& to_string() const;
  const at::Tensor& to_tensor() const;
  const List& to_list() const;
  const Dict& to_dict() const;
  List& to_list();
  Dict& to_dict();

  /// Returns the entry `key` of a dict, or null if it has none. Throws UsageError if this is no dict.
  const Value* find(std::string_view key) const;
  /// As find(), but throws UsageError that lists the keys there are.
  const Value& at(std::string_view key) const;

 private:
  using Deferred = std::shared_ptr<const DeferredTensor>;  // copies of the value share it
  bool is_deferred() const { return std::holds_alternative<Deferred>(data_); }

  std::variant<std::monostate, bool, int64_t, double, std::string, at::Tensor, List, Dict, Deferred> data_;
};

}  // namespace fabric
