#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fabric/error.h"
#include "fabric/export.h"

namespace fabric {

class Accelerator;
class CheckpointIO;
class Logger;
class Precision;
class Strategy;

/// The kinds of one plug-in family by name. Filled by visible calls: add_builtin_*(), then the user's configure().
///
/// `Arguments` are what create() passes to the factory.
template <class Family, class... Arguments>
class Registry {
 public:
  struct Entry {
    std::string name;         ///< lower case; what stands in the job file
    std::string description;  ///< one line for people
    /// Returns why it cannot be used here, nullopt if it can.
    std::function<std::optional<std::string>()> why_unavailable;
    std::function<std::unique_ptr<Family>(Arguments...)> create;
  };

  /// `family` stands in messages: "strategy".
  explicit Registry(std::string family) : family_(std::move(family)) {}

  /// Adds a kind. Throws UsageError if the name is taken, unless `replace`.
  void add(Entry entry, bool replace = false) {
    if (!replace && entries_.count(entry.name) != 0) {
      throw UsageError(family_ + " '" + entry.name + "' is registered already; pass replace = true to replace it");
    }
    const std::string name = entry.name;
    entries_.insert_or_assign(name, std::move(entry));
  }

  /// Makes the kind called `name`. Throws UsageError that lists the names if there is none, or that says why it cannot
  /// be used here.
  std::unique_ptr<Family> create(const std::string& name, Arguments... arguments) const {
    const auto found = entries_.find(name);
    if (found == entries_.end()) {
      throw UsageError(family_ + " must be one of {" + list() + "}, but is '" + name + "'");
    }
    if (const std::optional<std::string> reason = found->second.why_unavailable()) {
      throw UsageError(family_ + " '" + name + "' cannot run here: " + *reason);
    }
    return found->second.create(std::forward<Arguments>(arguments)...);
  }

  /// Returns why `name` cannot be used here, nullopt if it can. Throws UsageError for an unknown name.
  std::optional<std::string> why_unavailable(const std::string& name) const {
    const auto found = entries_.find(name);
    if (found == entries_.end()) throw UsageError(family_ + " must be one of {" + list() + "}, but is '" + name + "'");
    return found->second.why_unavailable();
  }

  /// Returns the names, sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& [name, entry] : entries_) result.push_back(name);
    return result;
  }

 private:
  std::string list() const {
    std::string result;
    for (const auto& [name, entry] : entries_) result += (result.empty() ? "" : ", ") + name;
    return result;
  }

  std::string family_;
  std::map<std::string, Entry> entries_;
};

using AcceleratorRegistry = Registry<Accelerator>;
using StrategyRegistry = Registry<Strategy>;
using PrecisionRegistry = Registry<Precision>;
/// Loggers are made with the run's directory.
using LoggerRegistry = Registry<Logger, const std::string&>;
using CheckpointIORegistry = Registry<CheckpointIO>;

/// The registries of one Fabric.
struct FABRIC_API Registries {
  AcceleratorRegistry accelerators{"accelerator"};
  StrategyRegistry strategies{"strategy"};
  PrecisionRegistry precisions{"precision"};
  LoggerRegistry loggers{"logger"};
  CheckpointIORegistry checkpoint_ios{"checkpoint IO"};

  /// Returns registries that hold all kinds that Fabric brings.
  static Registries with_builtins();
};

FABRIC_API void add_builtin_accelerators(AcceleratorRegistry& registry);
FABRIC_API void add_builtin_strategies(StrategyRegistry& registry);
FABRIC_API void add_builtin_precisions(PrecisionRegistry& registry);
FABRIC_API void add_builtin_loggers(LoggerRegistry& registry);
FABRIC_API void add_builtin_checkpoint_ios(CheckpointIORegistry& registry);

}  // namespace fabric
