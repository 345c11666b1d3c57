#include "fabric/device_feed.h"

#include <ATen/ops/ones.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <gmock/gmock.h>

#include "fabric/data_loader.h"
#include "runtime/data/numbers.h"

namespace fabric::detail {
namespace {

using ::testing::ElementsAre;

/// A device that has streams, over LibTorch's meta device, which has none: it notes what is asked of it.
struct RecordingDevice final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return c10::DeviceType::Meta; }
  c10::Device exchangeDevice(c10::Device) const override { return device; }
  c10::Device getDevice() const override { return device; }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::Stream getStream(c10::Device) const override { return current; }
  c10::Stream getStreamFromGlobalPool(c10::Device, bool) const override { return stream(7); }
  c10::Stream exchangeStream(c10::Stream to) const override {
    done.push_back("use " + std::to_string(to.id()));
    return std::exchange(current, to);
  }
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  void record(void** made, const c10::Stream& on, const c10::DeviceIndex, const c10::EventFlag) const override {
    *made = event;
    done.push_back("record on " + std::to_string(on.id()));
  }
  void block(void* awaited, const c10::Stream& on) const override {
    done.push_back((awaited == event ? "wait on " : "wait for another event on ") + std::to_string(on.id()));
  }
  void destroyEvent(void* gone, const c10::DeviceIndex) const noexcept override {
    done.push_back(gone == event ? "destroy" : "destroy another event");
  }
  void recordDataPtrOnStream(const c10::DataPtr&, const c10::Stream& on) const override {
    done.push_back("keep for " + std::to_string(on.id()));
  }

  static c10::Stream stream(c10::StreamId id) { return c10::Stream(c10::Stream::UNSAFE, device, id); }

  static inline const c10::Device device{c10::DeviceType::Meta, 0};
  mutable c10::Stream current = stream(1);
  void* event = const_cast<RecordingDevice*>(this);
  mutable std::vector<std::string> done;
};

struct Two {
  at::Tensor a = at::ones({2});
  at::Tensor b = at::ones({3});
};
FABRIC_TENSORS(Two, &Two::a, &Two::b)

DeviceFeed::Visit visit(Two& batch) {
  return [&batch](const TensorVisitor& visitor) { visit_tensors(batch, visitor); };
}

TEST(DeviceFeedTest, CopiesOnAStreamOfItsOwnForWhichTheUsersWaits) {
  const RecordingDevice device;
  const DeviceFeed feed(RecordingDevice::device, false, &device);
  Two batch;

  {
    const auto copy = feed.begin(visit(batch));
    EXPECT_TRUE(batch.a.is_meta() && batch.b.is_meta());
    EXPECT_THAT(device.done, ElementsAre("use 7", "record on 7", "use 1"));
    device.done.clear();
    feed.finish(copy, visit(batch));
  }

  EXPECT_THAT(device.done, ElementsAre("wait on 1", "keep for 1", "keep for 1", "destroy"));
}

TEST(DeviceFeedTest, WaitsForWhatTheDatasetHasMadeOnTheDevice) {
  const RecordingDevice device;
  const DeviceFeed feed(RecordingDevice::device, false, &device);
  Two batch{at::ones({2}), at::ones({3}, c10::DeviceType::Meta)};

  feed.begin(visit(batch));

  EXPECT_THAT(device.done,
              ElementsAre("record on 1", "wait on 7", "destroy", "use 7", "record on 7", "use 1", "destroy"));
}

TEST(DeviceFeedTest, LeavesTheStreamAsItWasWhereACopyFails) {
  const RecordingDevice device;
  const DeviceFeed feed(RecordingDevice::device, false, &device);
  const auto fail = [](const TensorVisitor&) { throw std::runtime_error("no memory"); };

  EXPECT_THROW(feed.begin(fail), std::runtime_error);

  EXPECT_EQ(device.current, RecordingDevice::stream(1));
}

TEST(DeviceFeedTest, DoesNothingOnTheCpu) {
  const DeviceFeed feed(c10::Device("cpu"), true);
  Two batch;
  const void* const before = batch.a.const_data_ptr();

  const auto copy = feed.begin(visit(batch));
  feed.finish(copy, visit(batch));

  EXPECT_EQ(copy, nullptr);
  EXPECT_EQ(batch.a.const_data_ptr(), before);
}

TEST(DeviceFeedTest, CopiesAtOnceWhereTheDeviceHasNoStreams) {
  const DeviceFeed feed(c10::Device("meta"), true);
  Two batch;

  EXPECT_EQ(feed.begin(visit(batch)), nullptr);

  EXPECT_TRUE(batch.a.is_meta());
}

TEST(DeviceFeedTest, TakesPageLockingWithoutAnAcceleratorInALoader) {
  for (const int num_workers : {0, 2}) {
    const auto loader =
        fabric::testing::make_loader(4, {.batch_size = 2, .num_workers = num_workers, .pin_memory = true});

    EXPECT_THAT(fabric::testing::loop(loader), ElementsAre(0, 1, 2, 3));
  }
}

}  // namespace
}  // namespace fabric::detail
