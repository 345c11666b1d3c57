#include "backtrace_view.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>

#include "core/concat.h"

namespace fabric::launcher {
namespace {

constexpr size_t kMaxFunctionBytes = 160;
constexpr size_t kMaxLibraryFrames = 4;  // in one run
constexpr size_t kMaxLines = 40;

struct Frame {
  std::string text;
  bool is_programs = false;
  bool is_frame = false;  // else it says what happened
};

std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// Returns whether a function calls train(), the body of a thread, or main(): what is further out does not matter.
bool is_machinery(std::string_view function) {
  constexpr std::array<std::string_view, 6> kFunctions = {"main",  "start_thread", "execute_native_thread_routine",
                                                          "clone", "clone3",       "__clone3"};
  return function.starts_with("fabric::run_program(") || function.starts_with("__libc_start") ||
         std::find(kFunctions.begin(), kFunctions.end(), function) != kFunctions.end();
}

std::string shortened(std::string_view function) {
  if (function.size() <= kMaxFunctionBytes) return std::string(function);
  return concat(function.substr(0, kMaxFunctionBytes), "...");
}

/// Reads "function+0x1f in module", with or without "at " before it.
Frame read_frame(std::string_view line, const ProgramNames& program, std::string_view& function) {
  const size_t in = line.rfind(" in ");
  const size_t plus = line.rfind('+', in);
  if (in == std::string_view::npos || plus == std::string_view::npos) return {std::string(line), false, false};
  const size_t start = line.starts_with("at ") ? 3 : 0;
  if (plus < start) return {std::string(line), false, false};
  function = line.substr(start, plus - start);
  const std::string_view module = name_of(line.substr(in + 4));
  const bool is_programs = module == name_of(program.loaded);
  const std::string_view shown = is_programs ? name_of(program.shown) : module;
  return {concat("at ", function.empty() ? "?" : shortened(function), line.substr(plus, in - plus), " in ", shown),
          is_programs, true};
}

std::vector<Frame> read_frames(const std::string& backtrace, const ProgramNames& program) {
  std::vector<Frame> frames;
  std::istringstream in(backtrace);
  for (std::string line; std::getline(in, line);) {
    std::string_view function;
    frames.push_back(read_frame(line, program, function));
    if (is_machinery(function)) {
      frames.pop_back();
      break;
    }
  }
  return frames;
}

/// Returns how many frames from `begin` on are of libraries.
size_t library_run(const std::vector<Frame>& frames, size_t begin) {
  size_t end = begin;
  while (end < frames.size() && frames[end].is_frame && !frames[end].is_programs) ++end;
  return end - begin;
}

}  // namespace

std::vector<std::string> shown_frames(const std::string& backtrace, const ProgramNames& program) {
  const std::vector<Frame> frames = read_frames(backtrace, program);
  std::vector<std::string> lines;
  for (size_t i = 0; i < frames.size();) {
    const size_t run = library_run(frames, i);
    const size_t listed = run > kMaxLibraryFrames ? kMaxLibraryFrames - 1 : std::max<size_t>(run, 1);
    for (size_t k = 0; k < listed; ++k) lines.push_back(frames[i + k].text);
    if (run > listed) lines.push_back(concat("... ", run - listed, " more frames of libraries"));
    i += std::max(run, listed);
  }
  if (lines.size() > kMaxLines) {
    const size_t left_out = lines.size() - kMaxLines;
    lines.resize(kMaxLines);
    lines.push_back(concat("... ", left_out, " more lines in report.json"));
  }
  return lines;
}

}  // namespace fabric::launcher
