#pragma once

/// Copies the frames of the place that threw the exception object at `object` to `frames`, innermost first, at most
/// `capacity`; returns how many, 0 if they are not known (any more). The runtime finds it by name.
extern "C" __attribute__((visibility("default"))) int fabric_throw_frames(const void* object, void** frames,
                                                                          int capacity);

/// Returns when the exception object at `object` was thrown, in nanoseconds of CLOCK_BOOTTIME, 0 if that is not known (any
/// more). The runtime finds it by name.
extern "C" __attribute__((visibility("default"))) long fabric_throw_time_ns(const void* object);
