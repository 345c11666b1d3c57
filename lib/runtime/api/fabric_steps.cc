// Where a step ends: what is counted, saved and agreed on there.

#include <chrono>

#include "core/concat.h"
#include "fabric/fabric.h"
#include "runtime/api/agreement.h"
#include "runtime/api/fabric_core.h"

namespace fabric {
namespace {

CheckpointSchedule::Seconds now() { return std::chrono::steady_clock::now().time_since_epoch(); }

}  // namespace

void Fabric::end_step(State& state) {
  core_->ends_steps = true;
  end_step_of(state);
}

bool Fabric::should_stop() const { return core_->environment.should_stop(); }

int64_t Fabric::step() const { return core_->step; }

void Fabric::end_step_of(const State& state) {
  core_->metrics.write_before(core_->step, core_->loggers);
  ++core_->step;
  core_->environment.report_step(core_->step);
  const bool is_due = is_checkpoint_due();
  if (!core_->is_clean()) return;  // what has accumulated stands in no checkpoint
  const bool stops = core_->environment.stops_after(core_->step);
  if (is_due || stops) save_step(state);
  if (stops) throw Stop{};
}

bool Fabric::is_checkpoint_due() {
  if (!core_->schedule) core_->schedule.emplace(core_->options.checkpoint, core_->step - 1, now());
  return core_->schedule->is_due(core_->step, now(), [this](int64_t mine) {
    at::Tensor number = at::scalar_tensor(mine, at::TensorOptions(at::kLong).device(device()));
    core_->strategy->collective().broadcast(number, 0);
    return number.item<int64_t>();
  });
}

void Fabric::save_step(const State& state) {
  save(RunCheckpoints::name_of(core_->step), state);
  const std::exception_ptr failure = failure_of([this] {
    if (is_global_zero()) core_->checkpoints().after_save(core_->step, core_->best_metric_value());
  });
  agree(core_->strategy->collective(), device(), "the removal of old checkpoints", failure);
  core_->schedule->saved(core_->step, now());
}

// The first batch of a loop is asked for before any step, also after resume().
void Fabric::before_batch(const detail::EpochCursor& loader) {
  if (core_->ends_steps || !core_->resumed_state) return;
  if (core_->stepping_loader == nullptr) {
    core_->stepping_loader = &loader;
  } else if (core_->stepping_loader == &loader) {
    end_step_of(*core_->resumed_state);
  }
}

}  // namespace fabric
