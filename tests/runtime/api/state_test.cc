#include <fabric/state.h>
#include <gmock/gmock.h>
#include <torch/torch.h>

namespace fabric {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

struct Counter {
  int64_t value = 0;
  Value state_dict() const { return Dict{{"value", value}}; }
  void load_state_dict(const Value& state) { value = state.at("value").to_int(); }
};

struct Foreign {
  std::string text;
};

}  // namespace

template <>
struct StateTraits<Foreign> {
  static Value save(const Foreign& object) { return object.text; }
  static void load(Foreign& object, const Value& value) { object.text = value.to_string(); }
};

namespace {

TEST(StateTest, SavesAndLoadsWhatItRefersTo) {
  Counter counter{3};
  int32_t epoch = 4;
  double best = 0.5;
  bool done = true;
  std::string name = "a";
  Foreign foreign{"f"};
  at::Tensor tensor = torch::ones(2);
  State state{{"counter", counter}, {"epoch", epoch},     {"best", best},    {"done", done},
              {"name", name},       {"foreign", foreign}, {"tensor", tensor}};
  std::vector<Value> saved;
  for (const State::Entry& entry : state.entries()) saved.push_back(entry.save());

  counter.value = 0, epoch = 0, best = 0, done = false, name = "", foreign.text = "", tensor = torch::zeros(2);
  for (size_t i = 0; i < saved.size(); ++i) state.entries()[i].load(saved[i]);

  EXPECT_EQ(counter.value, 3);
  EXPECT_EQ(epoch, 4);
  EXPECT_EQ(best, 0.5);
  EXPECT_TRUE(done);
  EXPECT_EQ(name, "a");
  EXPECT_EQ(foreign.text, "f");
  EXPECT_TRUE(torch::equal(tensor, torch::ones(2)));
}

TEST(StateTest, RefusesANameThatStandsTwice) {
  int64_t first = 1, second = 2;

  EXPECT_THAT(
      [&] {
        State({{"step", first}, {"step", second}});
      },
      ThrowsMessage<UsageError>(HasSubstr("'step' stands twice")));
  State state{{"step", first}};
  EXPECT_THROW(state.add("step", second), UsageError);
}

TEST(StateTest, RefusesANumberThatDoesNotFit) {
  int8_t small = 1;
  State state{{"small", small}};

  EXPECT_THROW(state.entries()[0].load(Value(300)), UsageError);
  EXPECT_THROW(state.entries()[0].load(Value("text")), UsageError);
  EXPECT_EQ(small, 1);
}

}  // namespace
}  // namespace fabric
