#include <ATen/CPUGeneratorImpl.h>

#include "fabric/dataset.h"

namespace fabric::detail {
namespace {

/// The finaliser of splitmix64: neighbouring inputs give unrelated outputs.
uint64_t mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

}  // namespace

at::Generator make_sample_generator() { return at::make_generator<at::CPUGeneratorImpl>(); }

void seed_sample_generator(at::Generator& generator, uint64_t seed, int64_t epoch, int64_t index) {
  generator.set_current_seed(mix(mix(mix(seed) ^ static_cast<uint64_t>(epoch)) ^ static_cast<uint64_t>(index)));
}

}  // namespace fabric::detail
