#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "fabric/collate.h"
#include "fabric/export.h"
#include "fabric/tensor_tree.h"

namespace fabric {

/// A sample whose first dimension may differ from that of others: a text, a signal. The other dimensions and the dtype must not.
struct Ragged {
  at::Tensor data;
  /// What fills up to the longest of the batch; that of the batch's first sample counts.
  double pad_value = 0;
};

/// What Ragged samples become.
struct PaddedBatch {
  at::Tensor data;     ///< {samples, longest, ...}
  at::Tensor lengths;  ///< int64 {samples}: how much of each row is data
};
FABRIC_TENSORS(PaddedBatch, &PaddedBatch::data, &PaddedBatch::lengths)

/// Puts tensors that differ in their first dimension into one, filled up with `pad_value`, as Python's
/// torch.nn.utils.rnn.pad_sequence with batch_first. On the CPU. Throws UsageError if there are none, or if they differ otherwise.
FABRIC_API PaddedBatch pad(const std::vector<at::Tensor>& samples, double pad_value = 0);

template <>
struct Collate<Ragged> {
  using Batch = PaddedBatch;
  static PaddedBatch collate(std::vector<Ragged> samples) {
    std::vector<at::Tensor> data;
    data.reserve(samples.size());
    for (Ragged& sample : samples) data.push_back(std::move(sample.data));
    return pad(data, samples.empty() ? 0 : samples.front().pad_value);
  }
};

}  // namespace fabric
