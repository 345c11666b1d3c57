#include "core/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace fabric {
namespace {

bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }
int open_null() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

TEST(UniqueFdTest, ClosesWhatItOwnsOnce) {
  const int raw = open_null();
  {
    UniqueFd first(raw);
    UniqueFd second(std::move(first));
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): a moved-from UniqueFd is empty, which is what is tested
    EXPECT_TRUE(is_open(raw));
  }
  EXPECT_FALSE(is_open(raw));
}

TEST(UniqueFdTest, ReleaseGivesTheDescriptorUp) {
  UniqueFd owner(open_null());
  const int raw = owner.release();

  EXPECT_FALSE(owner);
  EXPECT_TRUE(is_open(raw));
  ::close(raw);
}

}  // namespace
}  // namespace fabric
