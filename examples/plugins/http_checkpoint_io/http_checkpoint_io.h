#pragma once

#include <fabric/checkpoint_io.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace httplib {
class Client;
}

/// Where an HttpCheckpointIO keeps its checkpoints.
struct HttpStore {
  /// "http://host:port". The server must replace what is there by a PUT as a whole or not at all, as store_server.py does.
  std::string url;
  /// How long to wait for a connection, and for the next byte.
  std::chrono::seconds timeout{60};
};

/// Checkpoints of the kind "torch" in a store behind HTTP: saved by PUT, loaded by GET, removed by DELETE, each under its path. GET of
/// a path that ends with a slash lists what stands there, a line "<seconds since 1970> <name>" each.
/// They pass through a file in the directory for temporary files, so that none is in memory as a whole.
///
/// In the program's configure(): options.checkpoint_io = std::make_shared<HttpCheckpointIO>(HttpStore{.url = ...});
class HttpCheckpointIO final : public fabric::CheckpointIO {
 public:
  /// Throws fabric::UsageError if `store.url` is no URL of the form above.
  explicit HttpCheckpointIO(const HttpStore& store);
  ~HttpCheckpointIO() override;

  using CheckpointIO::load;
  std::string name() const override { return "http"; }
  void save(const fabric::Value& checkpoint, const std::string& path) override;
  fabric::Value load(const std::string& path, fabric::Verify verify) override;
  std::vector<fabric::StoredCheckpoint> list(const std::string& directory) override;
  void remove(const std::string& path) override;

 private:
  void put(const std::string& file, const std::string& path);
  void get(const std::string& path, const std::string& file);

  std::string url_;
  std::unique_ptr<httplib::Client> client_;
  std::unique_ptr<fabric::CheckpointIO> files_;
};
