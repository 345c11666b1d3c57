#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/Stream.h>

#include <functional>
#include <memory>
#include <optional>

#include "fabric/export.h"
#include "fabric/tensor_tree.h"

namespace c10::impl {
struct DeviceGuardImplInterface;
}

namespace fabric::detail {

/// Copies batches to a device, on a stream of its own where the device has streams: copies run beside what is computed there. On
/// the CPU it does nothing.
class FABRIC_API DeviceFeed {
 public:
  /// A copy that was begun.
  class FABRIC_API Copy {
   public:
    Copy(const c10::impl::DeviceGuardImplInterface& device, c10::Stream stream);
    Copy(const Copy&) = delete;
    Copy& operator=(const Copy&) = delete;
    ~Copy();
    /// Makes `stream` wait for the copy. Does not wait itself.
    void make_wait(c10::Stream stream) const;

   private:
    const c10::impl::DeviceGuardImplInterface& device_;
    c10::DeviceIndex index_;
    void* event_ = nullptr;
  };

  /// Calls a visitor on each tensor of a batch.
  using Visit = std::function<void(const TensorVisitor& visitor)>;

  /// `pin_memory` page-locks tensors first, if there is an accelerator.
  DeviceFeed(c10::Device device, bool pin_memory);
  /// For tests: with streams of `streams`, which may be null and outlives the feed.
  DeviceFeed(c10::Device device, bool pin_memory, const c10::impl::DeviceGuardImplInterface* streams);

  /// Replaces each tensor of a batch by its copy on the device. Returns what finish() must be given, null if the copies are there
  /// already. Any thread.
  std::unique_ptr<Copy> begin(const Visit& visit_batch) const;
  /// Lets the current stream of this thread use the batch: what is enqueued there from now on runs after the copy.
  void finish(const std::unique_ptr<Copy>& copy, const Visit& visit_batch) const;

 private:
  void copy_all(const Visit& visit_batch) const;

  c10::Device device_;
  bool pin_memory_;
  const c10::impl::DeviceGuardImplInterface* streams_;
  std::optional<c10::Stream> stream_;
};

}  // namespace fabric::detail
