#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <memory>
#include <string>
#include <vector>

#include "fabric/accelerator.h"
#include "fabric/collective.h"
#include "fabric/environment.h"
#include "fabric/export.h"

namespace torch::nn {
class Module;
}

namespace fabric {

/// A module as a strategy sees it: its parameters in named_parameters() order, each tensor once, with their names.
struct ModuleParameters {
  torch::nn::Module* module = nullptr;  ///< borrowed; lives as long as the strategy's handle
  std::vector<std::string> names;
  std::vector<at::Tensor> parameters;
  std::vector<at::Tensor> buffers;
};

/// What a strategy keeps for one module that was set up; dropped with the last handle of the module.
class FABRIC_API StrategyModule {
 public:
  virtual ~StrategyModule();
  /// Turns the exchange of gradients on or off for the backward passes that follow; for gradient accumulation.
  virtual void set_backward_sync(bool enabled) = 0;
  virtual bool backward_sync() const = 0;
};

/// How the ranks of a job share the work: which device, which process group, how modules are replicated or sharded and
/// gradients exchanged.
class FABRIC_API Strategy {
 public:
  virtual ~Strategy();

  /// Returns the registry's name: "ddp", "single_device".
  virtual std::string name() const = 0;
  /// Joins the other ranks: process group, collective. Called once, before any other call. Throws PeerError if they do
  /// not come, UsageError if the strategy cannot serve this world (single_device with two ranks).
  virtual void setup_environment(Environment& environment, Accelerator& accelerator) = 0;
  /// Returns this rank's device. After setup_environment().
  virtual c10::Device device() const = 0;
  /// Returns the collective of all ranks. After setup_environment(); lives as long as the strategy.
  virtual Collective& collective() = 0;
  /// Makes `module` ready: broadcasts parameters and buffers from rank 0, builds what exchanges gradients. Every rank must
  /// call it in the same order. The module is on device() already.
  virtual std::shared_ptr<StrategyModule> setup_module(const ModuleParameters& module) = 0;
  /// Runs the backward pass of `loss`, a scalar, so that afterwards the gradients of all modules that it reaches are as the
  /// strategy promises (ddp: the mean over ranks, where backward sync is on). Throws UsageError that names the
  /// parameters that had to take part and did not.
  virtual void backward(const at::Tensor& loss) = 0;
  /// Into how many parts a dataset is cut, and which of them this rank has.
  struct DataShare {
    int num_replicas = 1;
    int rank = 0;
  };
  virtual DataShare data_share() const = 0;
  /// Returns whether a model must be called through its Module handle.
  virtual bool needs_entry() const = 0;
};

}  // namespace fabric
