#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "fabric/export.h"
#include "fabric/pending_load.h"
#include "fabric/precision.h"
#include "fabric/strategy.h"
#include "fabric/tensor_tree.h"
#include "fabric/value.h"

namespace fabric {

class Fabric;

/// How setup_module() takes a module of type M: its implementation's type, and a shared pointer to it. Known are TORCH_MODULE
/// holders (torch::nn::Linear, Sequential, ...), shared pointers and plain classes derived from torch::nn::Module.
template <class M>
struct ModuleTraits;

template <class M>
requires requires(const M& holder) {
  typename M::ContainedType;
  holder.ptr();
}
struct ModuleTraits<M> {
  using Impl = typename M::ContainedType;
  static std::shared_ptr<Impl> take(const M& holder) { return holder.ptr(); }
};

template <std::derived_from<torch::nn::Module> M>
struct ModuleTraits<std::shared_ptr<M>> {
  using Impl = M;
  static std::shared_ptr<Impl> take(std::shared_ptr<M> module) { return module; }
};

/// Takes temporaries and what is moved: a copy would share its parameters with the original, but not its settings.
template <std::derived_from<torch::nn::Module> M>
struct ModuleTraits<M> {
  using Impl = M;
  static std::shared_ptr<Impl> take(M&& module) { return std::make_shared<M>(std::move(module)); }
};

template <class M>
using ImplOf = typename ModuleTraits<std::decay_t<M>>::Impl;

/// What setup_module() takes.
template <class M>
concept ModuleLike = requires(M&& module) {
  ModuleTraits<std::decay_t<M>>::take(std::forward<M>(module));
};

namespace detail {

/// What the handles of one module share; nothing of it depends on the module's class.
class FABRIC_API ModuleCore {
 public:
  /// Collects what `module` has and gives it to `strategy`, which makes it ready. Both families outlive the core.
  ModuleCore(std::shared_ptr<torch::nn::Module> module, Strategy& strategy, Precision& precision);

  torch::nn::Module& module() const { return *module_; }
  const std::vector<at::Tensor>& parameters() const { return parameters_; }
  Precision& precision() const { return precision_; }
  /// Returns whether calls must convert inputs and outputs.
  bool needs_entry() const { return needs_entry_; }
  StrategyModule* strategy_module() const { return strategy_module_.get(); }
  Value state_dict() const;
  PendingLoad prepare_load(const Value& value, bool strict) const;

 private:
  std::shared_ptr<torch::nn::Module> module_;
  Precision& precision_;
  bool needs_entry_;
  std::vector<at::Tensor> parameters_;
  std::shared_ptr<StrategyModule> strategy_module_;
};

/// Whether `F` can be called with a temporary for its argument number `I`: it takes that one by value or const&.
template <size_t I, class F, class Impl, class... A>
constexpr bool takes_temporary() {
  return []<size_t... J>(std::index_sequence<J...>) {
    return std::is_invocable_v<F, Impl&, std::conditional_t<I == J, std::decay_t<A>, A&&>...>;
  }
  (std::index_sequence_for<A...>{});
}

/// Returns an argument as the precision wants it: a tree that is taken by value or const& converted, all else as it is.
template <bool kTakesTemporary, class A>
decltype(auto) converted_input(Precision& precision, A&& argument) {
  using Tree = std::decay_t<A>;
  if constexpr (TensorTree<Tree> && kTakesTemporary) {
    Tree tree(std::forward<A>(argument));
    const auto convert = [&precision](at::Tensor& tensor) { tensor = precision.convert_input(tensor); };
    visit_tensors(tree, TensorVisitor(convert));
    return tree;
  } else {
    return static_cast<A&&>(argument);
  }
}

/// Calls `f` on the module and the arguments under the precision's rules.
template <class F, class Impl, class... A>
auto enter_converted(Precision& precision, F& f, Impl& impl, A&&... arguments) {
  using Result = std::decay_t<std::invoke_result_t<F&, Impl&, A...>>;
  const std::unique_ptr<PrecisionScope> scope = precision.forward_scope();
  const auto invoke = [&]<size_t... I>(std::index_sequence<I...>)->Result {
    return std::invoke(f, impl,
                       converted_input<takes_temporary<I, F&, Impl, A...>()>(precision, std::forward<A>(arguments))...);
  };
  if constexpr (std::is_void_v<Result>) {
    invoke(std::index_sequence_for<A...>{});
  } else {
    Result result = invoke(std::index_sequence_for<A...>{});
    if constexpr (TensorTree<Result>) {
      const auto convert = [&precision](at::Tensor& tensor) { tensor = precision.convert_output(tensor); };
      visit_tensors(result, TensorVisitor(convert));
    }
    return result;
  }
}

}  // namespace detail

/// A module that was set up. A handle: copies share the module. It must not outlive the Fabric that made it.
template <class Impl>
class Module {
 public:
  /// Calls the module's forward(); inputs and outputs are converted as the precision says.
  template <class... A>
  auto operator()(A&&... arguments) const {
    return call(
        [](Impl& impl, auto&&... a) -> decltype(impl.forward(std::forward<decltype(a)>(a)...)) {
          return impl.forward(std::forward<decltype(a)>(a)...);
        },
        std::forward<A>(arguments)...);
  }

  /// Calls any other method, under the same rules: model.call(&NetImpl::encode, x), or a lambda that takes Impl& first (which
  /// keeps default arguments and overloads). Trees taken by value or const& are converted, references to non-const are not.
  template <class F, class... A>
  auto call(F&& f, A&&... arguments) const -> std::decay_t<std::invoke_result_t<F&, Impl&, A...>> {
    if (core_->needs_entry())
      return detail::enter_converted(core_->precision(), f, *impl_, std::forward<A>(arguments)...);
    return std::invoke(f, *impl_, std::forward<A>(arguments)...);
  }

  /// Gives access to the module itself: settings, members, train() and eval(). model->forward(x) converts nothing.
  Impl* operator->() const { return impl_.get(); }
  Impl& operator*() const { return *impl_; }
  const std::shared_ptr<Impl>& ptr() const { return impl_; }

  /// Returns the parameters, each tensor once: LibTorch lists tied ones twice, and optimizers then step them twice.
  std::vector<at::Tensor> parameters() const { return core_->parameters(); }

  /// Returns parameters and buffers under the names that Python's state_dict() gives them. The tensors are shared.
  Value state_dict() const { return core_->state_dict(); }
  /// Copies parameters and buffers in place. Nothing changes unless all fit. Throws UsageError that lists missing names,
  /// unknown names and shapes that differ; without `strict` only the shapes matter.
  void load_state_dict(const Value& value, bool strict = true) { prepare_load(value, strict).apply(); }
  /// Checks what load_state_dict() would, and returns what it would then do.
  PendingLoad prepare_load(const Value& value, bool strict = true) const { return core_->prepare_load(value, strict); }

 private:
  friend class Fabric;
  Module(std::shared_ptr<Impl> impl, std::shared_ptr<detail::ModuleCore> core)
      : impl_(std::move(impl)), core_(std::move(core)) {}

  std::shared_ptr<Impl> impl_;
  std::shared_ptr<detail::ModuleCore> core_;
};

}  // namespace fabric
