#include "event_journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

namespace fabric::launcher {

std::string event_json(int64_t time_ns, const std::string& event, const rendezvous::Fields& fields) {
  nlohmann::ordered_json object = {{"time_ns", time_ns}, {"event", event}};
  for (const auto& [key, value] : fields) {
    std::visit([&object, &name = key](const auto& alternative) { object[name] = alternative; }, value);
  }
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<EventJournal> EventJournal::open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!fd) return errno_status(errno, concat("open '", path, "'"));
  return EventJournal(std::move(fd), path);
}

Status EventJournal::append(const std::string& line) {
  const std::string text = concat(is_mid_line_ ? "\n" : "", line, '\n');
  for (size_t done = 0; done < text.size();) {
    const ssize_t wrote = ::write(fd_.get(), text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno_status(errno, concat("write '", path_, "'"));
    done += static_cast<size_t>(wrote);
    is_mid_line_ = done < text.size();
  }
  return ok_status();
}

}  // namespace fabric::launcher
