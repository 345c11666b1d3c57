#pragma once

#include <ATen/core/Generator.h>

#include <cstdint>

#include "fabric/export.h"

namespace fabric::detail {

/// While it lives, what operators of this thread draw from LibTorch's default generator of the CPU comes from one that is seeded
/// for each sample. Lives on the stack of one thread; may be nested.
class FABRIC_API SampleRandomness {
 public:
  SampleRandomness() : SampleRandomness(at::Generator()) {}
  /// With a generator that somebody else sees too.
  explicit SampleRandomness(at::Generator generator);
  ~SampleRandomness();
  SampleRandomness(const SampleRandomness&) = delete;
  SampleRandomness& operator=(const SampleRandomness&) = delete;

  /// The numbers that follow are those of this sample. Cheap: a generator is only made and seeded for who draws.
  void begin_sample(uint64_t seed, int64_t epoch, int64_t index);
  /// The numbers that follow are those of batch `batch` of a stream that has the seed `stream_seed`.
  void begin_stream_batch(uint64_t stream_seed, int64_t batch);
  /// Returns the generator, seeded.
  at::Generator& generator();

 private:
  void begin(uint64_t state);

  SampleRandomness* outer_;
  bool was_diverted_;
  bool is_seeded_ = false;
  uint64_t state_ = 0;
  at::Generator generator_;
};

/// Returns a generator of the CPU.
FABRIC_API at::Generator make_generator();

/// Makes LibTorch ready for SampleRandomness. Called before the threads are made that use it; the first call changes LibTorch's
/// dispatcher, later ones return at once.
FABRIC_API void prepare_sample_randomness();

}  // namespace fabric::detail
