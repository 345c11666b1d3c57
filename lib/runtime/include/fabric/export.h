#pragma once

/// Marks what libfabric_runtime.so exports; everything else is hidden.
#define FABRIC_API __attribute__((visibility("default")))
