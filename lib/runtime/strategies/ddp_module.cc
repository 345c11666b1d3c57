#include "runtime/strategies/ddp_module.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/csrc/distributed/c10d/comm.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "core/concat.h"
#include "fabric/error.h"
#include "runtime/collectives/peer_failure.h"

namespace fabric {
namespace {

constexpr size_t kBroadcastBytes = size_t{250} << 20;  // as PyTorch's, so that the first broadcast is cut alike
constexpr size_t kNamesInMessage = 10;

std::string listed(const std::vector<std::string>& names) {
  std::string result;
  for (size_t i = 0; i < names.size() && i < kNamesInMessage; ++i)
    result += concat(i == 0 ? "'" : ", '", names[i], "'");
  if (names.size() > kNamesInMessage) result += concat(" and ", names.size() - kNamesInMessage, " more");
  return result;
}

/// Returns a tensor that shares the memory of `gradient` and is no view of it: Optimizer::zero_grad() detaches gradients in
/// place, which views refuse. The reducer recognises its memory and copies nothing.
at::Tensor alias_of(const at::Tensor& gradient) {
  at::Tensor alias = at::empty({0}, gradient.options());
  alias.set_(gradient.storage(), gradient.storage_offset(), gradient.sizes(), gradient.strides());
  return alias;
}

}  // namespace

struct DdpModule::Trainable {
  size_t index;                                        // in module_.parameters
  std::shared_ptr<torch::autograd::Node> accumulator;  // the one that carries the reducer's hook
};

DdpModule::DdpModule(ModuleParameters module, c10::intrusive_ptr<c10d::ProcessGroup> group, const DdpOptions& options)
    : module_(std::move(module)), group_(std::move(group)), options_(options) {
  if (module_.parameters.empty() && module_.buffers.empty()) return;
  try {
    if (!module_.parameters.empty()) c10d::verify_params_across_processes(group_, module_.parameters, std::nullopt);
  } catch (const c10::DistError&) {
    rethrow_as_peer_error("setup_module() failed, because another rank left or did not come");
  } catch (const c10::Error& error) {
    std::throw_with_nested(
        UsageError(concat("a module must have the same parameters on all ranks: ", brief_reason(error))));
  } catch (const std::exception&) {
    rethrow_as_peer_error("setup_module() failed, because another rank left or did not come");
  }
  std::vector<at::Tensor> all = module_.parameters;
  all.insert(all.end(), module_.buffers.begin(), module_.buffers.end());
  broadcast_from_rank_0(std::move(all));
}

DdpModule::~DdpModule() = default;

bool DdpModule::is_reached(const AutogradGraph& graph) const {
  return std::any_of(module_.parameters.begin(), module_.parameters.end(), [&](const at::Tensor& parameter) {
    return parameter.requires_grad() && graph.reaches(parameter);
  });
}

void DdpModule::prepare(const at::Tensor& loss, const AutogradGraph& graph) {
  if (!options_.find_unused_parameters) check_all_reached(graph);
  if (!is_reducer_current()) make_reducer();
  // Before each pass, or the reducer never notices that a parameter of the pass before got no gradient.
  reducer_->rebuild_buckets();
  std::vector<at::Tensor> outputs;
  if (options_.find_unused_parameters) outputs.push_back(loss);
  reducer_->prepare_for_backward(outputs);
}

void DdpModule::finish() {
  for (const Trainable& trainable : trainable_) {
    at::Tensor& gradient = module_.parameters[trainable.index].mutable_grad();
    if (gradient.defined() && gradient.is_view()) gradient = alias_of(gradient);
  }
  if (options_.broadcast_buffers && !module_.buffers.empty()) broadcast_from_rank_0(module_.buffers);
}

void DdpModule::abandon() {
  reducer_.reset();
  trainable_.clear();
}

void DdpModule::check_all_reached(const AutogradGraph& graph) const {
  std::vector<std::string> unused;
  for (size_t i = 0; i < module_.parameters.size(); ++i) {
    const at::Tensor& parameter = module_.parameters[i];
    if (parameter.requires_grad() && !graph.reaches(parameter)) unused.push_back(module_.names[i]);
  }
  if (unused.empty()) return;
  throw UsageError(
      concat("every trainable parameter must take part in the loss, but on rank ", group_->getRank(), " ",
             unused.size(), unused.size() == 1 ? " does" : " do", " not: ", listed(unused),
             "; freeze them with requires_grad_(false), or use strategy 'ddp_find_unused_parameters_true'"));
}

bool DdpModule::is_reducer_current() const {
  if (!reducer_) return false;
  size_t next = 0;
  for (size_t i = 0; i < module_.parameters.size(); ++i) {
    if (!module_.parameters[i].requires_grad()) continue;
    if (next == trainable_.size() || trainable_[next].index != i) return false;
    if (accumulator_of(module_.parameters[i]) != trainable_[next].accumulator) return false;
    ++next;
  }
  return next == trainable_.size();
}

void DdpModule::make_reducer() {
  abandon();
  std::vector<at::Tensor> parameters;
  std::unordered_map<size_t, std::string> names;
  for (size_t i = 0; i < module_.parameters.size(); ++i) {
    const at::Tensor& parameter = module_.parameters[i];
    if (!parameter.requires_grad()) continue;
    trainable_.push_back({i, torch::autograd::impl::grad_accumulator(parameter)});
    names[parameters.size()] = module_.names[i];
    parameters.push_back(parameter);
  }
  const std::vector<bool> sparse(parameters.size(), false);
  const std::vector<size_t> limits{static_cast<size_t>(options_.first_bucket_bytes),
                                   static_cast<size_t>(options_.bucket_bytes)};
  auto buckets = std::get<0>(c10d::compute_bucket_assignment_by_size(parameters, limits, sparse));
  std::reverse(buckets.begin(), buckets.end());  // gradients come last layer first
  reducer_ = std::make_unique<c10d::Reducer>(
      std::move(parameters), std::move(buckets), group_, sparse, options_.bucket_bytes, options_.find_unused_parameters,
      /*gradient_as_bucket_view=*/true, std::move(names), options_.first_bucket_bytes,
      /*skip_all_reduce_unused_params=*/false,
      /*use_python_reducer=*/false, /*bucket_bytes_cap_list=*/std::vector<int64_t>{});
}

void DdpModule::broadcast_from_rank_0(std::vector<at::Tensor> tensors) {
  // variable_data() shares memory but no version counter: a graph that saved a buffer and is still to be walked stays valid.
  for (at::Tensor& tensor : tensors) tensor = tensor.variable_data();
  try {
    c10d::broadcast_coalesced(group_, tensors, kBroadcastBytes, 0);
  } catch (const std::exception&) {
    rethrow_as_peer_error("the broadcast of parameters and buffers failed, because another rank left or did not come");
  }
}

}  // namespace fabric
