#include "fabric/value.h"

#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <string>

namespace fabric {
namespace {

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(ValueTest, IsNoneUnlessGivenSomething) {
  EXPECT_TRUE(Value().is_none());
  EXPECT_EQ(Value().kind(), "none");
}

TEST(ValueTest, KeepsKindsApart) {
  EXPECT_EQ(Value(true).kind(), "bool");
  EXPECT_EQ(Value(1).kind(), "int");
  EXPECT_EQ(Value(1.0).kind(), "double");
  EXPECT_EQ(Value("1").kind(), "string");
  EXPECT_EQ(Value(at::Tensor()).kind(), "tensor");
  EXPECT_EQ(Value(List{1, "two"}).kind(), "list");
  EXPECT_EQ(Value(Dict{{"one", 1}}).kind(), "dict");
}

TEST(ValueTest, ReadsAnIntAsADoubleButNotTheOtherWayRound) {
  EXPECT_EQ(Value(3).to_double(), 3.0);
  EXPECT_EQ(message_of([] { Value(3.0).to_int(); }), "value must be a int, but is a double");
}

TEST(ValueTest, NamesBothKindsWhereTheyDiffer) {
  EXPECT_EQ(message_of([] { Value("x").to_bool(); }), "value must be a bool, but is a string");
  EXPECT_EQ(message_of([] { Value().to_dict(); }), "value must be a dict, but is a none");
}

TEST(ValueTest, FindsEntriesOfADict) {
  const Value value = Dict{{"one", 1}, {"two", List{2, 2}}};

  EXPECT_EQ(value.find("one")->to_int(), 1);
  EXPECT_EQ(value.find("three"), nullptr);
  EXPECT_EQ(value.at("two").to_list().size(), 2);
}

TEST(ValueTest, ListsTheKeysThereAreWhereOneIsMissing) {
  const Value value = Dict{{"one", 1}, {"two", 2}};

  EXPECT_EQ(message_of([&] { value.at("three"); }), "dict must have the key 'three', but has 'one', 'two'");
  EXPECT_EQ(message_of([] { Value(Dict{}).at("three"); }), "dict must have the key 'three', but has none");
}

TEST(ValueTest, SharesTensorsWithItsCopies) {
  const Value value = Dict{{"weight", at::zeros({2})}};
  const Value copy = value;

  copy.at("weight").to_tensor().fill_(1);

  EXPECT_EQ(value.at("weight").to_tensor().sum().item<float>(), 2);
}

}  // namespace
}  // namespace fabric
