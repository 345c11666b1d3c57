#include "fabric/strategy.h"

namespace fabric {

StrategyModule::~StrategyModule() = default;
Strategy::~Strategy() = default;

}  // namespace fabric
