#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/status.h"
#include "job/job_spec.h"
#include "job/yaml_tree.h"

namespace fabric::job {

/// Returns the typed value of a scalar or null node, read the same way by every YAML reader or not at all: true and false,
/// decimal integers of 64 bits, decimal numbers with a point or an exponent, null; quoted values are text, and so is the
/// rest. kInvalidArgument for what readers disagree about (no, 08, 0x10, 1_000, 0,1, 12:30) and numbers out of range.
Result<ArgScalar> read_scalar(const YamlNode& node);

/// Returns the integer that a text is, as people write it in quotes or not: no leading zeros, no sign but '-', 64 bits.
std::optional<int64_t> plain_integer(std::string_view text);

/// Returns a name for what `node` is, to stand after "but is": "the number 5", "'abc'", "a list", "null".
std::string describe_node(const YamlNode& node);

/// Returns the milliseconds that `text` names: digits, perhaps a fraction, and a unit of ms, s, m or h: "200ms", "1.2s".
/// kInvalidArgument for another form, parts of a millisecond, or more than a year.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// Returns the bytes that `text` names: digits, perhaps a fraction, and a unit of B, KB, MB, GB (powers of 1000) or KiB, MiB,
/// GiB (powers of 1024): "64MiB", "1.5GB". kInvalidArgument for another form, parts of a byte, or more than 1 PiB.
Result<int64_t> parse_size(std::string_view text);

}  // namespace fabric::job
