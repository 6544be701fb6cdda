// SPDX-License-Identifier: Apache-2.0
#include "lib/base/clock.h"

#include <chrono>
#include <ctime>

namespace hearth {

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string utc_timestamp() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

double Stopwatch::restart() {
  const double elapsed = seconds();
  start_ = steady_seconds();
  return elapsed;
}

}  // namespace hearth
