#include "http_checkpoint_io.h"

#include <ATen/ops/ones.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>

#include "conformance/checkpoint_io_conformance.h"

namespace fabric::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// store_server.py over the whole file system, so that a test sees at its path what was saved there.
class StoreServer {
 public:
  StoreServer() {
    std::array<int, 2> ends = {};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::execlp("python3", "python3", FABRIC_STORE_SERVER, "/", nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    std::string port;
    for (char c = 0; c != '\n'; port += c) {
      if (::read(ends[0], &c, 1) != 1) throw std::runtime_error("the server did not start");
    }
    ::close(ends[0]);
    url_ = "http://127.0.0.1:" + std::to_string(std::stoi(port));
  }
  ~StoreServer() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  const std::string& url() const { return url_; }

 private:
  pid_t pid_ = -1;
  std::string url_;
};

std::unique_ptr<CheckpointIO> connect() {
  static const StoreServer kServer;
  return std::make_unique<HttpCheckpointIO>(HttpStore{.url = kServer.url()});
}

INSTANTIATE_TEST_SUITE_P(Http, CheckpointIOConformanceTest, ::testing::Values(CheckpointIOCase{"http", connect}),
                         checkpoint_io_case_name);

TEST(HttpCheckpointIOTest, CarriesLargeCheckpoints) {
  const TemporaryDirectory directory;
  const auto io = connect();
  io->save(Dict{{"large", at::ones({1 << 20})}}, directory.file("large"));

  EXPECT_EQ(io->load(directory.file("large"), Verify::kFirstTouch).at("large").to_tensor().sum().item<float>(),
            1 << 20);
}

TEST(HttpCheckpointIOTest, NamesTheUrlWhereNobodyAnswers) {
  HttpCheckpointIO io({.url = "http://127.0.0.1:1", .timeout = std::chrono::seconds(2)});

  EXPECT_THAT([&] { io.load("/x"); },
              ThrowsMessage<SystemError>(AllOf(HasSubstr("http://127.0.0.1:1/x"), HasSubstr("Connection"))));
  EXPECT_THROW(HttpCheckpointIO({.url = "nowhere"}), UsageError);
}

}  // namespace
}  // namespace fabric::testing
