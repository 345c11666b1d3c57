#pragma once

#include <c10/core/Device.h>

#include <string>

#include "fabric/export.h"

namespace fabric {

/// A kind of device that ranks compute on.
class FABRIC_API Accelerator {
 public:
  virtual ~Accelerator();

  /// Returns the registry's name: "cpu", "cuda".
  virtual std::string name() const = 0;
  /// Returns how many devices "auto" means on this machine: 1 for cpu, all visible ones for cuda.
  virtual int auto_device_count() const = 0;
  /// Returns the device of the rank `local_rank`; "cpu" for every rank of the cpu accelerator.
  virtual c10::Device device(int local_rank) const = 0;
  /// Makes `device` current for this thread and does what must be done once before the first operator.
  virtual void setup(const c10::Device& device) = 0;
  /// Returns the name of the process-group backend that suits it: "gloo", "nccl".
  virtual std::string process_group_backend() const = 0;
};

}  // namespace fabric
