// Starts a thread while it is loaded, as libraries with a pool of their own do.

#include <chrono>
#include <thread>

namespace {

const std::jthread ticker([](const std::stop_token& stop) {
  while (!stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
});

}  // namespace
