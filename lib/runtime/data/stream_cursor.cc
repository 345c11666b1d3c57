#include "fabric/stream_cursor.h"

#include <algorithm>
#include <utility>

#include "core/concat.h"
#include "fabric/error.h"
#include "fabric/seed.h"

namespace fabric::detail {
namespace {

DataLoaderOptions checked(DataLoaderOptions options) {
  if (options.shuffle || options.sampler != nullptr || options.batch_sampler != nullptr) {
    throw UsageError(
        "shuffle and samplers need a dataset whose samples have numbers, but this one is a stream; let the stream shuffle, "
        "with the generator of its context");
  }
  return options;
}

}  // namespace

StreamCursor::StreamCursor(DataLoaderOptions options, Strategy::DataShare share, uint64_t seed, bool keeps_states)
    : EpochCursor(checked(std::move(options)), share, seed),
      keeps_states_(keeps_states),
      places_(static_cast<size_t>(num_streams())) {}

int StreamCursor::num_streams() const { return std::max(options_.num_workers, 1); }

StreamPass StreamCursor::begin_pass() {
  bool goes_on = false;
  StreamPass pass;
  pass.loop = begin_loop(goes_on);
  pass.epoch = epoch_;
  pass.start = position_;
  if (!goes_on || !can_go_on_) {
    places_.assign(places_.size(), StreamPlace{});
    next_worker_ = 0;
    pass.skip = position_;
  }
  finished_ = false;
  can_go_on_ = true;
  pass.places = places_;
  pass.first_worker = next_worker_;
  return pass;
}

void StreamCursor::handed_out(const StreamPass& pass, int64_t batches, int worker, StreamPlace place) {
  if (!is_latest(pass.loop)) return;
  position_ = pass.start + batches;
  places_[static_cast<size_t>(worker)] = std::move(place);
  next_worker_ = (worker + 1) % num_streams();
}

void StreamCursor::ended(const StreamPass& pass) {
  if (is_latest(pass.loop)) finished_ = true;
}

StreamContext StreamCursor::context(int64_t epoch, int worker) const {
  return {share_.rank, share_.num_replicas, worker, num_streams(), epoch, {}};
}

uint64_t StreamCursor::stream_seed(int64_t epoch, int worker) const {
  return generate_seed_sequence(seed_ + static_cast<uint64_t>(epoch), worker, share_.rank, 1).front();
}

Value StreamCursor::state_dict() const {
  Dict state{{"epoch", epoch_},
             {"position", position_},
             {"finished", finished_},
             {"seed", static_cast<int64_t>(seed_)},
             {"num_replicas", share_.num_replicas},
             {"num_streams", num_streams()}};
  if (!keeps_states_) return state;
  List streams;
  for (const StreamPlace& place : places_) {
    streams.push_back(Dict{{"batches", place.batches}, {"state", place.state}});
  }
  state.emplace_back("rank", share_.rank);
  state.emplace_back("next_worker", next_worker_);
  state.emplace_back("streams", std::move(streams));
  return state;
}

void StreamCursor::load_state_dict(const Value& state) {
  const int64_t epoch = state.at("epoch").to_int();
  const int64_t position = state.at("position").to_int();
  const bool finished = state.at("finished").to_bool();
  const int64_t seed = state.at("seed").to_int();
  const int64_t num_replicas = state.at("num_replicas").to_int();
  const int64_t streams_per_rank = state.at("num_streams").to_int();
  if (epoch < 0 || position < 0 || streams_per_rank < 1) {
    throw UsageError(concat("a loader's state must be a place in the data, but is epoch ", epoch, ", batch ", position,
                            " of ", streams_per_rank, " streams"));
  }
  if (position > 0 && !finished && (num_replicas != share_.num_replicas || streams_per_rank != num_streams())) {
    throw UsageError(concat(
        "in the middle of an epoch, streams can go on with the same number of ranks and workers alone, but it was ",
        num_replicas, " ranks with ", streams_per_rank, " streams each and is ", share_.num_replicas, " with ",
        num_streams(), "; save at the end of an epoch, or use a dataset with size() and get()"));
  }
  std::vector<StreamPlace> places(static_cast<size_t>(num_streams()));
  const Value* const saved = state.find("streams");
  const bool can_go_on = saved != nullptr && state.at("rank").to_int() == share_.rank &&
                         saved->to_list().size() == places.size() && num_replicas == share_.num_replicas;
  int64_t next_worker = 0;
  if (can_go_on) {
    for (size_t i = 0; i < places.size(); ++i) {
      const Value& stream = saved->to_list()[i];
      places[i] = {stream.at("batches").to_int(), stream.at("state")};
    }
    next_worker = state.at("next_worker").to_int() % streams_per_rank;
  }
  places_ = std::move(places);
  next_worker_ = static_cast<int>(next_worker);
  can_go_on_ = can_go_on;
  finished_ = finished;
  go_to(epoch, position, static_cast<uint64_t>(seed));
}

}  // namespace fabric::detail
