#include "fabric/stream.h"

#include <ATen/ops/randint.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>

#include "fabric/data_loader.h"
#include "fabric/error.h"
#include "runtime/data/numbers.h"

namespace fabric {
namespace {

using fabric::testing::to_vector;
using ::testing::ElementsAre;
using Integers = std::vector<int64_t>;
using Sample = std::pair<int64_t, at::Tensor>;

/// Gives 1000 * epoch + 0, 1, 2, ... with a number that is drawn, every num_parts-th of them.
class CountingStream {
 public:
  CountingStream(int64_t count, StreamContext context, std::atomic<int>* reads)
      : count_(count), context_(std::move(context)), reads_(reads), next_(context_.part()) {}

  std::optional<Sample> next() {
    if (next_ >= count_) return std::nullopt;
    if (reads_ != nullptr) ++*reads_;
    const int64_t number = next_;
    next_ += context_.num_parts();
    const at::Tensor drawn = at::randint(1'000'000, {}, context_.generator).add(at::randint(1'000'000, {}));
    return Sample{1000 * context_.epoch + number, drawn};
  }

 protected:
  int64_t count_;
  StreamContext context_;
  std::atomic<int>* reads_;
  int64_t next_;
};

struct StatefulCountingStream : CountingStream {
  using CountingStream::CountingStream;
  Value state_dict() const { return Dict{{"next", next_}}; }
  void load_state_dict(const Value& state) { next_ = state.at("next").to_int(); }
};

template <class Stream>
struct Counting {
  int64_t count = 0;
  std::atomic<int>* reads = nullptr;  // counts, over all streams

  Stream stream(const StreamContext& context) const { return Stream(count, context, reads); }
};

using Plain = Counting<CountingStream>;
using Stateful = Counting<StatefulCountingStream>;

template <class D>
DataLoader<D> make_stream_loader(D dataset, int num_workers, Strategy::DataShare share = {}, int64_t batch_size = 2,
                                 Remainder remainder = Remainder::kPad) {
  return DataLoader<D>(std::move(dataset),
                       {.batch_size = batch_size, .remainder = remainder, .num_workers = num_workers}, share,
                       c10::Device("cpu"), 5);
}

/// Returns the numbers of one loop with what was drawn for each; leaves it after `most` batches.
template <class D>
Integers read_stream(const DataLoader<D>& loader, int64_t most = 1'000'000) {
  Integers result;
  if (most == 0) return result;
  for (auto& [numbers, drawn] : loader) {
    const Integers both = to_vector(at::stack({numbers, drawn}, 1));
    result.insert(result.end(), both.begin(), both.end());
    if (--most == 0) break;
  }
  return result;
}

Integers numbers_of(const Integers& with_drawn) {
  Integers numbers;
  for (size_t i = 0; i < with_drawn.size(); i += 2) numbers.push_back(with_drawn[i]);
  return numbers;
}

static_assert(StreamedDataset<Plain> && !IndexedDataset<Plain>);
static_assert(!StatefulStream<CountingStream> && StatefulStream<StatefulCountingStream>);

TEST(StreamTest, GivesBatchesOfTheWorkersStreamsInTurn) {
  EXPECT_THAT(numbers_of(read_stream(make_stream_loader(Plain{7}, 0))), ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(numbers_of(read_stream(make_stream_loader(Plain{11}, 2))), ElementsAre(0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9));
}

TEST(StreamTest, GivesEachSampleOnceOverRanksAndWorkers) {
  for (const int num_workers : {0, 1, 3}) {
    std::multiset<int64_t> given;
    for (const int rank : {0, 1, 2}) {
      const Integers numbers = numbers_of(read_stream(make_stream_loader(Plain{100}, num_workers, {3, rank})));
      given.insert(numbers.begin(), numbers.end());
    }

    EXPECT_EQ(given.size(), 100U);
    EXPECT_EQ(std::set<int64_t>(given.begin(), given.end()).size(), 100U);
  }
}

TEST(StreamTest, DrawsTheSameEachTimeAndAnewInEachEpochRankAndWorker) {
  const auto loader = make_stream_loader(Plain{12}, 3);
  const Integers first = read_stream(loader);
  const Integers second = read_stream(loader);

  EXPECT_EQ(first, read_stream(make_stream_loader(Plain{12}, 3)));
  EXPECT_EQ(second.front(), 1000);
  EXPECT_NE(first[1], second[1]);
  EXPECT_NE(first[1], first[5]) << "another worker's";
  EXPECT_NE(first[1], read_stream(make_stream_loader(Plain{12}, 3, {2, 1}))[1]) << "another rank's";
}

TEST(StreamTest, LeavesOutBatchesThatAreNotFullWhereItIsTold) {
  EXPECT_THAT(numbers_of(read_stream(make_stream_loader(Plain{7}, 0, {}, 3, Remainder::kDrop))),
              ElementsAre(0, 1, 2, 3, 4, 5));
}

/// Stops after each possible number of batches, and resumes; all must equal the unbroken run of two epochs.
template <class D>
void expect_resumes(int64_t count, int num_workers, Strategy::DataShare share) {
  const auto unbroken = make_stream_loader(D{count}, num_workers, share);
  Integers expected = read_stream(unbroken);
  const auto batches = static_cast<int64_t>(expected.size());
  const Integers second = read_stream(unbroken);
  expected.insert(expected.end(), second.begin(), second.end());
  for (int64_t stop = 0; stop < batches; ++stop) {
    const auto stopped = make_stream_loader(D{count}, num_workers, share);
    Integers given = read_stream(stopped, stop);
    if (static_cast<int64_t>(given.size()) == batches) break;  // beyond the epoch
    auto resumed = make_stream_loader(D{count}, num_workers, share);
    resumed.load_state_dict(stopped.state_dict());
    EXPECT_EQ(resumed.position(), stop);
    for (int epoch = 0; epoch < 2; ++epoch) {
      const Integers rest = read_stream(resumed);
      given.insert(given.end(), rest.begin(), rest.end());
    }
    ASSERT_EQ(given, expected) << "stopped after batch " << stop << " with " << num_workers << " workers";
  }
}

TEST(StreamTest, ResumesWithTheNextBatchWhereverItStopped) {
  for (const int num_workers : {0, 2, 3}) {
    for (const int64_t count : {5, 23, 24}) {
      expect_resumes<Plain>(count, num_workers, {2, 1});
      expect_resumes<Stateful>(count, num_workers, {2, 1});
    }
  }
}

TEST(StreamTest, ReadsOnlyWhatIsLeftWhereStreamsKnowTheirPlace) {
  for (const int num_workers : {0, 2}) {
    const auto stopped = make_stream_loader(Stateful{40}, num_workers);
    read_stream(stopped, 10);
    std::atomic<int> reads = 0;
    auto resumed = make_stream_loader(Stateful{40, &reads}, num_workers);
    resumed.load_state_dict(stopped.state_dict());

    read_stream(resumed);

    EXPECT_EQ(reads, 20);
  }
}

TEST(StreamTest, TakesAnotherRanksStateByReadingUpToThere) {
  const auto of_rank_0 = make_stream_loader(Stateful{40}, 2, {2, 0});
  read_stream(of_rank_0, 4);
  auto rank_1 = make_stream_loader(Stateful{40}, 2, {2, 1});
  const Integers whole = read_stream(rank_1);

  rank_1.load_state_dict(of_rank_0.state_dict());

  EXPECT_EQ(read_stream(rank_1), Integers(whole.begin() + 4 * 4, whole.end()));
}

TEST(StreamTest, GoesOnWithTheNextEpochAfterTheEnd) {
  const auto loader = make_stream_loader(Plain{4}, 1);
  std::vector<int64_t> epochs;
  for (const int64_t epoch : loader.epochs(2)) {
    read_stream(loader);
    epochs.push_back(epoch);
    auto resumed = make_stream_loader(Plain{4}, 3);  // at the end of an epoch the number of workers may change
    resumed.load_state_dict(loader.state_dict());
    EXPECT_EQ(numbers_of(read_stream(resumed)).front(), 1000 * (epoch + 1));
  }

  EXPECT_THAT(epochs, ElementsAre(0, 1));
}

TEST(StreamTest, RefusesToGoOnInTheMiddleWithStreamsCutOtherwise) {
  const auto stopped = make_stream_loader(Plain{40}, 2, {2, 0});
  read_stream(stopped, 1);
  auto with_more_workers = make_stream_loader(Plain{40}, 3, {2, 0});
  auto with_more_ranks = make_stream_loader(Plain{40}, 2, {3, 0});

  EXPECT_THROW(with_more_workers.load_state_dict(stopped.state_dict()), UsageError);
  EXPECT_THROW(with_more_ranks.load_state_dict(stopped.state_dict()), UsageError);
  EXPECT_EQ(numbers_of(read_stream(with_more_ranks)).front(), 0);
}

TEST(StreamTest, RefusesWhatNeedsIndices) {
  const auto with = [](DataLoaderOptions options) {
    options.batch_size = 2;
    DataLoader<Plain>(Plain{4}, options, {}, c10::Device("cpu"), 0);
  };

  EXPECT_THROW(with({.shuffle = true}), UsageError);
  EXPECT_THROW(with({.sampler = std::make_shared<SequentialSampler>(4)}), UsageError);
}

/// A stream of the whole, which StridedStream shares.
struct Shared {
  struct Whole {
    int64_t next_number = 0;
    std::optional<int64_t> next() { return next_number < 10 ? std::optional(next_number++) : std::nullopt; }
    Value state_dict() const { return next_number; }
    void load_state_dict(const Value& state) { next_number = state.to_int(); }
  };
  StridedStream<Whole> stream(const StreamContext& context) const { return {Whole{}, context}; }
};

TEST(StridedStreamTest, SharesAStreamOfTheWhole) {
  std::vector<Integers> ranks;
  for (const int rank : {0, 1}) {
    const DataLoader<Shared> loader({}, {.batch_size = 2, .num_workers = 2}, {2, rank}, c10::Device("cpu"), 0);
    Integers& numbers = ranks.emplace_back();
    for (auto& batch : loader) {
      const Integers given = to_vector(batch);
      numbers.insert(numbers.end(), given.begin(), given.end());
    }
  }

  EXPECT_THAT(ranks[0], ElementsAre(0, 4, 1, 5, 8, 9));
  EXPECT_THAT(ranks[1], ElementsAre(2, 6, 3, 7));
}

TEST(StridedStreamTest, GoesOnWhereItWas) {
  const StreamContext context{.rank = 1, .num_replicas = 3};
  StridedStream<Shared::Whole> stopped(Shared::Whole{}, context);
  EXPECT_EQ(stopped.next(), 1);
  StridedStream<Shared::Whole> resumed(Shared::Whole{}, context);

  resumed.load_state_dict(stopped.state_dict());

  EXPECT_EQ(resumed.next(), 4);
  EXPECT_EQ(stopped.next(), 4);
  EXPECT_EQ(resumed.next(), 7);
  EXPECT_EQ(resumed.next(), std::nullopt);
}

}  // namespace
}  // namespace fabric
