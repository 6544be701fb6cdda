// SPDX-License-Identifier: Apache-2.0
// The device that the tests of the CUDA backend run on: a GPU, or the SIMT machine. Without either the program ends as
// skipped, with the reason.
#pragma once
#include <cstdio>
#include <cstdlib>

#include "lib/device/device.h"
#ifdef HEARTH_SIMT
#include "tests/simt/machine.h"
#include "tests/simt/standin/cuda_runtime.h"
#endif

namespace hearth::test {

// Until it ends the SIMT machine runs threads and blocks in an order of its own for each n; a GPU does as it likes.
struct Schedule {
#ifdef HEARTH_SIMT
  explicit Schedule(int n) {
    simt::set_seed(static_cast<std::uint64_t>(n));
  }
  ~Schedule() {
    simt::set_seed(0);
  }
#else
  explicit Schedule(int) {}
#endif
};

// What the host has waited for so far; counted on the SIMT machine only.
struct Waits {
  long streams = 0, events = 0, copies = 0, allocations = 0, device_allocations = 0;
  static Waits so_far() {
#ifdef HEARTH_SIMT
    const simt::Waits& all = simt::waits();
    return {all.streams, all.events, all.copies, all.allocations, all.device_allocations};
#else
    return {};
#endif
  }
  bool operator==(const Waits&) const = default;
};
inline Waits operator-(const Waits& a, const Waits& b) {
  return {a.streams - b.streams, a.events - b.events, a.copies - b.copies, a.allocations - b.allocations,
          a.device_allocations - b.device_allocations};
}

inline Device gpu() {
  try {
    return Device::cuda();
  } catch (const Error& error) {
    std::fprintf(stderr, "skipped: %s\n", error.what());
    std::exit(77);
  }
}

}  // namespace hearth::test
