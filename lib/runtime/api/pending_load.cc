#include "fabric/pending_load.h"

#include "core/concat.h"

namespace fabric {
namespace {

/// Returns a copy with tensors of its own: what an object gives out may share memory with it.
Value copied(const Value& value) {
  if (value.is_tensor()) return value.to_tensor().clone();
  if (value.is_list()) {
    List list;
    for (const Value& item : value.to_list()) list.push_back(copied(item));
    return list;
  }
  if (value.is_dict()) {
    Dict dict;
    for (const auto& [key, item] : value.to_dict()) dict.emplace_back(key, copied(item));
    return dict;
  }
  return value;
}

}  // namespace

PendingLoad::PendingLoad(std::function<void()> commit) { commits_.push_back(std::move(commit)); }

PendingLoad PendingLoad::attempt(std::function<void()> load, std::function<Value()> save,
                                 std::function<void(const Value&)> restore) {
  PendingLoad pending;
  pending.attempts_.push_back({"", std::move(load), std::move(save), std::move(restore), {}});
  return pending;
}

void PendingLoad::add(PendingLoad other, const std::string& name) {
  for (Attempt& attempt : other.attempts_) {
    attempt.name = attempt.name.empty() || name.empty() ? name + attempt.name : concat(name, ".", attempt.name);
    attempts_.push_back(std::move(attempt));
  }
  for (std::function<void()>& commit : other.commits_) commits_.push_back(std::move(commit));
}

void PendingLoad::attempt_all() {
  for (Attempt& attempt : attempts_) attempt.before = copied(attempt.save());
  try {
    while (attempted_ < attempts_.size()) attempts_[attempted_++].load();
  } catch (const UsageError& error) {
    const std::string message = concat("cannot load '", attempts_[attempted_ - 1].name, "': ", error.what());
    undo();
    std::throw_with_nested(UsageError(message));
  } catch (...) {
    undo();
    throw;
  }
}

void PendingLoad::undo() noexcept {
  while (attempted_ > 0) {
    const Attempt& attempt = attempts_[--attempted_];
    try {
      attempt.restore(attempt.before);
    } catch (...) {
      // The object refuses what it gave out itself: there is nothing better to give it, and the first error says more.
    }
  }
}

void PendingLoad::commit() {
  for (const std::function<void()>& commit : commits_) commit();
}

}  // namespace fabric
