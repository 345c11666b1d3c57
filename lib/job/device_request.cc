#include "job/device_request.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "job/scalar.h"
#include "job/vocabulary.h"

namespace fabric::job {
namespace {

using Kind = DeviceRequest::Kind;

/// One item of a list, and how messages call it.
struct Item {
  std::optional<int64_t> number;
  std::string description;
};

Status refuse(const YamlNode& node) {
  return invalid_argument(concat("must be a number of ranks of at least 1, or auto, but is ", describe_node(node),
                                 "; write how many ranks each node shall run"));
}

Result<DeviceRequest> indices_request(const std::vector<Item>& items) {
  DeviceRequest request{.kind = Kind::kIndices};
  for (const auto& [number, description] : items) {
    if (!number.has_value() || *number < 0 || *number >= kMaxDevices) {
      return invalid_argument(concat("must name accelerators by numbers from 0 to ", kMaxDevices - 1, ", but has ",
                                     description, "; write [0, 1] for example"));
    }
    const int index = static_cast<int>(*number);
    if (std::find(request.indices.begin(), request.indices.end(), index) != request.indices.end()) {
      return invalid_argument(
          concat("must name each accelerator once, but names ", index, " twice; remove one of them"));
    }
    request.indices.push_back(index);
  }
  if (request.indices.empty()) {
    return invalid_argument("must name at least one accelerator, but names none; write [0] for example, or auto");
  }
  return request;
}

Result<DeviceRequest> request_of_list(const YamlNode& node) {
  std::vector<Item> items;
  for (const YamlNode& item : node.children) {
    const bool is_number = item.kind == YamlNode::Kind::kScalar && !item.is_quoted;
    items.push_back({is_number ? plain_integer(item.text) : std::nullopt, describe_node(item)});
  }
  return indices_request(items);
}

/// "0,1", "2,": blanks and empty items do not count.
Result<DeviceRequest> request_of_items(const YamlNode& node) {
  std::vector<Item> items;
  std::string_view rest = node.text;
  while (!rest.empty()) {
    std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(item.size() + 1, rest.size()));
    item.remove_prefix(std::min(item.find_first_not_of(' '), item.size()));
    item = item.substr(0, item.find_last_not_of(' ') + 1);
    if (!item.empty()) items.push_back({plain_integer(item), concat('\'', item, '\'')});
  }
  return indices_request(items);
}

std::vector<int> first(int count) {
  std::vector<int> indices(static_cast<size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

Result<std::vector<int>> choose_on_cpu(const DeviceRequest& request) {
  switch (request.kind) {
    case Kind::kAuto:
      return first(1);
    case Kind::kCount:
      if (request.count <= kMaxDevices) return first(request.count);
      return invalid_argument(concat("must be at most ", kMaxDevices, ", but is ", request.count, "; use more nodes"));
    case Kind::kAll:
      return invalid_argument(
          "must be a number of ranks of at least 1, but is -1, which means all accelerators of a node, and the CPU is one; "
          "write how many");
    case Kind::kIndices:
      break;
  }
  return invalid_argument(
      "must be a number of ranks, but names accelerators by index, which the CPU does not have; write how many ranks each "
      "node shall run");
}

Result<std::vector<int>> choose_accelerators(const DeviceRequest& request, const DevicePool& pool) {
  const int visible = pool.visible;
  if (visible == 0) {
    return invalid_argument(
        "must ask for accelerators that are there, but this machine has none; use accelerator: cpu");
  }
  if (request.kind == Kind::kAuto || request.kind == Kind::kAll) return first(visible);
  const int most = request.kind == Kind::kCount ? request.count
                                                : *std::max_element(request.indices.begin(), request.indices.end()) + 1;
  const bool sees_its_own_alone = pool.is_torchelastic && visible == 1;
  if (most > visible && !sees_its_own_alone) {
    const char* const what = request.kind == Kind::kCount ? "must be at most " : "must name numbers below ";
    return invalid_argument(
        concat(what, visible, ", as this machine has that many accelerators, but ",
               request.kind == Kind::kCount ? concat("is ", request.count) : concat("names ", most - 1),
               "; ask for fewer, or use more nodes"));
  }
  return request.kind == Kind::kCount ? first(request.count) : request.indices;
}

}  // namespace

Result<DeviceRequest> read_device_request(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::kList) return request_of_list(node);
  if (node.kind != YamlNode::Kind::kScalar) return refuse(node);
  if (lower_case(node.text) == "auto") return DeviceRequest();
  const bool has_items =
      node.text.find(',') != std::string::npos && node.text.find_first_not_of("0123456789, -") == std::string::npos;
  if (has_items) return request_of_items(node);
  const auto number = plain_integer(node.text);
  if (number == -1) return DeviceRequest{.kind = Kind::kAll};
  if (!number.has_value() || *number < 1) return refuse(node);
  constexpr int64_t kMost = 1'000'000'000;  // beyond what any pool has
  return DeviceRequest{.kind = Kind::kCount, .count = static_cast<int>(std::min(*number, kMost))};
}

Result<std::vector<int>> choose_devices(const DeviceRequest& request, const DevicePool& pool) {
  return pool.is_cpu ? choose_on_cpu(request) : choose_accelerators(request, pool);
}

}  // namespace fabric::job
