#pragma once

#include <ATen/ops/randint.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "fabric/data_loader.h"

namespace fabric::testing {

/// A dataset of 0, 1, 2, ... that gives each number with one drawn from the sample's generator.
struct Numbers {
  size_t count;

  size_t size() const { return count; }
  std::pair<int64_t, at::Tensor> get(size_t index, SampleContext& context) const {
    return {static_cast<int64_t>(index), at::randint(1'000'000, {}, context.generator)};
  }
};

inline DataLoader<Numbers> make_loader(size_t count, DataLoaderOptions options, Strategy::DataShare share = {},
                                       uint64_t seed = 1) {
  return DataLoader<Numbers>(Numbers{count}, std::move(options), share, c10::Device("cpu"), seed);
}

inline std::vector<int64_t> to_vector(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.contiguous();
  return {flat.const_data_ptr<int64_t>(), flat.const_data_ptr<int64_t>() + flat.numel()};
}

/// Returns the numbers of one loop, with the drawn ones after each if `with_drawn`; leaves it after `most` batches.
inline std::vector<int64_t> loop(const DataLoader<Numbers>& loader, int64_t most = 1'000'000, bool with_drawn = false) {
  std::vector<int64_t> result;
  for (auto& [numbers, drawn] : loader) {
    const auto both = with_drawn ? to_vector(at::stack({numbers, drawn}, 1)) : to_vector(numbers);
    result.insert(result.end(), both.begin(), both.end());
    if (--most == 0) break;
  }
  return result;
}

/// Returns the numbers of one loop, batch by batch; leaves it after `most` batches.
inline std::vector<std::vector<int64_t>> batches_of(const DataLoader<Numbers>& loader, int64_t most = 1'000'000) {
  std::vector<std::vector<int64_t>> batches;
  for (auto& [numbers, drawn] : loader) {
    batches.push_back(to_vector(numbers));
    if (--most == 0) break;
  }
  return batches;
}

}  // namespace fabric::testing
