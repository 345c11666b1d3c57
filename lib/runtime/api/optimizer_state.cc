#include "runtime/api/optimizer_state.h"

#include <torch/optim/optimizer.h>

#include <string>
#include <vector>

#include "core/concat.h"
#include "runtime/api/optimizer_layout.h"

namespace fabric {
namespace {

/// The state of one parameter, checked and not loaded yet.
struct SavedState {
  at::Tensor parameter;
  Value value;
};

/// Returns the state of `group`'s parameters, which are counted from `first`, as "state" has it.
void save_states(torch::optim::Optimizer& optimizer, const OptimizerLayout& layout,
                 const torch::optim::OptimizerParamGroup& group, size_t first, Dict& states) {
  for (size_t i = 0; i < group.params().size(); ++i) {
    const auto found = optimizer.state().find(group.params()[i].unsafeGetTensorImpl());
    if (found != optimizer.state().end())
      states.emplace_back(std::to_string(first + i), layout.save_state(*found->second));
  }
}

Dict save_group(const OptimizerLayout& layout, const torch::optim::OptimizerParamGroup& group, size_t first) {
  Dict dict = layout.save_options(group.options());
  List numbers;
  for (size_t i = 0; i < group.params().size(); ++i) numbers.emplace_back(static_cast<int64_t>(first + i));
  dict.emplace_back("params", std::move(numbers));
  return dict;
}

/// Throws unless the checkpoint's groups are as many and as large as the optimizer's.
void check_groups(const torch::optim::Optimizer& optimizer, const List& groups) {
  if (groups.size() != optimizer.param_groups().size()) {
    throw UsageError(concat("the optimizer state must have the optimizer's ", optimizer.param_groups().size(),
                            " parameter groups, but has ", groups.size()));
  }
  for (size_t i = 0; i < groups.size(); ++i) {
    const size_t here = optimizer.param_groups()[i].params().size();
    const size_t there = groups[i].at("params").to_list().size();
    if (here != there) {
      throw UsageError(concat("parameter group ", i, " of the optimizer state must have ", here,
                              " parameters, but has ", there, "; load it into an optimizer over the same parameters"));
    }
  }
}

/// Returns how the checkpoint names a parameter: Python numbers them, but any name would do.
std::string key_of(const Value& parameter) {
  return parameter.is_string() ? parameter.to_string() : std::to_string(parameter.to_int());
}

/// Checks the states of `group`'s parameters, which the checkpoint calls `keys`, and appends them.
void check_states(const OptimizerLayout& layout, const torch::optim::OptimizerParamGroup& group, const List& keys,
                  const Value& saved, std::vector<SavedState>& states) {
  for (size_t i = 0; i < keys.size(); ++i) {
    const std::string key = key_of(keys[i]);
    const Value* const found = saved.find(key);
    if (found == nullptr) continue;
    try {
      layout.check_state(*found, group.params(), i);
    } catch (const UsageError& error) {
      std::throw_with_nested(UsageError(concat("the state of parameter ", key, " does not fit: ", error.what())));
    }
    states.push_back({group.params()[i], *found});
  }
}

}  // namespace

Value optimizer_state_dict(torch::optim::Optimizer& optimizer) {
  const OptimizerLayout layout = optimizer_layout(optimizer);
  Dict states;
  List groups;
  size_t first = 0;
  for (const torch::optim::OptimizerParamGroup& group : optimizer.param_groups()) {
    save_states(optimizer, layout, group, first, states);
    groups.emplace_back(save_group(layout, group, first));
    first += group.params().size();
  }
  return Dict{{"state", std::move(states)}, {"param_groups", std::move(groups)}};
}

PendingLoad prepare_optimizer_load(torch::optim::Optimizer& optimizer, const Value& value) {
  const OptimizerLayout layout = optimizer_layout(optimizer);
  const List& groups = value.at("param_groups").to_list();
  check_groups(optimizer, groups);
  std::vector<SavedState> states;
  std::vector<std::shared_ptr<torch::optim::OptimizerOptions>> options;
  for (size_t i = 0; i < groups.size(); ++i) {
    const torch::optim::OptimizerParamGroup& group = optimizer.param_groups()[i];
    check_states(layout, group, groups[i].at("params").to_list(), value.at("state"), states);
    options.push_back(group.options().clone());
    layout.load_options(*options.back(), groups[i]);
  }
  return PendingLoad([&optimizer, load_state = layout.load_state, states = std::move(states), options] {
    for (size_t i = 0; i < options.size(); ++i) optimizer.param_groups()[i].set_options(options[i]->clone());
    auto old = std::move(optimizer.state());
    optimizer.state().clear();
    for (const SavedState& saved : states) {
      void* const parameter = saved.parameter.unsafeGetTensorImpl();
      optimizer.state()[parameter] = load_state(saved.value, saved.parameter, std::move(old[parameter]));
    }
  });
}

}  // namespace fabric
