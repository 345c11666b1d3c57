#pragma once

#include <string>

#include "fabric/accelerator.h"

namespace fabric {

/// The processor's cores; every rank has the one device "cpu".
class CpuAccelerator final : public Accelerator {
 public:
  std::string name() const override { return "cpu"; }
  int auto_device_count() const override { return 1; }
  c10::Device device(int local_rank) const override;
  /// Throws UsageError if `device` is not the cpu.
  void setup(const c10::Device& device) override;
  std::string process_group_backend() const override { return "gloo"; }
};

}  // namespace fabric
