#include <gmock/gmock.h>

#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include "runtime/collectives/roll_call.h"

namespace fabric {
namespace {

using ::testing::HasSubstr;

class RollCallTest : public ::testing::Test {
 protected:
  RollCall of_rank(int rank) { return RollCall(store_, "test", rank, 3); }
  c10::intrusive_ptr<c10d::Store> store_ = c10::make_intrusive<c10d::HashStore>();
};

TEST_F(RollCallTest, NamesWhoIsMissing) {
  RollCall first = of_rank(0);

  first.answer("start");

  EXPECT_EQ(first.report(), "ranks 1, 2 of 3 have not come");
}

TEST_F(RollCallTest, SaysThatAllHaveCome) {
  RollCall calls[] = {of_rank(0), of_rank(1), of_rank(2)};

  for (RollCall& call : calls) call.answer("start");

  EXPECT_EQ(calls[0].report(), "all ranks have come");
}

TEST_F(RollCallTest, NamesWhoIsAtAnotherPlace) {
  RollCall first = of_rank(0);
  RollCall second = of_rank(1);

  first.answer("barrier 'a'");
  second.answer("barrier 'b'");

  EXPECT_THAT(first.report(), HasSubstr("rank 1 is at 'barrier 'b'' instead"));
  EXPECT_THAT(first.report(), HasSubstr("rank 2 of 3 has not come"));
}

TEST_F(RollCallTest, LeavesNoMoreThanTwoAnswersOfARankBehind) {
  RollCall call = of_rank(0);

  for (int i = 0; i < 10; ++i) call.answer("again");

  EXPECT_EQ(store_->getNumKeys(), 2);
}

}  // namespace
}  // namespace fabric
