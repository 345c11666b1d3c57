#include "runtime/api/module_state.h"

#include <torch/nn/module.h>

#include <set>

#include "core/concat.h"

namespace fabric {
namespace {

void collect(const torch::nn::Module& module, const std::string& prefix,
             std::vector<std::pair<std::string, at::Tensor>>& state) {
  for (const auto& item : module.named_parameters(/*recurse=*/false))
    state.emplace_back(prefix + item.key(), item.value());
  for (const auto& item : module.named_buffers(/*recurse=*/false))
    state.emplace_back(prefix + item.key(), item.value());
  for (const auto& child : module.named_children()) collect(*child.value(), prefix + child.key() + ".", state);
}

void append(std::string& list, std::string_view item) {
  if (!list.empty()) list += ", ";
  list += concat("'", item, "'");
}

/// What keeps a state dict from being loaded; each member lists names, or is empty.
struct Misfits {
  std::string missing;
  std::string unknown;
  std::string shapes;

  bool none() const { return missing.empty() && unknown.empty() && shapes.empty(); }
};

Misfits find_misfits(const std::vector<std::pair<std::string, at::Tensor>>& state, const Value& value, bool strict) {
  Misfits misfits;
  std::set<std::string> known;
  for (const auto& [name, tensor] : state) {
    known.insert(name);
    const Value* const loaded = value.find(name);
    if (loaded == nullptr) {
      if (strict) append(misfits.missing, name);
    } else if (!loaded->is_tensor()) {
      append(misfits.shapes, concat(name, ": a ", loaded->kind(), " instead of a tensor"));
    } else if (loaded->to_tensor().sizes() != tensor.sizes()) {
      append(misfits.shapes, concat(name, ": ", loaded->to_tensor().sizes(), " instead of ", tensor.sizes()));
    } else if (loaded->to_tensor().is_complex() && !tensor.is_complex()) {
      append(misfits.shapes, concat(name, ": ", loaded->to_tensor().dtype(), " instead of ", tensor.dtype()));
    }
  }
  if (!strict) return misfits;
  for (const auto& [name, loaded] : value.to_dict()) {
    if (known.count(name) == 0) append(misfits.unknown, name);
  }
  return misfits;
}

}  // namespace

std::vector<std::pair<std::string, at::Tensor>> named_state(const torch::nn::Module& module) {
  std::vector<std::pair<std::string, at::Tensor>> state;
  collect(module, "", state);
  return state;
}

Value module_state_dict(const torch::nn::Module& module) {
  Dict dict;
  for (const auto& [name, tensor] : named_state(module)) dict.emplace_back(name, tensor.detach());
  return dict;
}

PendingLoad prepare_module_load(const torch::nn::Module& module, const Value& value, bool strict) {
  const auto state = named_state(module);
  const Misfits misfits = find_misfits(state, value, strict);
  if (!misfits.none()) {
    throw UsageError(concat("the state must fit the module ", module.name(), ", but it lacks {", misfits.missing,
                            "}, has unknown {", misfits.unknown, "}, and differs in {", misfits.shapes,
                            "}; load it into the module that it was saved from, or without strict"));
  }
  std::vector<std::pair<at::Tensor, at::Tensor>> copies;
  for (const auto& [name, tensor] : state) {
    if (const Value* const loaded = value.find(name)) copies.emplace_back(tensor, loaded->to_tensor());
  }
  return PendingLoad([copies = std::move(copies)] {
    const at::NoGradGuard no_grad;
    for (auto [tensor, loaded] : copies) tensor.copy_(loaded);
  });
}

}  // namespace fabric
