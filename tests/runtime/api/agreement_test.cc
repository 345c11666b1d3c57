#include "runtime/api/agreement.h"

#include <fabric/error.h>
#include <gmock/gmock.h>
#include <torch/torch.h>

namespace fabric {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// Rank 1 of three; the others' part in an agreement is given.
class ScriptedCollective final : public Collective {
 public:
  explicit ScriptedCollective(std::vector<std::string> failures) : failures_(std::move(failures)) {}

  int rank() const override { return 1; }
  int world_size() const override { return 3; }
  void barrier(std::string_view) override {}
  void all_reduce(at::Tensor&, ReduceOp) override {}
  at::Tensor all_gather(const at::Tensor& mine) override {
    std::vector<at::Tensor> all;
    for (int rank = 0; rank < 3; ++rank) {
      all.push_back(rank == 1 ? mine : torch::full({}, failures_[static_cast<size_t>(rank)].empty() ? 0 : 1, at::kInt));
    }
    return torch::stack(all);
  }
  void broadcast(at::Tensor&, int) override {}
  Value broadcast(const Value& value, int source) override {
    return source == 1 ? value : Value(failures_[static_cast<size_t>(source)]);
  }

 private:
  std::vector<std::string> failures_;  // message of each rank, empty where it did not fail
};

std::exception_ptr failure(const char* message) { return std::make_exception_ptr(UsageError(message)); }

TEST(AgreementTest, ReturnsWhenNoRankFailed) {
  ScriptedCollective collective({"", "", ""});

  EXPECT_NO_THROW(agree(collective, at::kCPU, "save()", nullptr));
}

TEST(AgreementTest, NamesTheFirstRankThatFailedAndItsMessage) {
  ScriptedCollective collective({"", "", "disk full"});

  EXPECT_THAT([&] { agree(collective, at::kCPU, "save()", nullptr); },
              ThrowsMessage<PeerError>(HasSubstr("get through save(), but rank 2 failed: disk full")));
}

TEST(AgreementTest, GivesARankItsOwnExceptionBack) {
  ScriptedCollective collective({"other", "", ""});

  EXPECT_THAT([&] { agree(collective, at::kCPU, "save()", failure("mine")); },
              ThrowsMessage<UsageError>(HasSubstr("mine")));
}

}  // namespace
}  // namespace fabric
