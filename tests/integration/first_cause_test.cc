// Two ranks fail within a millisecond, in twenty generations: the earlier one is named each time.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "support/failure_board.h"
#include "worker_faults.h"

namespace fabric {
namespace {

using nlohmann::json;
using testing::FailureBoard;
using testing::JobResult;

struct Pair {
  const char* first;
  const char* second;
};

class FirstCauseTest : public testing::WorkerFaults, public ::testing::WithParamInterface<Pair> {};

/// Returns the last moment, CLOCK_BOOTTIME of the node, at which the rank may have failed, by its own word.
int64_t failed_by(const JobResult& result, int generation, int rank) {
  const std::string name = "1." + std::to_string(generation);
  for (const json& event : result.events) {
    if (event.at("event") != "rank_exited" || event.at("generation") != name || event.at("rank") != rank) continue;
    return event.at("killed_by_us") == 0 ? event.at("ended_ns").get<int64_t>() : std::numeric_limits<int64_t>::max();
  }
  return std::numeric_limits<int64_t>::max();
}

// A rank notes the time and fails. The machine may take the processor away between the two, which makes the other one the first:
// such a generation shows nothing, and is made up for by one more.
TEST_P(FirstCauseTest, NamesTheEarlierOfTwoFailuresWithinAMillisecondTwentyOfTwentyTimes) {
  constexpr int kWanted = 20;
  constexpr int kGenerations = kWanted + 5;
  const std::string board_file = directory_.file("board");
  FailureBoard board;
  std::ofstream(board_file).write(reinterpret_cast<const char*>(&board), sizeof board);
  const std::string args =
      std::string("first: ") + GetParam().first + ", second: " + GetParam().second + ", board: '" + board_file + "'";
  const std::string job =
      testing::job_of("together", args) + "elastic: {max_restarts: " + std::to_string(kGenerations - 1) + "}\n";

  const JobResult result = testing::run_job(directory_, job, {}, std::chrono::seconds(120));

  std::ifstream(board_file).read(reinterpret_cast<char*>(&board), sizeof board);
  const json& failures = result.report.at("failures");
  ASSERT_EQ(failures.size(), static_cast<size_t>(kGenerations)) << result.describe();
  int certain = 0;
  int close_ones = 0;
  for (int i = 0; i < kGenerations; ++i) {
    const auto& [zero, one] = board.failed_at[i];
    const bool both = zero != 0 && one != 0;
    const int first = both ? (zero < one ? 0 : 1) : (zero != 0 ? 0 : 1);
    if (both && failed_by(result, i + 1, first) >= std::max(zero, one)) continue;
    ++certain;
    EXPECT_EQ(failures.at(static_cast<size_t>(i)).at("rank"), first)
        << "generation " << i + 1 << ", rank 1 failed " << (one - zero) / 1000 << " us after rank 0\n"
        << failures.at(static_cast<size_t>(i)).dump(2);
    close_ones += both && std::abs(one - zero) <= 1'000'000;
  }
  RecordProperty("within_a_millisecond", close_ones);
  EXPECT_GE(certain, kWanted) << "too often a failure took long to be noted";
  EXPECT_GT(close_ones, 0) << "a machine that is too busy to fail twice within a millisecond shows nothing";
}

INSTANTIATE_TEST_SUITE_P(Pairs, FirstCauseTest,
                         ::testing::Values(Pair{"exception", "exit"}, Pair{"exit", "exception"},
                                           Pair{"crash", "exception"}, Pair{"exception", "crash"},
                                           Pair{"exception", "exception"}),
                         [](const auto& test) { return std::string(test.param.first) + "_then_" + test.param.second; });

}  // namespace
}  // namespace fabric
