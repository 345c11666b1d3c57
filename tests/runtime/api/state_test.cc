#include <fabric/state.h>
#include <fabric/state_containers.h>
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
  for (size_t i = 0; i < saved.size(); ++i) state.entries()[i].prepare(saved[i]).apply();

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

  EXPECT_THROW(state.entries()[0].prepare(Value(300)), UsageError);
  EXPECT_THROW(state.entries()[0].prepare(Value("text")), UsageError);
  EXPECT_EQ(small, 1);
}

/// Takes a value in place, and only positive ones.
struct Picky {
  int64_t value = 1;
  Value state_dict() const { return value; }
  void load_state_dict(const Value& state) {
    if (state.to_int() < 0) throw UsageError("must be positive");
    value = state.to_int();
  }
};

TEST(StateTest, ChangesNothingUnlessEveryEntryFits) {
  int64_t number = 1;
  std::string text = "old";
  Picky picky;
  State state{{"number", number}, {"picky", picky}, {"text", text}};

  EXPECT_THAT(
      [&] {
        state.prepare_load(Dict{{"number", 2}, {"picky", 2}, {"text", 3}}).apply();
      },
      ThrowsMessage<UsageError>(HasSubstr("cannot load 'text'")));
  EXPECT_EQ(number, 1);
  EXPECT_EQ(picky.value, 1);
}

TEST(StateTest, PutsBackWhatCouldNotBeCheckedBeforehand) {
  int64_t number = 1;
  Picky first, second;
  State state{{"number", number}, {"first", first}, {"second", second}};

  EXPECT_THAT(
      [&] {
        state.prepare_load(Dict{{"number", 2}, {"first", 2}, {"second", -2}}).apply();
      },
      ThrowsMessage<UsageError>(HasSubstr("cannot load 'second': must be positive")));
  EXPECT_EQ(number, 1);
  EXPECT_EQ(first.value, 1);

  state.prepare_load(Dict{{"number", 2}, {"first", 3}, {"second", 4}}).apply();
  EXPECT_EQ(number, 2);
  EXPECT_EQ(first.value, 3);
  EXPECT_EQ(second.value, 4);
}

TEST(StateTest, TakesContainersOfValues) {
  std::vector<double> losses{0.5, 0.25};
  std::map<std::string, at::Tensor> averages{{"a", torch::ones(2)}};
  std::optional<int64_t> best = 3, none;
  std::pair<std::string, bool> pair{"p", true};
  std::tuple<int, std::vector<bool>> tuple{7, {true, false}};
  State state{{"losses", losses}, {"averages", averages}, {"best", best},
              {"none", none},     {"pair", pair},         {"tuple", tuple}};
  const Value saved = state.save();
  losses = {1}, averages.clear(), best.reset(), none = 1, pair = {}, tuple = {};

  state.prepare_load(saved).apply();

  EXPECT_EQ(losses, (std::vector<double>{0.5, 0.25}));
  EXPECT_TRUE(torch::equal(averages.at("a"), torch::ones(2)));
  EXPECT_EQ(best, 3);
  EXPECT_EQ(none, std::nullopt);
  EXPECT_EQ(pair, (std::pair<std::string, bool>{"p", true}));
  EXPECT_EQ(tuple, (std::tuple<int, std::vector<bool>>{7, {true, false}}));
}

TEST(StateTest, LoadsObjectsInContainersWhereTheyAre) {
  std::vector<Picky> list(2);
  std::map<std::string, Picky> map{{"a", {}}};
  std::optional<Picky> maybe = Picky();
  std::pair<Picky, int64_t> pair;
  int64_t number = 5;
  State inner{{"number", number}};
  State state{{"list", list}, {"map", map}, {"maybe", maybe}, {"pair", pair}, {"inner", inner}};

  state
      .prepare_load(Dict{{"list", List{2, 3}},
                         {"map", Dict{{"a", 4}}},
                         {"maybe", 5},
                         {"pair", List{6, 7}},
                         {"inner", Dict{{"number", 8}}}})
      .apply();

  EXPECT_EQ(list[1].value, 3);
  EXPECT_EQ(map.at("a").value, 4);
  EXPECT_EQ(maybe->value, 5);
  EXPECT_EQ(pair.first.value + pair.second, 13);
  EXPECT_EQ(number, 8);
  EXPECT_THROW(state.entries()[0].prepare(List{1}), UsageError);
  EXPECT_THROW(state.entries()[2].prepare(Value()), UsageError);
  EXPECT_THAT([&] { state.entries()[4].prepare(Dict{}); }, ThrowsMessage<UsageError>(HasSubstr("entry 'number'")));
}

}  // namespace
}  // namespace fabric
