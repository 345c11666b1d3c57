#include "fabric/padding.h"

#include <ATen/ops/full.h>

#include <algorithm>

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric {

PaddedBatch pad(const std::vector<at::Tensor>& samples, double pad_value) {
  if (samples.empty()) throw UsageError("there must be a sample to pad, but there is none");
  const at::Tensor& first = samples.front();
  int64_t longest = 0;
  for (const at::Tensor& sample : samples) {
    if (sample.dim() < 1 || first.dim() < 1 || sample.sizes().slice(1) != first.sizes().slice(1) ||
        sample.scalar_type() != first.scalar_type()) {
      throw UsageError(concat("samples that are padded must differ in their first dimension alone, but are ",
                              first.scalar_type(), " of ", first.sizes(), " and ", sample.scalar_type(), " of ",
                              sample.sizes()));
    }
    longest = std::max(longest, sample.size(0));
  }
  std::vector<int64_t> sizes{static_cast<int64_t>(samples.size()), longest};
  sizes.insert(sizes.end(), first.sizes().begin() + 1, first.sizes().end());
  PaddedBatch batch{at::full(sizes, pad_value, at::TensorOptions(first.scalar_type())),
                    detail::new_numbers(samples.size(), at::kLong)};
  auto* const lengths = batch.lengths.data_ptr<int64_t>();
  for (size_t i = 0; i < samples.size(); ++i) {
    lengths[i] = samples[i].size(0);
    batch.data.select(0, static_cast<int64_t>(i)).narrow(0, 0, lengths[i]).copy_(samples[i]);
  }
  return batch;
}

}  // namespace fabric
