#include "runtime/api/optimizer_fields.h"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/scalar_tensor.h>

#include <string_view>

#include "core/concat.h"

namespace fabric {

Value save_step(int64_t step) { return at::scalar_tensor(step, at::kFloat); }

int64_t load_step(const Value& state) {
  const Value& step = state.at("step");
  if (!step.is_tensor()) return static_cast<int64_t>(step.to_double());
  if (step.to_tensor().numel() != 1) {
    throw UsageError(
        concat("the optimizer state 'step' must be one number, but has the shape ", step.to_tensor().sizes()));
  }
  return step.to_tensor().to(at::kLong).item<int64_t>();
}

void save_tensor(Dict& dict, const char* key, const at::Tensor& tensor) {
  if (tensor.defined()) dict.emplace_back(key, tensor.detach());
}

void check_tensor(const Value& state, const char* key, const at::Tensor& parameter) {
  const at::Tensor& found = state.at(key).to_tensor();
  if (found.sizes() != parameter.sizes()) {
    throw UsageError(concat("the optimizer state '", key, "' must have the parameter's shape ", parameter.sizes(),
                            ", but has ", found.sizes(), "; load it into an optimizer over the same parameters"));
  }
}

void check_optional(const Value& state, const char* key, const at::Tensor& parameter) {
  const Value* const found = state.find(key);
  if (found != nullptr && !found->is_none()) check_tensor(state, key, parameter);
}

void load_tensor(const Value& state, const char* key, const at::Tensor& parameter, at::Tensor& field) {
  const Value* const found = state.find(key);
  if (found == nullptr || found->is_none()) {
    field.reset();
    return;
  }
  const bool fits = field.defined() && field.sizes() == parameter.sizes() && field.strides() == parameter.strides() &&
                    field.scalar_type() == parameter.scalar_type() && field.device() == parameter.device();
  if (!fits) {
    field.reset();  // before the new one is made: never two of them in memory
    field = at::empty_like(parameter.detach());
  }
  field.copy_(found->to_tensor());
}

void add_python_options(Dict& group, std::initializer_list<const char*> flags, bool fused) {
  for (const char* flag : flags) {
    const std::string_view name = flag;
    if (name == "fused" && fused) {
      group.emplace_back(flag, true);
    } else {
      group.emplace_back(flag, name == "foreach" || name == "fused" ? Value() : Value(false));
    }
  }
}

void refuse_maximize(const Value& group) {
  const Value* const maximize = group.find("maximize");
  if (maximize != nullptr && !maximize->is_none() && maximize->to_bool()) {
    throw UsageError(
        "an optimizer's 'maximize' must be false in C++, but the checkpoint has true; negate the loss instead");
  }
}

}  // namespace fabric
