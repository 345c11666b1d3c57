#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "fabric/state.h"

namespace fabric {

// Containers of what a State takes. Those of values (numbers, strings, tensors, containers of these) are replaced as a whole by
// what is loaded; those of objects that are loaded in place (modules, optimizers, states, the user's own) must have the size
// and keys of what is loaded.

namespace detail {

/// Throws UsageError unless the numbers of elements are equal.
FABRIC_API void check_count(size_t here, size_t there);
/// Throws UsageError unless the checkpoint has something exactly where the object has.
FABRIC_API void check_presence(bool here, bool there);

template <class Tuple>
concept ReadableTuple = []<size_t... I>(std::index_sequence<I...>) {
  return (ReadableState<std::tuple_element_t<I, Tuple>> && ...);
}
(std::make_index_sequence<std::tuple_size_v<Tuple>>());

template <class Tuple>
concept SaveableTuple = []<size_t... I>(std::index_sequence<I...>) {
  return (Saveable<std::tuple_element_t<I, Tuple>> && ...);
}
(std::make_index_sequence<std::tuple_size_v<Tuple>>());

/// Pairs and tuples, as a list.
template <class Tuple>
struct TupleTraits {
  static Value save(const Tuple& object) {
    return std::apply([](const auto&... items) { return List{save_item(items)...}; }, object);
  }
  static Tuple read(const Tuple& current, const Value& value) requires ReadableTuple<Tuple> {
    const List& list = value.to_list();
    check_count(std::tuple_size_v<Tuple>, list.size());
    return [&]<size_t... I>(std::index_sequence<I...>) {
      return Tuple{StateTraits<std::tuple_element_t<I, Tuple>>::read(std::get<I>(current), list[I])...};
    }
    (kIndices);
  }
  static PendingLoad prepare(Tuple& object, const Value& value) requires(!ReadableTuple<Tuple>) {
    const List& list = value.to_list();
    check_count(std::tuple_size_v<Tuple>, list.size());
    PendingLoad pending;
    [&]<size_t... I>(std::index_sequence<I...>) {
      (pending.add(prepare_to_load(std::get<I>(object), list[I]), std::to_string(I)), ...);
    }
    (kIndices);
    return pending;
  }

 private:
  static constexpr auto kIndices = std::make_index_sequence<std::tuple_size_v<Tuple>>();
  template <class T>
  static Value save_item(const T& item) {
    return StateTraits<T>::save(item);
  }
};

}  // namespace detail

/// A list.
template <Saveable T>
struct StateTraits<std::vector<T>> {
  static Value save(const std::vector<T>& object) {
    List list;
    for (const auto& item : object) list.push_back(StateTraits<T>::save(item));
    return list;
  }
  static std::vector<T> read(const std::vector<T>& current, const Value& value) requires ReadableState<T> {
    std::vector<T> loaded;
    for (const Value& item : value.to_list()) {
      const size_t index = loaded.size();
      loaded.push_back(StateTraits<T>::read(index < current.size() ? T(current[index]) : T(), item));
    }
    return loaded;
  }
  static PendingLoad prepare(std::vector<T>& object, const Value& value) requires(!ReadableState<T>) {
    detail::check_count(object.size(), value.to_list().size());
    PendingLoad pending;
    for (size_t i = 0; i < object.size(); ++i) {
      pending.add(prepare_to_load(object[i], value.to_list()[i]), std::to_string(i));
    }
    return pending;
  }
};

/// A dict.
template <Saveable T>
struct StateTraits<std::map<std::string, T>> {
  using Map = std::map<std::string, T>;
  static Value save(const Map& object) {
    Dict dict;
    for (const auto& [key, item] : object) dict.emplace_back(key, StateTraits<T>::save(item));
    return dict;
  }
  static Map read(const Map& current, const Value& value) requires ReadableState<T> {
    Map loaded;
    for (const auto& [key, item] : value.to_dict()) {
      const auto found = current.find(key);
      loaded.emplace(key, StateTraits<T>::read(found == current.end() ? T() : found->second, item));
    }
    return loaded;
  }
  static PendingLoad prepare(Map& object, const Value& value) requires(!ReadableState<T>) {
    detail::check_count(object.size(), value.to_dict().size());
    PendingLoad pending;
    for (auto& [key, item] : object) pending.add(prepare_to_load(item, value.at(key)), key);
    return pending;
  }
};

/// None, or the value.
template <Saveable T>
struct StateTraits<std::optional<T>> {
  static Value save(const std::optional<T>& object) { return object ? StateTraits<T>::save(*object) : Value(); }
  static std::optional<T> read(const std::optional<T>& current, const Value& value) requires ReadableState<T> {
    if (value.is_none()) return std::nullopt;
    return StateTraits<T>::read(current ? *current : T(), value);
  }
  static PendingLoad prepare(std::optional<T>& object, const Value& value) requires(!ReadableState<T>) {
    detail::check_presence(object.has_value(), !value.is_none());
    return object ? prepare_to_load(*object, value) : PendingLoad();
  }
};

/// A list of two.
template <class A, class B>
requires detail::SaveableTuple<std::pair<A, B>>
struct StateTraits<std::pair<A, B>> : detail::TupleTraits<std::pair<A, B>> {
};

/// A list.
template <class... T>
requires detail::SaveableTuple<std::tuple<T...>>
struct StateTraits<std::tuple<T...>> : detail::TupleTraits<std::tuple<T...>> {
};

}  // namespace fabric
