#include "runtime/environments/standalone_environment.h"

#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include "core/concat.h"
#include "core/ids.h"
#include "fabric/error.h"

namespace fabric {
namespace {

using nlohmann::json;

json typed_value(const std::string& text) {
  const json value = json::parse(text, nullptr, false);
  return value.is_number() || value.is_boolean() ? value : json(text);
}

json read_job_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw UsageError(concat("--job must name a readable file, but '", path, "' cannot be opened"));
  json job = json::parse(in, nullptr, false);
  if (!job.is_object()) throw UsageError(concat("the job file must hold a JSON object, but '", path, "' does not"));
  for (const char* section : {"args", "fabric"}) {
    if (job.contains(section) && !job[section].is_object()) {
      throw UsageError(concat("'", section, "' of the job file must be an object, but in '", path, "' it is not"));
    }
  }
  return job;
}

struct Option {
  std::string key;
  std::string value;
};

/// Takes the option at `position` and moves on behind its value.
Option take_option(const std::vector<std::string>& arguments, size_t& position) {
  const std::string& word = arguments[position++];
  if (word.size() < 3 || word.compare(0, 2, "--") != 0 || word[2] == '=') {
    throw UsageError(concat("arguments must be --key=value or --key value, but one is '", word, "'"));
  }
  const size_t equals = word.find('=');
  if (equals != std::string::npos) return {word.substr(2, equals - 2), word.substr(equals + 1)};
  const bool has_value = position < arguments.size() && arguments[position].compare(0, 2, "--") != 0;
  return {word.substr(2), has_value ? arguments[position++] : "true"};
}

std::string utc_stamp() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%d-%H%M%S", &parts)};
}

std::string make_run_directory(const std::filesystem::path& parent, const std::string& name) {
  try {
    std::filesystem::create_directories(parent);
    const std::string stem = concat(name, "-", utc_stamp());
    std::filesystem::path path = std::filesystem::absolute(parent) / stem;
    for (int number = 2; !std::filesystem::create_directory(path); ++number)
      path.replace_filename(concat(stem, "-", number));
    return path.lexically_normal();
  } catch (const std::filesystem::filesystem_error& error) {
    throw SystemError(concat("cannot make a run directory in '", parent.string(), "': ", error.code().message()));
  }
}

// A signal handler reaches nothing but what is global.
std::atomic<bool> g_interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_interrupt(int) {
  g_interrupted = true;
  constexpr std::string_view kNotice = "stopping at the end of this step; once more ends the program at once\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kNotice.data(), kNotice.size());
}

bool handle_interrupt() {
  struct sigaction before {};
  if (::sigaction(SIGINT, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) return false;
  g_interrupted = false;
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  return ::sigaction(SIGINT, &action, nullptr) == 0;
}

}  // namespace

StandaloneJob parse_standalone_job(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<Option> options;
  std::optional<std::string> job_file;
  for (size_t position = 0; position < arguments.size();) {
    Option option = take_option(arguments, position);
    if (option.key == "job")
      job_file = option.value;
    else
      options.push_back(std::move(option));
  }
  json job = job_file ? read_job_file(*job_file) : json::object();
  job.emplace("args", json::object());
  job.emplace("fabric", json::object());
  for (const Option& option : options) {
    const bool for_fabric = option.key.compare(0, 7, "fabric.") == 0;
    job[for_fabric ? "fabric" : "args"][for_fabric ? option.key.substr(7) : option.key] = typed_value(option.value);
  }
  if (!job.contains("name")) job["name"] = std::filesystem::path(program).filename().string();
  if (!job["name"].is_string() || !is_valid_name(job["name"].get<std::string>())) {
    throw UsageError(
        concat("the job's name must be 1 to 64 characters of [A-Za-z0-9._-], but is ", job["name"].dump()));
  }
  const std::filesystem::path directory =
      job_file ? std::filesystem::path(*job_file).parent_path() : std::filesystem::path();
  const std::string absolute = std::filesystem::absolute(directory.empty() ? "." : directory).lexically_normal();
  return {job.dump(), absolute, job["name"].get<std::string>()};
}

StandaloneEnvironment::StandaloneEnvironment(StandaloneJob job, const std::string& runs_directory)
    : job_(std::move(job)),
      run_directory_(make_run_directory(runs_directory, job_.name)),
      store_(c10::make_intrusive<c10d::HashStore>()) {}

StandaloneEnvironment::~StandaloneEnvironment() {
  if (handles_interrupt_) std::signal(SIGINT, SIG_DFL);
}

c10::intrusive_ptr<c10d::Store> StandaloneEnvironment::store() { return store_; }

// Not before: a program without steps is to end at once.
bool StandaloneEnvironment::stops_after(int64_t) {
  if (!std::exchange(has_steps_, true)) handles_interrupt_ = handle_interrupt();
  return should_stop();
}

bool StandaloneEnvironment::should_stop() const { return handles_interrupt_ && g_interrupted; }

}  // namespace fabric
