#include "fabric/callback.h"

namespace fabric {

Callback::~Callback() = default;

void Callback::on_after_setup(Fabric&, torch::nn::Module&) {}

void Callback::on_after_optimizer_step(Fabric&, Optimizer&) {}

Value Callback::state_dict() const { return {}; }

void Callback::load_state_dict(const Value&) {}

}  // namespace fabric
