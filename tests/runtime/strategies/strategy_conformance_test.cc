#include "conformance/strategy_conformance.h"

namespace fabric::testing {

INSTANTIATE_TEST_SUITE_P(SingleDevice, StrategyConformanceTest, ::testing::Values(StrategyCase{"single_device", 1}),
                         strategy_case_name);
INSTANTIATE_TEST_SUITE_P(Auto, StrategyConformanceTest,
                         ::testing::Values(StrategyCase{"auto", 1}, StrategyCase{"auto", 2}), strategy_case_name);
INSTANTIATE_TEST_SUITE_P(Ddp, StrategyConformanceTest,
                         ::testing::Values(StrategyCase{"ddp", 1}, StrategyCase{"ddp", 2}, StrategyCase{"ddp", 3},
                                           StrategyCase{"ddp_find_unused_parameters_true", 2}),
                         strategy_case_name);

}  // namespace fabric::testing
