// Opens what stands for a device, TEST_DEVICE, while it is loaded, and keeps it open.

#include <fcntl.h>

#include <cstdlib>

namespace {

[[maybe_unused]] const int device = ::open(std::getenv("TEST_DEVICE"), O_RDWR | O_CLOEXEC);

}  // namespace
