#pragma once

#include <vector>

#include "core/status.h"
#include "job/yaml_tree.h"

namespace fabric::job {

/// What `devices` asks for, in one of the forms that Lightning Fabric knows.
struct DeviceRequest {
  enum class Kind {
    kAuto,
    kAll,      ///< -1
    kCount,    ///< the first `count`
    kIndices,  ///< those in `indices`
  };
  Kind kind = Kind::kAuto;
  int count = 0;               ///< at least 1
  std::vector<int> indices{};  ///< not negative, each once

  bool operator==(const DeviceRequest&) const = default;
};

/// Reads `auto` (capitals do not count), 2, "2", -1, "0,1", "2," or [0, 1]. The message of an error goes on after the key's
/// name: "must be ...".
Result<DeviceRequest> read_device_request(const YamlNode& node);

/// What ranks of one node can compute on.
struct DevicePool {
  bool is_cpu = true;
  int visible = 0;  ///< accelerators of the node, where it is not the CPU
  /// Whether torchelastic started the ranks. It may show each rank one accelerator alone, its own; what is asked for is of the
  /// node and not compared with that one.
  bool is_torchelastic = false;
};

/// Most ranks on a node.
inline constexpr int kMaxDevices = 4'096;

/// Returns the devices of the local ranks in their order; on the CPU they are numbers of ranks. `auto` is one rank on the CPU
/// and otherwise all that are visible. The message of an error goes on after the key's name.
Result<std::vector<int>> choose_devices(const DeviceRequest& request, const DevicePool& pool);

}  // namespace fabric::job
