#include "runtime/api/fabric_core.h"

#include <algorithm>
#include <cctype>

#include "runtime/api/job_options.h"

namespace fabric {
namespace {

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string accelerator_name(const std::string& name) { return name == "gpu" ? "cuda" : name; }

/// Returns the object that was chosen, or makes the one whose name `resolve` gives for the chosen name.
template <class Family, class... A, class Resolve, class... Given>
std::shared_ptr<Family> choose(const Choice<Family>& choice, const Registry<Family, A...>& registry, Resolve resolve,
                               const Given&... given) {
  if (const auto* const own = std::get_if<std::shared_ptr<Family>>(&choice)) return *own;
  return registry.create(resolve(lower_case(std::get<std::string>(choice))), given...);
}

std::string unchanged(const std::string& name) { return name; }

}  // namespace

std::unique_ptr<detail::FabricCore> make_fabric_core(Environment& environment, Options options) {
  auto core = std::make_unique<detail::FabricCore>(
      detail::FabricCore{.environment = environment, .options = std::move(options)});
  const Options& chosen = core->options;
  const Registries& registries = chosen.registries;
  core->seed = chosen.seed.value_or(0);
  core->accelerator = choose(chosen.accelerator, registries.accelerators, accelerator_name);
  core->precision = choose(chosen.precision, registries.precisions, precision_name);
  core->checkpoint_io = choose(chosen.checkpoint_io, registries.checkpoint_ios, unchanged);
  core->strategy = choose(chosen.strategy, registries.strategies, unchanged);
  if (environment.global_rank() == 0) {
    for (const Choice<Logger>& logger : chosen.loggers) {
      core->loggers.push_back(choose(logger, registries.loggers, unchanged, environment.run_directory()));
    }
  }
  // Last: whatever fails before it fails while no rank depends on this one.
  core->strategy->setup_environment(environment, *core->accelerator);
  return core;
}

}  // namespace fabric
