#include "runtime/checkpoint/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <iterator>

#include "fabric/error.h"
#include "support/temporary_directory.h"

namespace fabric {
namespace {

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// Lets files of this process grow to `bytes` only, so that a write fails as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

class AtomicFileTest : public ::testing::Test {
 protected:
  bool is_alone(const std::string& path) const {
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
      if (entry.path() != path) return false;
    }
    return true;
  }

  testing::TemporaryDirectory directory_;
  std::string path_ = directory_.file("file");
};

TEST_F(AtomicFileTest, AppearsWithAllThatWasWritten) {
  const std::string large(1 << 20, 'x');
  AtomicFile file(path_);
  file.write("small", 5);
  file.write(large.data(), large.size());
  EXPECT_FALSE(std::filesystem::exists(path_));

  file.commit();

  EXPECT_EQ(contents(path_), "small" + large);
  EXPECT_TRUE(is_alone(path_));
}

TEST_F(AtomicFileTest, LeavesWhatWasThereUnlessCommitted) {
  std::ofstream(path_) << "old";
  {
    AtomicFile file(path_);
    file.write("new", 3);
  }

  EXPECT_EQ(contents(path_), "old");
  EXPECT_TRUE(is_alone(path_));
}

TEST_F(AtomicFileTest, LetsTwoWritersOfOnePathWork) {
  AtomicFile first(path_);
  AtomicFile second(path_);
  first.write("first", 5);
  second.write("second", 6);

  first.commit();
  second.commit();

  EXPECT_EQ(contents(path_), "second");
}

TEST_F(AtomicFileTest, ReportsAFullDiskAtCommit) {
  std::ofstream(path_) << "old";
  const std::string large(1 << 20, 'x');
  AtomicFile file(path_);
  {
    const FileSizeLimit limit(1 << 19);
    file.write(large.data(), large.size());
    file.write("more", 4);
  }

  EXPECT_THROW(file.commit(), SystemError);
  EXPECT_EQ(contents(path_), "old");
}

TEST_F(AtomicFileTest, RefusesToReplaceADirectory) {
  std::filesystem::create_directory(path_);
  AtomicFile file(path_);

  EXPECT_THROW(file.commit(), SystemError);
}

}  // namespace
}  // namespace fabric
