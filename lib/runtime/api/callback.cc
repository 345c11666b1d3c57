#include "fabric/callback.h"

namespace fabric {

Callback::~Callback() = default;

void Callback::on_after_setup(Fabric&, torch::nn::Module&) {}

void Callback::on_after_optimizer_step(Fabric&, Optimizer&) {}

}  // namespace fabric
