#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "fabric/accelerator.h"
#include "fabric/arguments.h"
#include "fabric/callback.h"
#include "fabric/checkpoint_io.h"
#include "fabric/data_loader.h"
#include "fabric/environment.h"
#include "fabric/error.h"
#include "fabric/export.h"
#include "fabric/logger.h"
#include "fabric/module.h"
#include "fabric/optim.h"
#include "fabric/optimizer.h"
#include "fabric/options.h"
#include "fabric/program.h"
#include "fabric/progress.h"
#include "fabric/seed.h"
#include "fabric/state.h"
#include "fabric/state_containers.h"
#include "fabric/strategy.h"
#include "fabric/tensor_tree.h"
#include "fabric/value.h"

namespace fabric {

namespace detail {
struct FabricCore;
}

/// Leaves train() at a step that all ranks agreed on, after the state was saved; the rank then ends with exit code 75. Not a
/// std::exception: do not catch it.
struct Stop {};

/// Where resume() found what training goes on with.
struct Resumed {
  enum class From {
    kNothing,  ///< training begins
    kDisk,     ///< a checkpoint
  };
  From from = From::kNothing;
  int64_t step = 0;        ///< steps that had ended when it was saved
  int64_t steps_lost = 0;  ///< steps that a rank had ended beyond it before it failed, as far as that is known
  std::string what{};      ///< path of the checkpoint
  explicit operator bool() const { return from != From::kNothing; }
};

/// For each entry of a state, which parts of it are saved: called with each name and value of the entry's dict.
using StateFilter = std::map<std::string, std::function<bool(const std::string&, const Value&)>>;

/// One rank's view of the training job. Methods marked collective must be called by every rank, in the same order.
class FABRIC_API Fabric {
 public:
  /// Resolves the options and joins the other ranks: collective. `environment` outlives the Fabric. Throws UsageError for
  /// options that cannot work here, PeerError if the others do not come.
  Fabric(Environment& environment, Options options);
  ~Fabric();
  Fabric(const Fabric&) = delete;
  Fabric& operator=(const Fabric&) = delete;

  int global_rank() const;
  int local_rank() const;
  int node_rank() const;
  int world_size() const;
  /// Returns how often the ranks of this job were started again after one of them had failed.
  int restart_count() const;
  bool is_global_zero() const { return global_rank() == 0; }
  /// Returns the device that this rank computes on.
  c10::Device device() const;
  Strategy& strategy() const;
  Accelerator& accelerator() const;
  Precision& precision() const;
  /// Returns the loggers of rank 0; other ranks have none.
  const std::vector<std::shared_ptr<Logger>>& loggers() const;

  /// Seeds LibTorch's generators, and what setup_dataloader() makes from now on: order of samples, and their own generators.
  /// Without a seed takes the environment's, or else 0. Returns the seed. Throws UsageError if it exceeds 4294967295.
  uint64_t seed_everything(std::optional<uint64_t> seed = {});

  /// Makes a module ready: converts it as the precision says, moves it to device(), gives every rank the weights of rank 0.
  /// Collective. Throws UsageError if it was set up before.
  template <ModuleLike M>
  Module<ImplOf<M>> setup_module(M&& module, bool move_to_device = true) {
    auto impl = ModuleTraits<std::decay_t<M>>::take(std::forward<M>(module));
    auto core = make_module(impl, move_to_device);
    return Module<ImplOf<M>>(std::move(impl), std::move(core));
  }
  template <class Impl>
  Module<Impl> setup_module(Module<Impl> already_set_up, bool move_to_device = true) = delete;

  /// Makes an optimizer ready. Throws UsageError if it was set up before or steps a parameter twice.
  template <TorchOptimizer O>
  Optimizer setup_optimizer(O&& owned) requires(!std::is_lvalue_reference_v<O>) {
    return setup_optimizer(std::make_shared<O>(std::forward<O>(owned)));
  }
  /// Borrows `optimizer`, which outlives the handle: schedulers made over it before stay right.
  Optimizer setup_optimizer(torch::optim::Optimizer& borrowed);
  Optimizer setup_optimizer(std::shared_ptr<torch::optim::Optimizer> shared);
  Optimizer setup_optimizer(Optimizer already_set_up) = delete;
  template <class... O>
  requires(sizeof...(O) > 0) auto setup_optimizers(O&&... optimizers) {
    return std::tuple{setup_optimizer(std::forward<O>(optimizers))...};
  }

  /// Sets up a module and its optimizers, which were made over its parameters; then calls on_after_setup of the callbacks.
  /// Returns the module's handle, or a tuple of it and the optimizers'. Collective.
  template <ModuleLike M, class... O>
  auto setup(M&& module, O&&... optimizers) {
    auto handle = setup_module(std::forward<M>(module));
    if constexpr (sizeof...(O) == 0) {
      after_setup(*handle);
      return handle;
    } else {
      std::tuple result{handle, setup_optimizer(std::forward<O>(optimizers))...};
      after_setup(*handle);
      return result;
    }
  }

  /// Makes a loader that gives this rank its share of `dataset`, on device(): an IndexedDataset or a StreamedDataset, LibTorch's
  /// own among them. Throws UsageError for options that cannot be.
  template <class D>
  requires Dataset<std::decay_t<D>> DataLoader<std::decay_t<D>> setup_dataloader(D&& dataset,
                                                                                 DataLoaderOptions options = {}) {
    DataLoader<std::decay_t<D>> loader(std::forward<D>(dataset), std::move(options), strategy().data_share(), device(),
                                       loader_seed());
    attach_loader(loader.cursor());
    const detail::EpochCursor* const cursor = loader.cursor().get();
    loader.set_before_batch([this, cursor] { before_batch(*cursor); });
    return loader;
  }
  /// Returns a loop over `loader` that shows on rank 0 how far it is, how fast, and how long it still takes: on a terminal in one
  /// line, elsewhere in a line every five seconds. `for (auto& [x, y] : fabric.progress(loader))`.
  template <class D>
  Progress<D> progress(const DataLoader<D>& loader) const {
    return Progress<D>(loader, is_global_zero());
  }
  /// Makes a loader with the same options for each dataset.
  template <class... D>
  requires(sizeof...(D) > 0) auto setup_dataloaders(const DataLoaderOptions& options, D&&... datasets) {
    return std::tuple{setup_dataloader(std::forward<D>(datasets), options)...};
  }

  /// Runs the backward pass of `loss`, a scalar; afterwards gradients are the strategy's, the mean over ranks for ddp.
  /// Collective. Throws UsageError if `loss` is no scalar or does not depend on a parameter.
  void backward(const at::Tensor& loss);

  /// Goes on where this run stopped: loads its newest checkpoint into the objects of `state`, and with it what Fabric saved
  /// unasked (step(), generators, places of loaders, the precision's scale, callbacks). One that is torn, or that lacks what
  /// `state` has, is passed over, with its reason on stderr. A run that has none begins at the job's checkpoint.resume_from, or
  /// anew. Call it once all is set up, before the first step. Collective.
  ///
  /// The world may have another size than the one that saved: loaders give what is left of their epoch, and each rank keeps the
  /// generator that it has. `state` is kept, see end_step(): its objects must outlive training.
  ///
  /// Throws UsageError if none of several checkpoints that end_step() made can be loaded, or not the one of resume_from.
  Resumed resume(State& state);
  /// Ends a training step: counts it, tells whoever watches, writes what was logged in earlier steps. All ranks must call it
  /// equally often. At the steps that the job's checkpoint section names, saves `state` as checkpoints/step-<N>.ckpt of the run,
  /// N being step(). If the job is to stop (Ctrl-C, preemption), the ranks agree on a step: each waits here until they have, and
  /// at the end of that step saves `state` so and throws Stop.
  ///
  /// A step that leaves gradients which no optimizer has used, as while they accumulate, is counted, but nothing is saved at it
  /// and nobody stops at it.
  ///
  /// A program that never calls it and called resume() ends a step whenever its first loop over a training loader asks for the
  /// next batch, with the state that it gave to resume().
  void end_step(State& state);
  /// Returns whether the ranks are on their way to a step at which they stop, so that work beyond it is in vain. Turns true at
  /// different times on different ranks: no ground to take part in a collective or not.
  bool should_stop() const;
  /// Returns how many steps have ended.
  int64_t step() const;

  /// Returns when all ranks have come. Collective.
  void barrier(std::string_view name = "");
  /// Returns the value of rank `source`. Collective.
  Value broadcast(const Value& value, int source = 0);
  /// Returns the tree with each tensor replaced by those of all ranks, stacked in a new first dimension, for one rank too.
  /// Shapes must be equal on all ranks. Gradients do not flow through it. Collective.
  template <class T>
  requires TensorTree<T> T all_gather(T tree) {
    const auto gather = [this](at::Tensor& tensor) { gather_tensor(tensor); };
    visit_tensors(tree, TensorVisitor(gather));
    return tree;
  }
  /// Reduces each tensor of the tree over the ranks, in place: "mean", "sum", "max", "min", "product". Collective. Throws
  /// UsageError for another name, and for the mean of integers.
  template <class T>
  requires TensorTree<T> T& all_reduce(T& tree, std::string_view op = "mean") {
    const auto reduce = [this, op](at::Tensor& tensor) { reduce_tensor(tensor, op); };
    visit_tensors(tree, TensorVisitor(reduce));
    return tree;
  }
  /// Returns the tree with each tensor on device().
  template <class T>
  requires TensorTree<T> T to_device(T tree)
  const {
    const auto move = [this](at::Tensor& tensor) { move_tensor(tensor); };
    visit_tensors(tree, TensorVisitor(move));
    return tree;
  }
  /// Runs `body` on rank 0 and then on the others, or with `local` on the first rank of each node and then on its others, and
  /// returns what it returned. Collective. If it throws on a rank, that rank gets the exception and the others a
  /// PeerError; ranks that were still to run it do not.
  template <class F>
  auto rank_zero_first(F&& body, bool local = false) -> std::invoke_result_t<F&> {
    if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
      run_zero_first([&body] { body(); }, local);
    } else {
      std::optional<std::invoke_result_t<F&>> result;
      run_zero_first([&body, &result] { result.emplace(body()); }, local);
      return std::move(*result);
    }
  }

  /// Writes the parts, one after the other, as a line on stdout; on the first rank of each node only.
  template <class... A>
  void print(const A&... parts) const {
    if (local_rank() != 0) return;
    std::ostringstream line;
    (line << ... << parts);
    print_line(std::move(line).str());
  }

  /// Gives a metric to the loggers, at `step` or else at step(). Only rank 0 writes; other ranks may call it too. Throws
  /// UsageError if `step` is lower than that of an earlier call.
  void log(std::string_view name, double value, std::optional<int64_t> step = {});
  /// As above. The tensor is read later, so that the device is not waited for; it may change meanwhile. Throws UsageError
  /// unless it has one element.
  void log(std::string_view name, const at::Tensor& value, std::optional<int64_t> step = {});
  void log_dict(const std::map<std::string, double>& metrics, std::optional<int64_t> step = {});
  void log_dict(const std::map<std::string, at::Tensor>& metrics, std::optional<int64_t> step = {});

  /// Saves `state`, and beside it what Fabric needs to go on from there (entry "fabric"); returns the absolute path. A relative
  /// one refers to the run's checkpoints/. The file is of the kind that Options::checkpoint_io says; where that is "torch", a
  /// name that ends in .safetensors makes it one of those. Rank 0 writes; returns on
  /// all ranks when the file is there. Collective. Throws UsageError if `filter` names an entry that the state lacks,
  /// SystemError if the file cannot be written (PeerError on the other ranks).
  std::string save(const std::string& path, const State& state, const StateFilter& filter = {});
  /// Loads into the objects of `state`, and returns the entries that it does not name. Each rank reads the file. Collective.
  /// All is checked before anything is loaded: if a rank finds the checkpoint damaged or unfit, no object of any rank changes.
  /// Throws UsageError if the checkpoint lacks an entry (without `strict` its object stays as it is) or does not fit an
  /// object, SystemError if it is damaged; PeerError on the other ranks.
  /// With Verify::kFirstTouch only what `state` names is read and verified now.
  Dict load(const std::string& path, State& state, bool strict = true, Verify verify = Verify::kFull);
  /// Returns the whole checkpoint, tensors on the CPU; they lie in the mapped file (CheckpointIO::load()). Each rank reads the
  /// file. Collective.
  Value load(const std::string& path, Verify verify = Verify::kFull);

  /// Loads one object from a file that holds its state alone, as torch.save(model.state_dict(), path) writes it, or from
  /// safetensors. Without `strict` a module may have more or less than the file. Not collective: each rank that calls it reads
  /// the file. Nothing changes unless all of it is sound and fits. Throws UsageError if it does not fit, SystemError if it is
  /// damaged.
  template <Saveable T>
  void load_raw(const std::string& path, T& object, bool strict = true) {
    load_one(path, [&object, strict](const Value& value) {
      if constexpr (requires { object.prepare_load(value, strict); }) {
        return object.prepare_load(value, strict);
      } else {
        return prepare_to_load(object, value);
      }
    });
  }

  /// Calls a hook on every registered callback that is of the hook's class, in order: fabric.call(&EarlyStop::on_epoch_end, 3).
  template <class C, class R, class... P, class... A>
  requires std::derived_from<C, Callback>
  void call(R (C::*hook)(P...), A&&... arguments) {
    for (const std::shared_ptr<Callback>& callback : callbacks()) {
      if (auto* const target = dynamic_cast<C*>(callback.get())) (target->*hook)(arguments...);
    }
  }

 private:
  friend int run_program(const ProgramTable& program, Environment& environment);

  std::shared_ptr<detail::ModuleCore> make_module(std::shared_ptr<torch::nn::Module> module, bool move_to_device);
  void after_setup(torch::nn::Module& module);
  uint64_t loader_seed() const;
  void attach_loader(const std::shared_ptr<detail::EpochCursor>& loader);
  void before_batch(const detail::EpochCursor& loader);
  void end_step_of(const State& state);
  bool is_checkpoint_due();
  void save_step(const State& state);
  std::optional<std::string> try_to_resume(const std::string& path, State& state, bool may_be_foreign);
  std::vector<std::string> resume_candidates();
  Resumed resumed_from(const std::string& path);
  void note_best_metric(std::string_view name, std::variant<double, at::Tensor> value);
  void gather_tensor(at::Tensor& tensor);
  void reduce_tensor(at::Tensor& tensor, std::string_view op);
  void move_tensor(at::Tensor& tensor) const;
  void run_zero_first(const std::function<void()>& body, bool local);
  void print_line(std::string line) const;
  const std::vector<std::shared_ptr<Callback>>& callbacks() const;
  std::string checkpoint_path(const std::string& path) const;
  void load_one(const std::string& path, const std::function<PendingLoad(const Value&)>& prepare);
  /// Writes what is logged still and closes the loggers; `status` is "success" or "failed".
  void finalize(const std::string& status);

  std::unique_ptr<detail::FabricCore> core_;
};

}  // namespace fabric
