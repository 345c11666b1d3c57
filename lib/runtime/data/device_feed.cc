#include "fabric/device_feed.h"

#include <ATen/DeviceAccelerator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

namespace fabric::detail {
namespace {

const c10::impl::DeviceGuardImplInterface* streams_of(c10::Device device) {
  return at::accelerator::isAccelerator(device.type()) ? c10::impl::getDeviceGuardImpl(device.type()) : nullptr;
}

/// Makes a stream the current one of this thread, and its device too, as long as it lives.
class CurrentStream {
 public:
  CurrentStream(const c10::impl::DeviceGuardImplInterface& device, c10::Stream stream)
      : device_(device),
        device_before_(device.exchangeDevice(stream.device())),
        before_(device.exchangeStream(stream)) {}
  CurrentStream(const CurrentStream&) = delete;
  CurrentStream& operator=(const CurrentStream&) = delete;
  ~CurrentStream() {
    device_.exchangeStream(before_);
    device_.uncheckedSetDevice(device_before_);
  }

 private:
  const c10::impl::DeviceGuardImplInterface& device_;
  c10::Device device_before_;
  c10::Stream before_;
};

}  // namespace

DeviceFeed::Copy::Copy(const c10::impl::DeviceGuardImplInterface& device, c10::Stream stream)
    : device_(device), index_(stream.device_index()) {
  device_.record(&event_, stream, index_, c10::EventFlag::PYTORCH_DEFAULT);
}

DeviceFeed::Copy::~Copy() { device_.destroyEvent(event_, index_); }

void DeviceFeed::Copy::make_wait(c10::Stream stream) const { device_.block(event_, stream); }

DeviceFeed::DeviceFeed(c10::Device device, bool pin_memory) : DeviceFeed(device, pin_memory, streams_of(device)) {}

DeviceFeed::DeviceFeed(c10::Device device, bool pin_memory, const c10::impl::DeviceGuardImplInterface* streams)
    : device_(device), pin_memory_(pin_memory && at::accelerator::isAccelerator(device.type())), streams_(streams) {
  // One stream: each has memory of its own in the allocator's cache.
  if (streams_ != nullptr) stream_ = streams_->getStreamFromGlobalPool(device_);
}

void DeviceFeed::copy_all(const Visit& visit_batch) const {
  const auto copy = [this](at::Tensor& tensor) {
    if (!tensor.defined()) return;
    if (pin_memory_ && tensor.is_cpu() && tensor.layout() == at::kStrided) tensor = tensor.pin_memory();
    // The allocator of page-locked memory keeps the source until the copy is done.
    tensor = tensor.to(device_, tensor.scalar_type(), /*non_blocking=*/true);
  };
  visit_batch(TensorVisitor(copy));
}

std::unique_ptr<DeviceFeed::Copy> DeviceFeed::begin(const Visit& visit_batch) const {
  if (device_.is_cpu()) return nullptr;
  if (streams_ == nullptr) {
    copy_all(visit_batch);
    return nullptr;
  }
  // What a dataset has made on a device itself comes from this thread's stream. Host tensors need no such wait, and it would
  // keep their copies from running beside what is computed on that stream.
  bool is_on_device = false;
  const auto look = [&is_on_device](at::Tensor& tensor) {
    is_on_device = is_on_device || (tensor.defined() && !tensor.is_cpu());
  };
  visit_batch(TensorVisitor(look));
  if (is_on_device) Copy(*streams_, streams_->getStream(device_)).make_wait(*stream_);
  const CurrentStream current(*streams_, *stream_);
  copy_all(visit_batch);
  return std::make_unique<Copy>(*streams_, *stream_);
}

void DeviceFeed::finish(const std::unique_ptr<Copy>& copy, const Visit& visit_batch) const {
  if (copy == nullptr) return;
  const c10::Stream user = streams_->getStream(device_);
  copy->make_wait(user);
  // The memory belongs to the copying stream, which would use it again as soon as the tensor is gone on the host.
  const auto keep = [&](at::Tensor& tensor) {
    if (tensor.defined() && tensor.has_storage()) {
      streams_->recordDataPtrOnStream(tensor.storage().data_ptr(), user);
    }
  };
  visit_batch(TensorVisitor(keep));
}

}  // namespace fabric::detail
