#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "fabric/export.h"
#include "fabric/value.h"

namespace fabric {

/// A load of which everything that can be checked was checked, and nothing done yet: so a checkpoint that does not fit changes
/// nothing. Refers to the objects that are loaded; they must outlive it and stay as they are until it is done or dropped.
class FABRIC_API PendingLoad {
 public:
  /// Does nothing.
  PendingLoad() = default;
  /// Does `commit`, which must not fail but for want of memory.
  PendingLoad(std::function<void()> commit);  // NOLINT: implicit, so that a lambda can be returned

  /// The load of an object that cannot check beforehand: `load` takes all or throws, `save` returns what the object is now and
  /// `restore` takes that back.
  static PendingLoad attempt(std::function<void()> load, std::function<Value()> save,
                             std::function<void(const Value&)> restore);

  /// Appends the steps of `other`, whose object is called `name` in messages.
  void add(PendingLoad other, const std::string& name = "");

  /// First half: makes the attempts. If one throws, the objects of all are put back and its error is passed on, with the name.
  void attempt_all();
  /// Puts back what attempt_all() loaded.
  void undo() noexcept;
  /// Second half, after attempt_all(): takes what was checked.
  void commit();
  /// Both halves.
  void apply() { attempt_all(), commit(); }

 private:
  struct Attempt {
    std::string name;
    std::function<void()> load;
    std::function<Value()> save;
    std::function<void(const Value&)> restore;
    Value before;
  };

  std::vector<Attempt> attempts_;
  std::vector<std::function<void()>> commits_;
  size_t attempted_ = 0;
};

}  // namespace fabric
