#include "runtime/checkpoint/value_pickler.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <limits>
#include <map>
#include <unordered_map>

#include "core/concat.h"
#include "runtime/checkpoint/checkpoint_limits.h"
#include "runtime/checkpoint/torch_dtypes.h"

namespace fabric {
namespace {

/// Returns the name of a dtype in `table`; empty if it is not there.
template <class Table>
std::string_view name_in(const Table& table, at::ScalarType dtype) {
  for (const auto& [name, known] : table) {
    if (known == dtype) return name;
  }
  return {};
}

/// Writes the opcodes of protocol 2.
class Opcodes {
 public:
  void op(char code) { bytes_ += code; }
  template <class T>
  void number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }

  void integer(int64_t value) {
    if (value >= 0 && value < 256) {
      op('K'), number(static_cast<uint8_t>(value));
    } else if (value >= std::numeric_limits<int32_t>::min() && value <= std::numeric_limits<int32_t>::max()) {
      op('J'), number(static_cast<int32_t>(value));
    } else {
      op('\x8a'), number(uint8_t{8}), number(value);
    }
  }

  void real(double value) {
    uint64_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    op('G'), number(__builtin_bswap64(bits));
  }

  void text(std::string_view text) {
    if (text.size() > std::numeric_limits<uint32_t>::max())
      throw UsageError("a text in a checkpoint must be below 4 GB");
    op('X'), number(static_cast<uint32_t>(text.size()));
    bytes_ += text;
  }

  /// Names torch's or Python's object `name` of `module`: once in full, then by the number under which it is remembered.
  void global(std::string_view module, std::string_view name) {
    const auto [place, is_new] = globals_.try_emplace(concat('c', module, '\n', name, '\n'), globals_.size());
    if (is_new) bytes_ += place->first;
    op(is_new ? 'q' : 'h'), number(static_cast<uint8_t>(place->second));
  }

  void extents(at::IntArrayRef values) {
    op('(');
    for (const int64_t value : values) integer(value);
    op('t');
  }

  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_ = "\x80\x02";
  std::map<std::string, size_t> globals_;  ///< at most one of each dtype and a few functions
};

/// Writes values; tensors of other devices become ones on the CPU that share storages as the originals do.
class Pickler {
 public:
  PickledValue pickle(const Value& value) {
    write(value);
    out_.op('.');
    result_.bytes = out_.take();
    return std::move(result_);
  }

 private:
  void write(const Value& value) {
    if (value.is_none()) return out_.op('N');
    if (value.is_bool()) return out_.op(value.to_bool() ? '\x88' : '\x89');
    if (value.is_int()) return out_.integer(value.to_int());
    if (value.is_double()) return out_.real(value.to_double());
    if (value.is_string()) return out_.text(value.to_string());
    if (value.is_tensor()) return write_tensor(value.to_tensor());
    if (++depth_ > kMostLevels) {
      throw UsageError(concat("a checkpoint must have at most ", kMostLevels, " levels of lists and dicts"));
    }
    value.is_list() ? write_list(value.to_list()) : write_dict(value.to_dict());
    --depth_;
  }

  void write_list(const List& list) {
    out_.op(']'), out_.op('(');
    for (const Value& item : list) write(item);
    out_.op('e');
  }

  void write_dict(const Dict& dict) {
    const auto has = [&](std::string_view key) {
      return std::any_of(dict.begin(), dict.end(), [&](const auto& item) { return item.first == key; });
    };
    const bool is_optimizer = has("state") && has("param_groups");
    out_.op('}'), out_.op('(');
    for (const auto& [key, value] : dict) {
      out_.text(key);
      if (is_optimizer && key == "state" && value.is_dict() && has_index_keys(value.to_dict())) {
        write_states(value.to_dict());
      } else {
        write(value);
      }
    }
    out_.op('u');
  }

  void write_states(const Dict& states) {
    out_.op('}'), out_.op('(');
    for (const auto& [key, value] : states) out_.integer(std::stoll(key)), write(value);
    out_.op('u');
  }

  static bool has_index_keys(const Dict& dict) {
    return std::all_of(dict.begin(), dict.end(), [](const auto& item) {
      const std::string& key = item.first;
      const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
      return !key.empty() && key.size() < 19 && std::all_of(key.begin(), key.end(), is_digit);
    });
  }

  /// As Tensor.__reduce_ex__ does: a function, and (storage, offset, size, stride, requires_grad, hooks[, dtype]).
  void write_tensor(const at::Tensor& original) {
    check(original);
    const at::Tensor tensor = to_cpu(original.detach().resolve_conj().resolve_neg());
    const at::ScalarType dtype = tensor.scalar_type();
    const bool is_typed = !name_in(kStorageTypes, dtype).empty();
    out_.global("torch._utils", is_typed ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3");
    out_.op('(');
    write_storage(tensor.storage(), dtype, is_typed);
    out_.integer(tensor.storage_offset());
    out_.extents(tensor.sizes());
    out_.extents(tensor.strides());
    out_.op('\x89');
    out_.global("collections", "OrderedDict");
    out_.op(')'), out_.op('R');
    if (!is_typed) out_.global("torch", name_in(kUntypedDtypes, dtype));
    out_.op('t'), out_.op('R');
  }

  /// As torch.save's persistent_id: ('storage', type, key, location, elements).
  void write_storage(const c10::Storage& storage, at::ScalarType dtype, bool is_typed) {
    const size_t element_bytes = is_typed ? c10::elementSize(dtype) : 1;
    const size_t elements = storage.nbytes() / element_bytes;
    const auto [place, is_new] = keys_.try_emplace({storage.unsafeGetStorageImpl(), dtype}, result_.storages.size());
    if (is_new) result_.storages.push_back({storage, elements * element_bytes});
    out_.op('(');
    out_.text("storage");
    is_typed ? out_.global("torch", name_in(kStorageTypes, dtype)) : out_.global("torch.storage", "UntypedStorage");
    out_.text(std::to_string(place->second));
    out_.text("cpu");
    out_.integer(static_cast<int64_t>(elements));
    out_.op('t'), out_.op('Q');
  }

  static void check(const at::Tensor& tensor) {
    if (!tensor.defined()) throw UsageError("a checkpoint cannot hold an undefined tensor; leave it out");
    const at::ScalarType dtype = tensor.scalar_type();
    const bool is_known = !name_in(kStorageTypes, dtype).empty() || !name_in(kUntypedDtypes, dtype).empty();
    if (!is_known || tensor.layout() != c10::kStrided || tensor.is_quantized() || tensor.is_meta()) {
      throw UsageError(concat("a checkpoint holds dense tensors of Python's dtypes, but one is ", tensor.toString(),
                              "; convert it first"));
    }
  }

  at::Tensor to_cpu(const at::Tensor& tensor) {
    if (tensor.is_cpu()) return tensor;
    const auto options = tensor.options().device(c10::kCPU);
    return at::empty({0}, options).set_(cpu_storage(tensor), tensor.storage_offset(), tensor.sizes(), tensor.strides());
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

  Opcodes out_;
  PickledValue result_;
  std::map<std::pair<const c10::StorageImpl*, at::ScalarType>, size_t> keys_;
  std::unordered_map<const c10::StorageImpl*, at::Tensor> copies_;
  int depth_ = 0;
};

}  // namespace

PickledValue pickle_value(const Value& value) { return Pickler().pickle(value); }

}  // namespace fabric
