// SPDX-License-Identifier: Apache-2.0
// The host as a device: memory from the allocator, streams without a handle that do everything at once.
#include <sys/mman.h>

#include <chrono>
#include <cstdlib>
#include <cstring>

#include "lib/base/machine.h"
#include "lib/base/text.h"
#include "lib/device/host_api.h"

namespace hearth {
namespace {

constexpr std::size_t line_bytes = 64, huge_page_bytes = 2u << 20;

std::size_t round_up(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// Zeroed, as first use by many threads would place its pages badly.
void* allocate(std::size_t bytes) {
  const std::size_t alignment = bytes >= huge_page_bytes ? huge_page_bytes : line_bytes;
  const std::size_t rounded = round_up(bytes, alignment);
  void* memory = std::aligned_alloc(alignment, rounded);
  if (memory == nullptr) {
    throw Error(Kind::unavailable, "cannot get " + human_bytes(static_cast<double>(bytes)) + " of memory");
  }
  if (alignment == huge_page_bytes) ::madvise(memory, rounded, MADV_HUGEPAGE);  // before first touch
  std::memset(memory, 0, rounded);
  return memory;
}

void release(void* memory) noexcept {
  std::free(memory);
}

using Clock = std::chrono::steady_clock;

[[noreturn]] void no_graphs() {
  throw Error(Kind::internal, "the host has no graphs");
}

}  // namespace

const DeviceApi& host_api() {
  static const DeviceApi api{
      .kind = DeviceKind::cpu,
      .name = [] { return this_machine().cpu; },
      .free_bytes = [] { return static_cast<std::size_t>(this_machine().memory_bytes); },
      .allocate = allocate,
      .release = release,
      .allocate_staging = allocate,
      .release_staging = release,
      .make_stream = [] { return static_cast<void*>(nullptr); },
      .destroy_stream = [](void*) noexcept {},
      .copy = [](void*, void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); },
      .copy_rows =
          [](void*, void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch, std::size_t row_bytes,
             std::size_t n_rows) {
            for (std::size_t row = 0; row < n_rows; ++row)
              std::memcpy(static_cast<std::byte*>(to) + row * to_pitch,
                          static_cast<const std::byte*>(from) + row * from_pitch, row_bytes);
          },
      .most_pitch_bytes = SIZE_MAX,
      .zero = [](void*, void* at, std::size_t bytes) { std::memset(at, 0, bytes); },
      .wait = [](void*) {},
      .make_event = [] { return static_cast<void*>(new Clock::time_point); },
      .destroy_event = [](void* event) noexcept { delete static_cast<Clock::time_point*>(event); },
      .record = [](void* event, void*) { *static_cast<Clock::time_point*>(event) = Clock::now(); },
      .wait_in_stream = [](void*, void*) {},
      .wait_event = [](void*) {},
      .seconds_between =
          [](void* from, void* to) {
            const auto& begin = *static_cast<Clock::time_point*>(from);
            return std::chrono::duration<double>(*static_cast<Clock::time_point*>(to) - begin).count();
          },
      .begin_capture = [](void*) { no_graphs(); },
      .end_capture = [](void*) -> void* { no_graphs(); },
      .launch_graph = [](void*, void*) { no_graphs(); },
      .destroy_graph = [](void*) noexcept {},
  };
  return api;
}

}  // namespace hearth
