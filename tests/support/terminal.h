#pragma once

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/unique_fd.h"

namespace fabric::testing {

/// What a terminal shows after the bytes that were written to it: as many of its control sequences as fabric-run uses. All
/// lines are kept, as in a terminal that scrolls back.
class TerminalScreen {
 public:
  explicit TerminalScreen(size_t columns) : columns_(columns) {}

  void feed(std::string_view bytes) {
    for (const char c : bytes) take(c);
  }
  /// Returns the lines down to the last that is not empty.
  std::vector<std::string> lines() const {
    std::vector<std::string> lines = rows_;
    while (!lines.empty() && lines.back().empty()) lines.pop_back();
    return lines;
  }
  size_t row() const { return row_; }
  size_t column() const { return column_; }
  /// Control sequences that were not understood; there should be none.
  const std::vector<std::string>& unknown() const { return unknown_; }

 private:
  void take(char c) {
    if (!sequence_.empty()) {
      sequence_ += c;
      const bool is_end = sequence_.size() > 2 && c >= '@' && c <= '~';
      if (is_end) act(std::exchange(sequence_, {}));
    } else if (c == '\033') {
      sequence_ = c;
    } else if (c == '\r') {
      column_ = 0;
    } else if (c == '\n') {
      ++row_;
    } else {
      if (column_ == columns_) {
        ++row_;
        column_ = 0;
      }
      std::string& row = current();
      if (row.size() <= column_) row.resize(column_ + 1, ' ');
      row[column_++] = c;
    }
    current();
  }
  void act(const std::string& sequence) {
    const size_t count = sequence.size() > 3 ? std::stoul(sequence.substr(2)) : 1;
    switch (sequence.back()) {
      case 'm':
        return;
      case 'A':
        row_ -= std::min(row_, count);
        return;
      case 'J':
        current().resize(std::min(current().size(), column_));
        rows_.resize(row_ + 1);
        return;
      default:
        unknown_.push_back(sequence);
    }
  }
  std::string& current() {
    if (rows_.size() <= row_) rows_.resize(row_ + 1);
    return rows_[row_];
  }

  size_t columns_;
  std::vector<std::string> rows_;
  size_t row_ = 0;
  size_t column_ = 0;
  std::string sequence_;
  std::vector<std::string> unknown_;
};

/// A pseudo-terminal. The test holds the side on which a person sits.
class Terminal {
 public:
  Terminal(unsigned short columns, unsigned short rows) {
    winsize size{};
    size.ws_col = columns;
    size.ws_row = rows;
    int person = -1;
    int program = -1;
    if (::openpty(&person, &program, nullptr, nullptr, &size) != 0) throw std::runtime_error("cannot open a terminal");
    person_.reset(person);
    program_.reset(program);
    for (const int fd : {person, program}) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    ::fcntl(person, F_SETFL, O_NONBLOCK);
  }

  /// The side for a program's stdin, stdout and stderr.
  int program_fd() const { return program_.get(); }
  /// Closes the test's copy of it, so that read() sees the end when the program has closed its own.
  void close_program_side() { program_.reset(); }
  /// Goes away, as a window does that is closed.
  void hang_up() {
    program_.reset();
    person_.reset();
  }
  void resize(unsigned short columns, unsigned short rows) {
    winsize size{};
    size.ws_col = columns;
    size.ws_row = rows;
    ::ioctl(person_.get(), TIOCSWINSZ, &size);
  }
  /// Returns what has been written by now, after waiting up to `timeout_ms` for something.
  std::string read(int timeout_ms = 0) {
    std::string text;
    std::array<char, 65'536> buffer;
    for (;;) {
      pollfd ready{person_.get(), POLLIN, 0};
      if (::poll(&ready, 1, text.empty() ? timeout_ms : 0) <= 0) return text;
      const ssize_t got = ::read(person_.get(), buffer.data(), buffer.size());
      if (got <= 0) {
        is_at_end_ = true;
        return text;
      }
      text.append(buffer.data(), static_cast<size_t>(got));
    }
  }
  bool is_at_end() const { return is_at_end_; }

 private:
  UniqueFd person_;
  UniqueFd program_;
  bool is_at_end_ = false;
};

}  // namespace fabric::testing
