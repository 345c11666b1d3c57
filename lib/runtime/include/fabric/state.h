#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "fabric/export.h"
#include "fabric/pending_load.h"
#include "fabric/value.h"

namespace fabric {

/// A type that can be saved and goes on where it was: Module, Optimizer, DataLoader, and the user's own.
///
/// state_dict() must not change the object, load_state_dict() must take all of it or throw. A type that also has
/// `PendingLoad prepare_load(const Value&)` is checked before anything is loaded; one that has not is loaded once all that
/// can be checked has been, and put back by its own state_dict() should another such object fail.
template <class T>
concept Stateful = requires(const T& saved, T& loaded, const Value& value) {
  { saved.state_dict() } -> std::convertible_to<Value>;
  loaded.load_state_dict(value);
};

/// How an object of type T is saved and loaded. Specialise it for a type that you do not own: `static Value save(const T&)`,
/// and one of
///  - `static T read(const T& current, const Value&)`: returns the object that takes the place of `current`, or throws;
///  - `static PendingLoad prepare(T&, const Value&)`: checks, and returns what is to be done, or throws;
///  - `static void load(T&, const Value&)`: takes all of it or throws.
template <class T>
struct StateTraits;

/// Types whose objects are replaced by what is loaded.
template <class T>
concept ReadableState = requires(const T& current, const Value& value) {
  { StateTraits<T>::read(current, value) } -> std::same_as<T>;
};

/// Types whose objects check what they load before they take it.
template <class T>
concept PreparedState = requires(T& object, const Value& value) {
  { StateTraits<T>::prepare(object, value) } -> std::same_as<PendingLoad>;
};

/// Types that a State takes.
template <class T>
concept Saveable = requires(const T& saved) {
  { StateTraits<T>::save(saved) } -> std::same_as<Value>;
}
&&(ReadableState<T> || PreparedState<T> ||
   requires(T & loaded, const Value& value) { StateTraits<T>::load(loaded, value); });

/// Checks as far as possible that `value` can be loaded into `object`, and returns what is to be done. Changes nothing. Throws
/// UsageError if it does not fit.
template <Saveable T>
PendingLoad prepare_to_load(T& object, const Value& value) {
  if constexpr (PreparedState<T>) {
    return StateTraits<T>::prepare(object, value);
  } else if constexpr (ReadableState<T>) {
    return PendingLoad(
        [&object, loaded = StateTraits<T>::read(object, value)]() mutable { object = std::move(loaded); });
  } else {
    return PendingLoad::attempt([&object, value] { StateTraits<T>::load(object, value); },
                                [&object] { return StateTraits<T>::save(object); },
                                [&object](const Value& before) { StateTraits<T>::load(object, before); });
  }
}

template <Stateful T>
struct StateTraits<T> {
  static Value save(const T& object) { return object.state_dict(); }
  static PendingLoad prepare(T& object, const Value& value) requires requires {
    { object.prepare_load(value) } -> std::same_as<PendingLoad>;
  }
  { return object.prepare_load(value); }
  static void load(T& object, const Value& value) { object.load_state_dict(value); }
};

template <std::same_as<bool> T>
struct StateTraits<T> {
  static Value save(bool object) { return object; }
  static bool read(bool /*current*/, const Value& value) { return value.to_bool(); }
};

template <std::integral T>
requires(!std::same_as<T, bool>) struct StateTraits<T> {
  static Value save(T object) { return static_cast<int64_t>(object); }
  static T read(T /*current*/, const Value& value) {
    if (!std::in_range<T>(value.to_int())) {
      throw UsageError("the checkpoint's number must fit the object of the state, but is " +
                       std::to_string(value.to_int()));
    }
    return static_cast<T>(value.to_int());
  }
};

template <std::floating_point T>
struct StateTraits<T> {
  static Value save(T object) { return static_cast<double>(object); }
  static T read(T /*current*/, const Value& value) { return static_cast<T>(value.to_double()); }
};

template <>
struct StateTraits<std::string> {
  static Value save(const std::string& object) { return object; }
  static std::string read(const std::string& /*current*/, const Value& value) { return value.to_string(); }
};

/// A tensor is replaced by a copy of the loaded one, on the device where it was.
template <>
struct FABRIC_API StateTraits<at::Tensor> {
  static Value save(const at::Tensor& object) { return object.defined() ? Value(object.detach()) : Value(); }
  static at::Tensor read(const at::Tensor& current, const Value& value);
};

template <>
struct StateTraits<Value> {
  static Value save(const Value& object) { return object; }
  static Value read(const Value& /*current*/, const Value& value) { return value; }
};

/// Names of a checkpoint's entries, and references to the objects that they are saved from and loaded into. The objects must
/// outlive it. Temporaries, const objects and types without state do not compile. A State can be an entry of another one; with
/// <fabric/state_containers.h> so can vectors, maps, optionals, pairs and tuples.
class FABRIC_API State {
 public:
  struct Entry {
    template <class T>
    requires(!std::is_const_v<T> && Saveable<T>) Entry(std::string name, T& object)
        : key(std::move(name)),
          save([&object] { return StateTraits<T>::save(object); }),
          prepare([&object](const Value& value) { return prepare_to_load(object, value); }) {}
    template <class T>
    requires(!std::is_lvalue_reference_v<T>) Entry(std::string name, T&& object)
    = delete;

    std::string key;
    std::function<Value()> save;
    std::function<PendingLoad(const Value&)> prepare;
  };

  State() = default;
  /// Throws UsageError if a name stands twice.
  State(std::initializer_list<Entry> entries);

  /// Throws UsageError if the name is there already.
  template <class T>
  requires(!std::is_const_v<T> && Saveable<T>) void add(std::string key, T& object) {
    add(Entry(std::move(key), object));
  }

  const std::vector<Entry>& entries() const { return entries_; }
  bool contains(std::string_view key) const;

  /// Returns what all entries save, under their names.
  Dict save() const;
  /// Checks as far as possible that `value`, a dict, can be loaded into the objects, and returns what is to be done; names that
  /// are no entries are passed over. Changes nothing. Throws UsageError that names the entry which does not fit, or which
  /// `value` lacks: without `strict` its object stays as it is.
  PendingLoad prepare_load(const Value& value, bool strict = true) const;

 private:
  void add(Entry entry);

  std::vector<Entry> entries_;
};

template <>
struct StateTraits<State> {
  static Value save(const State& object) { return object.save(); }
  static PendingLoad prepare(State& object, const Value& value) { return object.prepare_load(value); }
};

}  // namespace fabric
