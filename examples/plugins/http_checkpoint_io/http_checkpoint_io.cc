#include "http_checkpoint_io.h"

#include <fabric/error.h>
#include <fabric/registry.h>
#include <httplib.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace {

constexpr const char* kContentType = "application/octet-stream";
constexpr int kOk = 200;
constexpr int kNotFound = 404;

/// A directory for one file on its way.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "http-checkpoint-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw fabric::SystemError("cannot make a directory like '" + pattern + "'");
    path_ = pattern;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file() const { return (path_ / "checkpoint").string(); }

 private:
  std::filesystem::path path_;
};

std::string url_path(const std::string& path) { return path.starts_with('/') ? path : "/" + path; }

/// Throws unless the server has answered, with success.
void check(const httplib::Result& result, const std::string& action, const std::string& what) {
  const std::string prefix = "cannot " + action + " checkpoint '" + what + "': ";
  if (!result) throw fabric::SystemError(prefix + httplib::to_string(result.error()));
  if (result->status == kNotFound) throw fabric::UsageError(prefix + "the server has none");
  if (result->status / 100 != 2)
    throw fabric::SystemError(prefix + "the server answers with " + std::to_string(result->status));
}

std::unique_ptr<fabric::CheckpointIO> files() {
  fabric::CheckpointIORegistry registry("checkpoint IO");
  fabric::add_builtin_checkpoint_ios(registry);
  return registry.create("torch");
}

}  // namespace

HttpCheckpointIO::HttpCheckpointIO(const HttpStore& store)
    : url_(store.url), client_(std::make_unique<httplib::Client>(store.url)), files_(files()) {
  if (!url_.starts_with("http://") || !client_->is_valid()) {
    throw fabric::UsageError("the url of a store must be http://host:port, but is '" + url_ + "'");
  }
  client_->set_connection_timeout(store.timeout);
  client_->set_read_timeout(store.timeout);
  client_->set_write_timeout(store.timeout);
}

HttpCheckpointIO::~HttpCheckpointIO() = default;

void HttpCheckpointIO::save(const fabric::Value& checkpoint, const std::string& path) {
  const TemporaryDirectory directory;
  files_->save(checkpoint, directory.file());
  put(directory.file(), path);
}

fabric::Value HttpCheckpointIO::load(const std::string& path, fabric::Verify verify) {
  const TemporaryDirectory directory;
  get(path, directory.file());
  return files_->load(directory.file(), verify);  // stays mapped when the file is gone
}

std::vector<fabric::StoredCheckpoint> HttpCheckpointIO::list(const std::string& directory) {
  const httplib::Result result = client_->Get(url_path(directory) + "/");
  if (result && result->status == kNotFound) return {};
  check(result, "list", url_ + url_path(directory) + "/");
  std::vector<fabric::StoredCheckpoint> found;
  std::istringstream lines(result->body);
  std::string name;
  for (double written_at = 0; lines >> written_at && lines.ignore() && std::getline(lines, name);) {
    found.push_back({directory + "/" + name, written_at});
  }
  return found;
}

void HttpCheckpointIO::remove(const std::string& path) {
  const httplib::Result result = client_->Delete(url_path(path));
  if (!result || result->status != kNotFound) check(result, "remove", url_ + url_path(path));
}

void HttpCheckpointIO::put(const std::string& file, const std::string& path) {
  std::ifstream in(file, std::ios::binary);
  const auto provide = [&in, chunk = std::array<char, 1 << 16>()](size_t offset, size_t length,
                                                                  httplib::DataSink& sink) mutable {
    in.seekg(static_cast<std::streamoff>(offset));
    in.read(chunk.data(), static_cast<std::streamsize>(std::min(length, chunk.size())));
    return in.gcount() > 0 && sink.write(chunk.data(), static_cast<size_t>(in.gcount()));
  };
  check(client_->Put(url_path(path), std::filesystem::file_size(file), provide, kContentType), "save",
        url_ + url_path(path));
}

void HttpCheckpointIO::get(const std::string& path, const std::string& file) {
  std::ofstream out(file, std::ios::binary);
  const auto receive = [&out](const char* data, size_t size) {
    return static_cast<bool>(out.write(data, static_cast<std::streamsize>(size)));
  };
  int status = 0;
  const auto is_wanted = [&status](const httplib::Response& response) { return (status = response.status) == kOk; };
  const httplib::Result result = client_->Get(url_path(path), is_wanted, receive);
  const std::string what = url_ + url_path(path);
  if (status == kNotFound) throw fabric::UsageError("cannot load checkpoint '" + what + "': the server has none");
  check(result, "load", what);
  if (!out.flush())
    throw fabric::SystemError("cannot keep checkpoint '" + what + "' in '" + file + "' while it is loaded");
}
