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
#include "fabric/value.h"

namespace fabric {

/// A type that can be saved and goes on where it was: Module, Optimizer, DataLoader, and the user's own.
///
/// state_dict() must not change the object, load_state_dict() must take all of it or throw.
template <class T>
concept Stateful = requires(const T& saved, T& loaded, const Value& value) {
  { saved.state_dict() } -> std::convertible_to<Value>;
  loaded.load_state_dict(value);
};

/// Specialise it for a type that you do not own: `static Value save(const T&)` and `static void load(T&, const Value&)`.
template <class T>
struct StateTraits;

template <Stateful T>
struct StateTraits<T> {
  static Value save(const T& object) { return object.state_dict(); }
  static void load(T& object, const Value& value) { object.load_state_dict(value); }
};

template <std::same_as<bool> T>
struct StateTraits<T> {
  static Value save(bool object) { return object; }
  static void load(bool& object, const Value& value) { object = value.to_bool(); }
};

template <std::integral T>
requires(!std::same_as<T, bool>) struct StateTraits<T> {
  static Value save(T object) { return static_cast<int64_t>(object); }
  static void load(T& object, const Value& value) {
    if (!std::in_range<T>(value.to_int())) {
      throw UsageError("the checkpoint's number must fit the object of the state, but is " +
                       std::to_string(value.to_int()));
    }
    object = static_cast<T>(value.to_int());
  }
};

template <std::floating_point T>
struct StateTraits<T> {
  static Value save(T object) { return static_cast<double>(object); }
  static void load(T& object, const Value& value) { object = static_cast<T>(value.to_double()); }
};

template <>
struct StateTraits<std::string> {
  static Value save(const std::string& object) { return object; }
  static void load(std::string& object, const Value& value) { object = value.to_string(); }
};

/// A tensor is replaced by the loaded one, on the device where it was.
template <>
struct StateTraits<at::Tensor> {
  static Value save(const at::Tensor& object) { return object.defined() ? Value(object.detach()) : Value(); }
  static void load(at::Tensor& object, const Value& value) {
    if (value.is_none()) {
      object = at::Tensor();
    } else {
      object = object.defined() ? value.to_tensor().to(object.device()) : value.to_tensor();
    }
  }
};

template <>
struct StateTraits<Value> {
  static Value save(const Value& object) { return object; }
  static void load(Value& object, const Value& value) { object = value; }
};

/// Types that a State takes.
template <class T>
concept Saveable = requires(const T& saved, T& loaded, const Value& value) {
  { StateTraits<T>::save(saved) } -> std::same_as<Value>;
  StateTraits<T>::load(loaded, value);
};

/// Names of a checkpoint's entries, and references to the objects that they are saved from and loaded into. The objects must
/// outlive it. Temporaries, const objects and types without state do not compile.
class FABRIC_API State {
 public:
  struct Entry {
    template <class T>
    requires(!std::is_const_v<T> && Saveable<T>) Entry(std::string name, T& object)
        : key(std::move(name)),
          save([&object] { return StateTraits<T>::save(object); }),
          load([&object](const Value& value) { StateTraits<T>::load(object, value); }) {}
    template <class T>
    requires(!std::is_lvalue_reference_v<T>) Entry(std::string name, T&& object)
    = delete;

    std::string key;
    std::function<Value()> save;
    std::function<void(const Value&)> load;
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

 private:
  void add(Entry entry);

  std::vector<Entry> entries_;
};

}  // namespace fabric
