// SPDX-License-Identifier: Apache-2.0
// The one error idiom: throw Error{kind, message}; callers add where they were on the way up; the main of a tool maps
// the kind to the process's exit code. The library never prints and never exits.
#pragma once
#include <stdexcept>
#include <string>
#include <string_view>

namespace hearth {

// The values are the exit codes of all tools (sysexits.h where it has one).
enum class Kind : int {
  no = 1,              // ran, the answer is no (a check found damage)
  usage = 64,          // wrong command line
  data = 65,           // input read but not valid
  missing = 66,        // input does not exist or cannot be opened
  unavailable = 69,    // device, library or peer not there
  internal = 70,       // a bug, or training that diverged
  cannot_create = 73,  // output exists already or cannot be created
  io = 74,             // reading or writing failed midway (a full disk)
  stopped = 75,        // stopped early after a good checkpoint: run again
  config = 78,         // contradictory or impossible configuration
};

class Error : public std::runtime_error {
 public:
  Error(Kind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  Kind kind() const { return kind_; }
  int exit_code() const { return static_cast<int>(kind_); }
  // The same error, saying also where it happened: "context: message".
  Error within(std::string_view context) const { return {kind_, std::string(context) + ": " + what()}; }

 private:
  Kind kind_;
};

// Runs body; an Error that leaves it gains "context: " in front.
template <class Body>
decltype(auto) with_context(std::string_view context, Body&& body) {
  try {
    return body();
  } catch (const Error& error) {
    throw error.within(context);
  }
}

[[noreturn]] void check_failed(const char* condition, const char* file, int line, const std::string& why);

// The error of a failed system call: its kind (missing, cannot_create, io) from errno, its text from strerror.
Error system_error(std::string_view what, int error_number);

}  // namespace hearth

// A broken invariant of the program itself (a bug), never of its input: throws Error{internal}.
#define HEARTH_CHECK(condition, why) \
  do {                               \
    if (!(condition)) ::hearth::check_failed(#condition, __FILE__, __LINE__, why); \
  } while (false)
