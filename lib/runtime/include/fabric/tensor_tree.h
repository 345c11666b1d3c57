#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <concepts>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

namespace fabric {

/// What visit_tensors() calls on each tensor of a tree. Borrows the function that it was made of.
///
/// It is a class of this namespace so that overloads of visit_tensors() for std types are found from everywhere.
class TensorVisitor {
 public:
  template <class F>
  requires(!std::same_as<std::remove_cv_t<F>, TensorVisitor> &&
           std::invocable<F&, at::Tensor&>) explicit TensorVisitor(F& function)
      : function_(const_cast<void*>(static_cast<const void*>(std::addressof(function)))),
        call_([](void* borrowed, at::Tensor& tensor) { (*static_cast<F*>(borrowed))(tensor); }) {}

  void operator()(at::Tensor& tensor) const { call_(function_, tensor); }

 private:
  void* function_;
  void (*call_)(void*, at::Tensor&);
};

/// A value made of tensors, which Fabric can move, convert, gather and reduce: Tensor; optional, vector, array, map, pair, tuple
/// of trees (members of pairs and tuples that are no trees are left alone); anything with `data` and `target`, as
/// torch::data::Example; and types that FABRIC_TENSORS names.
template <class T>
concept TensorTree = requires(T& tree, const TensorVisitor& visit) {
  visit_tensors(tree, visit);
};

/// A type with the two members of torch::data::Example, both trees.
template <class T>
concept ExampleTree = TensorTree<decltype(T::data)> && TensorTree<decltype(T::target)>;

/// Calls `visit` on each tensor of the tree, in order; `visit` may replace it. The one customisation point for trees: write
/// an overload beside your type, or let FABRIC_TENSORS write it.
inline void visit_tensors(at::Tensor& tensor, const TensorVisitor& visit) { visit(tensor); }

template <TensorTree T>
void visit_tensors(std::optional<T>& tree, const TensorVisitor& visit) {
  if (tree) visit_tensors(*tree, visit);
}

template <TensorTree T>
void visit_tensors(std::vector<T>& tree, const TensorVisitor& visit) {
  for (T& item : tree) visit_tensors(item, visit);
}

template <TensorTree T, size_t N>
void visit_tensors(std::array<T, N>& tree, const TensorVisitor& visit) {
  for (T& item : tree) visit_tensors(item, visit);
}

template <class Key, TensorTree T>
void visit_tensors(std::map<Key, T>& tree, const TensorVisitor& visit) {
  for (auto& [key, item] : tree) visit_tensors(item, visit);
}

namespace detail {

template <class T>
void visit_if_tree(T& item, const TensorVisitor& visit) {
  if constexpr (TensorTree<T>) visit_tensors(item, visit);
}

template <class T, class... Member>
void visit_members(T& tree, const TensorVisitor& visit, Member T::*... members) {
  (visit_tensors(tree.*members, visit), ...);
}

}  // namespace detail

template <class A, class B>
requires(TensorTree<A> || TensorTree<B>) void visit_tensors(std::pair<A, B>& tree, const TensorVisitor& visit) {
  detail::visit_if_tree(tree.first, visit);
  detail::visit_if_tree(tree.second, visit);
}

template <class... T>
requires(TensorTree<T> || ...) void visit_tensors(std::tuple<T...>& tree, const TensorVisitor& visit) {
  std::apply([&visit](auto&... items) { (detail::visit_if_tree(items, visit), ...); }, tree);
}

template <ExampleTree T>
void visit_tensors(T& tree, const TensorVisitor& visit) {
  visit_tensors(tree.data, visit);
  visit_tensors(tree.target, visit);
}

}  // namespace fabric

/// Makes `Type` a tensor tree: FABRIC_TENSORS(Batch, &Batch::x, &Batch::y). Stands in the namespace of `Type`, after it; the
/// members are trees themselves. If they are all there are, samples of that type become a batch of that type (collate.h).
#define FABRIC_TENSORS(Type, ...)                                                                              \
  [[maybe_unused]] inline void visit_tensors(Type& fabric_tree, const ::fabric::TensorVisitor& fabric_visit) { \
    ::fabric::detail::visit_members(fabric_tree, fabric_visit, __VA_ARGS__);                                   \
  }                                                                                                            \
  [[maybe_unused]] constexpr auto fabric_tensor_members(const Type*) { return std::make_tuple(__VA_ARGS__); }
