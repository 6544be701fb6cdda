// SPDX-License-Identifier: Apache-2.0
// A machine that runs CUDA kernels on the host: every CUDA thread is a fiber, a block's threads take turns on one
// processor, lanes of a warp do not run in lockstep, and blocks run one after another in an order of their own. What a
// program may not rely on is taken from it: shared memory starts as NaN, copies (cp.async) land when they are waited
// for and no sooner, threads and blocks run in any order (by seed). Threads that wait for each other for ever, and
// lanes that meet in different operations, are reported with the lines where they stand.
//
// The header is included by the stand-in for cuda_runtime.h; kernels never name it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <source_location>
#include <stdexcept>
#include <vector>

#include "tests/simt/vector_types.h"

namespace simt {

using Where = std::source_location;

// What the kernel did wrong; the grid is abandoned.
class Failure : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

constexpr std::size_t most_shared_bytes = 227 << 10;  // of a block, as on sm_90

// Runs kernel once for every thread of the grid. Throws Failure.
void run_grid(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& kernel);

// The order threads and blocks run in; 0: ascending.
void set_seed(std::uint64_t seed);

// ---- for use within a kernel ----

struct Wait {
  const std::uint32_t* generation = nullptr;  // blocked while *generation == seen; none: ready
  std::uint32_t seen = 0;
  const char* what = "";
  Where where;
};

struct PendingCopy {
  void* to;
  const void* from;
  std::size_t bytes, from_bytes;  // the rest is zeros
  std::uint64_t group;
};

struct Thread {
  uint3 index{};
  int lane = 0, warp = 0;
  bool done = false;
  Wait wait;
  std::vector<PendingCopy> copies;
  std::uint64_t copy_group = 0;
};

struct Place {
  uint3 block{};
  dim3 block_dim, grid_dim;
};

extern constinit thread_local Thread* current;  // none outside of kernels
extern constinit thread_local Place* place;

// operation, complaint: literals.
[[noreturn]] void fail(const char* operation, const char* complaint, const Where& where);

// The block's dynamic shared memory, and pieces of static shared memory: one an owner, made at first use.
std::byte* dynamic_shared();
std::byte* static_shared(const void* owner, std::size_t bytes, std::size_t alignment);
template <class T, class Owner>
T& static_shared_of(Owner) {
  static const char owner = 0;
  return *reinterpret_cast<T*>(static_shared(&owner, sizeof(T), alignof(T) > 16 ? alignof(T) : 16));
}

// Barrier `id` (0 to 15) of `count` threads; 0: all of the block that have not ended.
void barrier(int id, int count, const Where& where);
void barrier_arrive(int id, int count, const Where& where);  // counts among them without waiting

// What lanes of a warp do together: each lane of mask brings `in`, the last to come computes `out` of all.
enum class Meeting { sync, shuffle, ballot, matrix_load, matrix_product };
constexpr std::size_t most_in_bytes = 48, most_out_bytes = 16;
struct Collective {
  std::uint32_t mask = 0, generation = 0, arrived = 0;
  Meeting kind = Meeting::sync;
  void (*finish)(Collective&, int parity) = nullptr;
  alignas(16) std::byte in[2][32][most_in_bytes];
  alignas(16) std::byte out[2][32][most_out_bytes];
};
struct Met {
  const Collective& collective;
  int parity;
};
// Returns when all lanes of mask that have not ended have come.
Met meet(std::uint32_t mask, Meeting kind, const void* in, std::size_t in_bytes,
         void (*finish)(Collective&, int parity), const char* what, const Where& where);

// What works beside the threads of a block (tests/simt/hopper.h): it goes on only when no thread can, or by the seed.
class Engines {
 public:
  virtual ~Engines() = default;
  virtual bool work(std::uint64_t choice) = 0;  // finishes one thing, which choice picks; false: there is none
  virtual const char* undone() const = 0;       // what the block may not end with, a literal; none: null
};
// Of the running block, made at first use.
Engines& engines(std::unique_ptr<Engines> (*make)());
// The running thread goes on when generation is no longer `seen`.
void block_until_changed(const std::uint32_t& generation, std::uint32_t seen, const char* what, const Where& where);

}  // namespace simt
