// Stands for fabric-worker in bench/logs: a rank that writes numbered lines to stdout as fast as they are taken.
//
//   log_writer                 as a worker; LOG_WRITER_STATE names a file of State, LOG_WRITER_MB says how much to write
//   log_writer --check FILE    prints what is wrong with a log, as one JSON object

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>

#include "frames/codec.h"
#include "frames/frame_buffer.h"
#include "frames/messages.h"

namespace {

namespace frames = fabric::frames;

constexpr int kAgentFd = 3;
constexpr size_t kLineBytes = 80;
constexpr size_t kNumberDigits = 12;
constexpr size_t kLinesPerWrite = 819;  // 64 KiB, as programs write that buffer their output

/// Shared with the benchmark through a file.
struct State {
  enum : uint64_t { kStarting, kWriting, kWritten, kMayEnd };
  volatile uint64_t phase;
  volatile uint64_t accepted_bytes;
  volatile uint64_t pid;
  volatile uint64_t begin_ns;
  volatile uint64_t end_ns;
};

uint64_t now_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

/// Makes the text of line `number` at `to`.
void make_line(char* to, uint64_t number) {
  for (size_t digit = kNumberDigits; digit-- > 0; number /= 10) to[digit] = static_cast<char>('0' + number % 10);
  std::memset(to + kNumberDigits, '.', kLineBytes - kNumberDigits - 1);
  to[kLineBytes - 1] = '\n';
}

void say(const frames::WorkerMessage& message) {
  const std::string frame = frames::frame_of(frames::encode(message));
  if (::write(kAgentFd, frame.data(), frame.size()) != static_cast<ssize_t>(frame.size())) std::exit(90);
}

/// Waits until the assignment has come; nothing in it matters here.
void hear() {
  frames::FrameBuffer received;
  std::array<char, 4096> bytes;
  while (!received.next().value().has_value()) {
    const ssize_t got = ::read(kAgentFd, bytes.data(), bytes.size());
    if (got <= 0) std::exit(91);
    received.feed({bytes.data(), static_cast<size_t>(got)});
  }
}

int write_lines(State& state, uint64_t total_bytes) {
  std::string block(kLinesPerWrite * kLineBytes, '\0');
  uint64_t number = 0;
  state.pid = static_cast<uint64_t>(::getpid());
  state.begin_ns = now_ns();
  state.phase = State::kWriting;
  while (state.accepted_bytes < total_bytes) {
    for (size_t line = 0; line < kLinesPerWrite; ++line) make_line(block.data() + line * kLineBytes, number++);
    for (std::string_view rest = block; !rest.empty();) {
      const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
      if (written < 0) return 92;
      state.accepted_bytes = state.accepted_bytes + static_cast<uint64_t>(written);
      rest.remove_prefix(static_cast<size_t>(written));
    }
  }
  state.end_ns = now_ns();
  state.phase = State::kWritten;
  while (state.phase != State::kMayEnd) ::usleep(1000);
  say(frames::WorkerReturned{0});
  return 0;
}

int work() {
  const char* const path = std::getenv("LOG_WRITER_STATE");
  const char* const megabytes = std::getenv("LOG_WRITER_MB");
  if (path == nullptr || megabytes == nullptr) return 93;
  const int fd = ::open(path, O_RDWR | O_CLOEXEC);
  void* const memory = ::mmap(nullptr, sizeof(State), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return 94;
  say(frames::WorkerHello{frames::kProtocolVersion, ::getpid()});
  hear();
  say(frames::WorkerReady{});
  return write_lines(*static_cast<State*>(memory), std::strtoull(megabytes, nullptr, 10) * 1'000'000);
}

/// Counts lines that are not the next ones: a line that was never written is torn, a gap between two is lost lines.
int check(const char* path) {
  std::FILE* const file = std::fopen(path, "re");
  if (file == nullptr) return 95;
  uint64_t bytes = 0, torn = 0, lost = 0, next = 0;
  std::array<char, kLineBytes> expected;
  std::array<char, 4096> line;
  while (std::fgets(line.data(), line.size(), file) != nullptr) {
    const std::string_view text = line.data();
    bytes += text.size();
    const uint64_t number = std::strtoull(line.data(), nullptr, 10);
    make_line(expected.data(), number);
    const std::string_view whole(expected.data(), expected.size());
    if (text == whole) {
      lost += number > next ? number - next : 0;
      next = number + 1;
    } else if (text.ends_with('\n') || !std::string_view(whole).starts_with(text)) {
      ++torn;  // only the last line may be a beginning: the rank was killed in it
    }
  }
  std::fclose(file);
  std::printf("{\"bytes\": %" PRIu64 ", \"lines\": %" PRIu64 ", \"torn\": %" PRIu64 ", \"lost\": %" PRIu64 "}\n", bytes,
              next, torn, lost);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--check") == 0) return check(argv[2]);
  return argc == 1 ? work() : 96;  // no fork server
}
