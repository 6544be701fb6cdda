// SPDX-License-Identifier: Apache-2.0
#include "tests/simt/machine.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "lib/base/rng.h"
#include "tests/simt/fiber.h"
#include "tests/simt/races.h"

namespace simt {

constinit thread_local Thread* current = nullptr;
constinit thread_local Place* place = nullptr;

namespace {

constexpr unsigned char poison = 0xFF;  // NaN in every float type

struct Barrier {
  std::uint32_t generation = 0;
  int arrived = 0, wanted = 0;
  char points[2] = {};  // what orders threads (races.h): one for each of two generations that follow each other
};

struct Warp {
  std::uint32_t alive = 0;
  std::deque<Collective> collectives;  // one for each mask that was used; they stay where they are
};

struct SharedBlock {
  SharedBlock(const void* of, std::size_t n_bytes, std::size_t alignment) : owner(of) {
    void* at = nullptr;  // exactly as long as asked for, where the sanitizer watches the end
    if (posix_memalign(&at, alignment, std::max<std::size_t>(n_bytes, 1)) != 0) throw std::bad_alloc();
    memory = static_cast<std::byte*>(at);
    std::memset(memory, poison, n_bytes);
  }
  SharedBlock(const SharedBlock&) = delete;
  SharedBlock(SharedBlock&& other) noexcept : owner(other.owner), memory(std::exchange(other.memory, nullptr)) {}
  ~SharedBlock() { std::free(memory); }
  const void* owner;
  std::byte* memory;
};

std::uint64_t schedule_seed = 0;

void body_of_fiber();

// All a block needs; used again for the next one.
struct Block {
  Block() : fibers(body_of_fiber) {}
  Fibers fibers;
  Place where;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::vector<Barrier> barriers;
  std::vector<SharedBlock> shared;  // the first is the dynamic one
  std::unique_ptr<Engines> engines;
  const std::function<void()>* kernel = nullptr;
  // What a thread found wrong: literals, as what its fiber made would be lost with it.
  const char *failed_operation = nullptr, *complaint = nullptr;
  Where failed_where;
  int n_live = 0;
  bool abandoned = false;
  char begun = 0;  // the point that a grid's threads come after: what the host did before it
  char ended = 0;  // the point that the end of a grid comes after
};

thread_local Block* block = nullptr;

Block& machine_of_thread() {
  static thread_local std::optional<Block> machine;
  if (!machine) machine.emplace();
  return *machine;
}

std::string text(const uint3& at) {
  return "(" + std::to_string(at.x) + ", " + std::to_string(at.y) + ", " + std::to_string(at.z) + ")";
}

std::string text(const Where& where) {
  return std::string(where.file_name()) + ":" + std::to_string(where.line());
}

bool blocked(const Thread& thread) {
  return thread.wait.generation != nullptr && *thread.wait.generation == thread.wait.seen;
}

void release(Barrier& barrier) {
  barrier.arrived = 0;
  barrier.generation = barrier.generation + 1;
}

void complete(Collective& collective) {
  const int parity = static_cast<int>(collective.generation & 1);
  if (collective.finish != nullptr) {
    const Unseen unseen;
    collective.finish(collective, parity);
  }
  collective.arrived = 0;
  collective.generation = collective.generation + 1;
}

// A thread that ends is waited for no longer.
void end_thread() {
  comes_before(&block->ended);
  Thread& self = *current;
  Warp& warp = block->warps[static_cast<std::size_t>(self.warp)];
  warp.alive &= ~(1u << self.lane);
  self.done = true;
  --block->n_live;
  Barrier& all = block->barriers[0];
  if (all.arrived > 0 && all.wanted == 0 && all.arrived >= block->n_live) release(all);
  for (Collective& each : warp.collectives) {
    if (each.arrived != 0 && each.arrived == (each.mask & warp.alive)) complete(each);
  }
  block->fibers.leave(true);
}

void body_of_fiber() {
  comes_after(&block->begun);
  (*block->kernel)();
  end_thread();
}

void start_block(Block& b, dim3 dim, std::size_t shared_bytes) {
  const Unseen unseen;
  const int n = static_cast<int>(dim.x * dim.y * dim.z);
  b.threads.assign(static_cast<std::size_t>(n), {});
  b.warps.clear();
  b.warps.resize(static_cast<std::size_t>(n + 31) / 32);
  b.barriers = std::vector<Barrier>(16);  // in memory that was none's, so that nothing orders this block behind others
  b.shared.clear();
  b.shared.emplace_back(nullptr, shared_bytes, 1024);
  b.engines.reset();
  b.n_live = n;
  b.failed_operation = nullptr;
  for (int i = 0; i < n; ++i) {
    Thread& thread = b.threads[static_cast<std::size_t>(i)];
    const auto at = static_cast<unsigned>(i);
    thread.index = {at % dim.x, at / dim.x % dim.y, at / (dim.x * dim.y)};
    thread.lane = i % 32;
    thread.warp = i / 32;
    b.warps[static_cast<std::size_t>(i / 32)].alive |= 1u << (i % 32);
  }
  b.fibers.restart(n, b.abandoned);
  b.abandoned = true;  // until all threads have ended
}

std::string deadlock_report(const Block& b) {
  std::map<std::string, std::pair<int, const Thread*>> places;  // how many wait there, and the first
  for (const Thread& thread : b.threads) {
    if (thread.done) continue;
    auto& [count, first] = places[std::string(thread.wait.what) + ", " + text(thread.wait.where)];
    if (count++ == 0) first = &thread;
  }
  std::string report = "deadlock in block " + text(b.where.block) + ":";
  for (const auto& [where, waiting] : places) {
    report += "\n  " + std::to_string(waiting.first) + " threads, the first " + text(waiting.second->index) +
              ", wait in " + where;
  }
  return report;
}

// Gives turns until all threads have ended.
void run_block(Block& b, std::vector<int>& order, hearth::Rng& rng) {
  while (b.n_live > 0) {
    bool progress = false;
    if (schedule_seed != 0) {
      for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
    }
    for (const int i : order) {
      Thread& thread = b.threads[static_cast<std::size_t>(i)];
      if (thread.done || blocked(thread)) continue;
      current = &thread;
      b.fibers.resume(i);
      progress = true;
      if (b.failed_operation != nullptr) {
        throw Failure(std::string(b.failed_operation) + ": " + b.complaint + ", thread " + text(thread.index) +
                      " of block " + text(b.where.block) + ", " + text(b.failed_where));
      }
    }
    if (b.engines && (!progress || (schedule_seed != 0 && rng.below(4) == 0))) {
      if (b.engines->work(schedule_seed == 0 ? 0 : rng.below(1 << 30))) progress = true;
    }
    if (!progress) throw Failure(deadlock_report(b));
  }
  if (const char* undone = b.engines ? b.engines->undone() : nullptr) {
    throw Failure("block " + text(b.where.block) + " ended with " + undone);
  }
  b.abandoned = false;
}

std::vector<int> ascending(std::size_t n) {
  std::vector<int> order(n);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

// Sets what kernels see, and takes it away again.
class Running {
 public:
  explicit Running(Block& b) {
    block = &b;
    place = &b.where;
  }
  ~Running() {
    block = nullptr;
    place = nullptr;
    current = nullptr;
  }
};

}  // namespace

void block_until_changed(const std::uint32_t& generation, std::uint32_t seen, const char* what, const Where& where) {
  Thread& self = *current;
  self.wait = {&generation, seen, what, where};
  while (generation == seen) {
    block->fibers.leave(false);
  }
  self.wait.generation = nullptr;
}

Engines& engines(std::unique_ptr<Engines> (*make)()) {
  const Unseen unseen;
  if (!block->engines) block->engines = make();
  return *block->engines;
}

void set_seed(std::uint64_t seed) {
  schedule_seed = seed;
}

void run_grid(dim3 grid, dim3 dim, std::size_t shared_bytes, const std::function<void()>& kernel) {
  const std::uint64_t n_threads = std::uint64_t{dim.x} * dim.y * dim.z;
  const std::uint64_t n_blocks = std::uint64_t{grid.x} * grid.y * grid.z;
  if (n_threads == 0 || n_threads > 1024 || n_blocks == 0 || grid.y > 65535 || grid.z > 65535)
    throw Failure("a grid of " + std::to_string(n_blocks) + " blocks of " + std::to_string(n_threads) + " threads");
  if (shared_bytes > most_shared_bytes) throw Failure(std::to_string(shared_bytes) + " bytes of shared memory");
  Block& b = machine_of_thread();
  const Running running(b);
  b.kernel = &kernel;
  b.where.block_dim = dim;
  b.where.grid_dim = grid;
  comes_before(&b.begun);
  hearth::Rng rng(schedule_seed + 1);
  std::vector<int> order = ascending(n_threads), blocks = ascending(n_blocks);
  for (std::size_t i = schedule_seed == 0 ? 0 : blocks.size(); i > 1; --i)
    std::swap(blocks[i - 1], blocks[rng.below(i)]);
  for (const int index : blocks) {
    const auto at = static_cast<unsigned>(index);
    b.where.block = {at % grid.x, at / grid.x % grid.y, at / (grid.x * grid.y)};
    start_block(b, dim, shared_bytes);
    run_block(b, order, rng);
  }
  comes_after(&b.ended);
}

void fail(const char* operation, const char* complaint, const Where& where) {
  block->failed_operation = operation;
  block->complaint = complaint;
  block->failed_where = where;
  for (;;) block->fibers.leave(false);
}

std::byte* dynamic_shared() {
  return block->shared.front().memory;
}

std::byte* static_shared(const void* owner, std::size_t bytes, std::size_t alignment) {
  for (const SharedBlock& each : block->shared) {
    if (each.owner == owner) return each.memory;
  }
  const Unseen unseen;
  return block->shared.emplace_back(owner, bytes, alignment).memory;
}

namespace {
// Counts a thread in; returns whether the barrier opened.
bool arrive(Barrier& barrier, int count, const Where& where) {
  if (barrier.arrived > 0 && barrier.wanted != count) fail("barrier", "threads give two counts", where);
  barrier.wanted = count;
  comes_before(&barrier.points[barrier.generation & 1]);
  ++barrier.arrived;
  const bool open = barrier.arrived >= (count == 0 ? block->n_live : count);
  if (open) release(barrier);
  return open;
}
}  // namespace

void barrier(int id, int count, const Where& where) {
  Barrier& at = block->barriers[static_cast<std::size_t>(id)];
  const std::uint32_t generation = at.generation;
  if (!arrive(at, count, where)) {
    block_until_changed(at.generation, generation, id == 0 ? "__syncthreads" : "a named barrier", where);
  }
  comes_after(&at.points[generation & 1]);
}

void barrier_arrive(int id, int count, const Where& where) {
  arrive(block->barriers[static_cast<std::size_t>(id)], count, where);
}

Met meet(std::uint32_t mask, Meeting kind, const void* in, std::size_t in_bytes,
         void (*finish)(Collective&, int parity), const char* what, const Where& where) {
  const Thread& self = *current;
  Warp& warp = block->warps[static_cast<std::size_t>(self.warp)];
  if ((mask >> self.lane & 1) == 0) fail(what, "the lane is not in its own mask", where);
  auto found = std::find_if(warp.collectives.begin(), warp.collectives.end(),
                            [&](const Collective& each) { return each.mask == mask; });
  if (found == warp.collectives.end()) {
    const Unseen unseen;
    warp.collectives.emplace_back().mask = mask;
    found = std::prev(warp.collectives.end());
  }
  Collective& collective = *found;
  if (collective.arrived != 0 && collective.kind != kind) {
    fail(what, "other lanes of the warp are in another operation", where);
  }
  const std::uint32_t generation = collective.generation;
  const int parity = static_cast<int>(generation & 1);
  collective.kind = kind;
  collective.finish = finish;
  if (in_bytes > 0) {
    const Unseen unseen;
    std::memcpy(collective.in[parity][self.lane], in, in_bytes);
  }
  if (kind == Meeting::sync) comes_before(collective.in[parity]);  // shuffles and votes order no memory
  collective.arrived |= 1u << self.lane;
  if (collective.arrived == (mask & warp.alive)) {
    complete(collective);
  } else {
    block_until_changed(collective.generation, generation, what, where);
  }
  if (kind == Meeting::sync) comes_after(collective.in[parity]);
  return {collective, parity};
}

}  // namespace simt
