// SPDX-License-Identifier: Apache-2.0
#include "tests/simt/hopper.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <deque>
#include <map>
#include <vector>

#include "tests/simt/races.h"
#include "tests/simt/standin/cuda_runtime.h"

namespace simt {
namespace {

constexpr int swizzle_row_bytes = 128, swizzle_atom_bytes = 1024;

// The 16-byte pieces of a row of 128 bytes change places by the row's number within eight.
std::uint32_t swizzled(std::uint32_t offset) {
  return offset ^ (offset >> 7 & 7) << 4;
}

struct MBarrier {
  std::uint32_t generation = 0;
  int count = 0, pending = 0;
  std::int64_t bytes = 0;  // expected, not landed
  char points[2] = {};     // what orders threads (races.h)

  void end_phase_if_due() {
    if (pending > 0 || bytes != 0) return;
    pending = count;
    generation = generation + 1;
  }
};

struct Load {
  std::byte* shared;
  std::uint32_t to;
  CUtensorMap map;
  MBarrier* barrier;
  std::int64_t x, y;

  std::int64_t bytes() const { return std::int64_t{map.box_rows} * swizzle_row_bytes; }
  // f(place in shared memory, row, first column) for every 16 bytes of the box.
  template <class F>
  void each_piece(const F& f) const {
    for (std::uint32_t row = 0; row < map.box_rows; ++row) {
      for (std::uint32_t piece = 0; piece < swizzle_row_bytes / 16; ++piece)
        f(shared + swizzled(to + row * swizzle_row_bytes + piece * 16), y + row, x + piece * 8);
    }
  }
  void land() const {
    each_piece([&](std::byte* at, std::int64_t row, std::int64_t column) {
      std::memset(at, 0, 16);
      if (row < 0 || column < 0 || row >= static_cast<std::int64_t>(map.rows)) return;
      const std::int64_t left = static_cast<std::int64_t>(map.columns) - column;
      if (left <= 0) return;
      const auto* from = static_cast<const std::byte*>(map.base) + row * static_cast<std::int64_t>(map.pitch_bytes);
      std::memcpy(at, from + column * 2, static_cast<std::size_t>(std::min<std::int64_t>(left, 8) * 2));
    });
    barrier->bytes -= bytes();
    barrier->end_phase_if_due();
  }
};

// What all warps of a warpgroup must give alike.
struct Operands {
  std::uint64_t a = 0, b = 0;
  int n = 0;
  bool keep = false;
  bool operator==(const Operands&) const = default;
};

struct Product {
  Operands operands;
  float* d = nullptr;  // of lane 0, which stands for all
};

// Sums of a warp that products in flight are adding to: lanes' registers hold NaN meanwhile.
struct Sums {
  std::array<float*, 32> registers{};
  std::vector<float> values;  // [16, n]
  int in_flight = 0;
};

struct WarpProducts {
  std::vector<Product> open;
  std::deque<std::vector<Product>> groups;
  std::map<float*, Sums> sums;  // by lane 0's address
  std::size_t n_issued = 0;
  bool fenced = false;
};

int row_of(int lane, int i) {
  return lane / 4 + i / 2 % 2 * 8;
}
int column_of(int lane, int i) {
  return i / 4 * 8 + lane % 4 * 2 + i % 2;
}

class Hopper : public Engines {
 public:
  std::map<std::uint32_t, MBarrier> barriers;
  std::vector<Load> loads;
  std::map<int, WarpProducts> products;              // by warp
  std::map<int, std::vector<Operands>> asked_alike;  // by warpgroup, in the order issued
  std::byte* shared = dynamic_shared();

  bool work(std::uint64_t choice) override {
    if (loads.empty()) return false;
    const auto at = loads.begin() + static_cast<std::ptrdiff_t>(choice % loads.size());
    const Load load = *at;
    loads.erase(at);
    load.land();
    return true;
  }
  const char* undone() const override {
    if (!loads.empty()) return "tiles on their way into its shared memory";
    for (const auto& [warp, each] : products) {
      if (!each.open.empty() || !each.groups.empty()) return "products of a warpgroup that were not waited for";
    }
    return nullptr;
  }

  float element(std::uint64_t operand, int row, int k) const {
    const auto base = static_cast<std::uint32_t>(operand & 0x3FFF) << 4;
    const auto group_bytes = static_cast<std::uint32_t>(operand >> 32 & 0x3FFF) << 4;
    const auto place = static_cast<std::uint32_t>(row / 8) * group_bytes +
                       static_cast<std::uint32_t>(row % 8 * swizzle_row_bytes + k * 2);
    std::uint16_t bits = 0;
    std::memcpy(&bits, shared + swizzled(base + place), sizeof(bits));
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }

  void multiply(int warp, const Product& product) {
    const int n = product.operands.n;
    std::vector<float> b(static_cast<std::size_t>(16 * n));
    for (int column = 0; column < n; ++column) {
      for (int k = 0; k < 16; ++k) b[static_cast<std::size_t>(k * n + column)] = element(product.operands.b, column, k);
    }
    WarpProducts& of_warp = products[warp];
    Sums& sums = of_warp.sums.at(product.d);
    for (int row = 0; row < 16; ++row) {
      float* out = sums.values.data() + row * n;
      if (!product.operands.keep) std::fill(out, out + n, 0.0f);
      for (int k = 0; k < 16; ++k) {
        const float a = element(product.operands.a, warp % 4 * 16 + row, k);
        const float* factors = b.data() + k * n;
        for (int column = 0; column < n; ++column) out[column] += a * factors[column];
      }
    }
    if (--sums.in_flight > 0) return;
    for (int lane = 0; lane < 32; ++lane) {
      for (int i = 0; i < n / 2; ++i)
        sums.registers[static_cast<std::size_t>(lane)][i] =
            sums.values[static_cast<std::size_t>(row_of(lane, i) * n + column_of(lane, i))];
    }
    of_warp.sums.erase(product.d);
  }
};

Hopper& hopper() {
  return static_cast<Hopper&>(engines([]() -> std::unique_ptr<Engines> { return std::make_unique<Hopper>(); }));
}

MBarrier& barrier_at(std::uint64_t* barrier, const char* operation, const Where& where) {
  Hopper& h = hopper();
  const auto found = h.barriers.find(shared_offset(barrier, operation, where));
  if (found == h.barriers.end()) fail(operation, "the barrier was not initialised", where);
  return found->second;
}

// What a lane brings to a product.
struct Issue {
  float* d;
  Operands operands;
  Where where;
};
static_assert(sizeof(Issue) <= most_in_bytes);

// By the last lane of the warp to come.
void issue(Collective& collective, int parity) {
  Hopper& h = hopper();
  const int warp = current->warp;
  std::array<float*, 32> registers{};
  Issue first, each;
  std::memcpy(&first, collective.in[parity][0], sizeof(first));
  for (int lane = 0; lane < 32; ++lane) {
    std::memcpy(&each, collective.in[parity][lane], sizeof(each));
    registers[static_cast<std::size_t>(lane)] = each.d;
    if (!(each.operands == first.operands)) fail("wgmma", "lanes of a warp name different operands", first.where);
  }
  WarpProducts& products = h.products[warp];
  std::vector<Operands>& alike = h.asked_alike[warp / 4];
  if (!products.fenced) fail("wgmma", "no wgmma.fence since the last wait", first.where);
  if (products.n_issued == alike.size()) alike.push_back(first.operands);
  if (!(alike[products.n_issued++] == first.operands))
    fail("wgmma", "warps of a warpgroup name different operands", first.where);
  Sums& sums = products.sums[first.d];
  const int n = first.operands.n;
  if (sums.in_flight++ == 0) {
    sums.registers = registers;
    sums.values.resize(static_cast<std::size_t>(16 * n));
    for (int lane = 0; lane < 32; ++lane) {
      float* own = registers[static_cast<std::size_t>(lane)];
      for (int i = 0; i < n / 2; ++i) {
        sums.values[static_cast<std::size_t>(row_of(lane, i) * n + column_of(lane, i))] = own[i];
        own[i] = std::bit_cast<float>(0xFFFFFFFFu);
      }
    }
  }
  products.open.push_back({first.operands, first.d});
}

}  // namespace

std::uint32_t shared_offset(const void* at, const char* operation, const Where& where) {
  const std::ptrdiff_t offset = static_cast<const std::byte*>(at) - dynamic_shared();
  if (offset < 0 || offset >= static_cast<std::ptrdiff_t>(most_shared_bytes))
    fail(operation, "not in the block's dynamic shared memory", where);
  return static_cast<std::uint32_t>(offset);
}

void mbarrier_init(std::uint64_t* barrier, int count, const Where& where) {
  const Unseen unseen;
  if (reinterpret_cast<std::uintptr_t>(barrier) % 8 != 0) fail("mbarrier.init", "a misaligned address", where);
  MBarrier& made = hopper().barriers[shared_offset(barrier, "mbarrier.init", where)];
  made.count = made.pending = count;
  made.bytes = 0;
}

void mbarrier_arrive(std::uint64_t* barrier, std::int64_t bytes, const Where& where) {
  MBarrier& at = barrier_at(barrier, "mbarrier.arrive", where);
  if (at.pending == 0) fail("mbarrier.arrive", "more arrivals than the barrier counts", where);
  comes_before(&at.points[at.generation & 1]);
  --at.pending;
  at.bytes += bytes;
  at.end_phase_if_due();
}

void mbarrier_wait(std::uint64_t* barrier, std::uint32_t parity, const Where& where) {
  MBarrier& at = barrier_at(barrier, "mbarrier.try_wait", where);
  if ((at.generation & 1) == parity) block_until_changed(at.generation, at.generation, "an mbarrier", where);
  comes_after(&at.points[parity]);
}

void tensor_load(void* to, const CUtensorMap& map, std::uint64_t* barrier, int x, int y, const Where& where) {
  const Unseen unseen;
  Hopper& h = hopper();
  const Load load{
      h.shared, shared_offset(to, "a tile's load", where), map, &barrier_at(barrier, "a tile's load", where), x, y};
  if (load.to % swizzle_atom_bytes != 0) fail("a tile's load", "to a place not aligned to 1024 bytes", where);
  load.each_piece([](std::byte* at, std::int64_t, std::int64_t) { std::memset(at, 0xFF, 16); });
  h.loads.push_back(load);
}

void warpgroup_fence(const Where& where) {
  meet(
      ~0u, Meeting::sync, nullptr, 0, [](Collective&, int) { hopper().products[current->warp].fenced = true; },
      "wgmma.fence", where);
}

void warpgroup_product(float* d, int n, std::uint64_t a, std::uint64_t b, bool keep, const Where& where) {
  for (const std::uint64_t operand : {a, b}) {
    if (operand >> 62 != 1) fail("wgmma", "an operand without the swizzle of 128 bytes", where);
  }
  const Issue brought{d, {a, b, n, keep}, where};
  meet(~0u, Meeting::matrix_product, &brought, sizeof(brought), issue, "wgmma", where);
}

void warpgroup_commit(const Where& where) {
  meet(
      ~0u, Meeting::sync, nullptr, 0,
      [](Collective&, int) {
        WarpProducts& products = hopper().products[current->warp];
        products.groups.push_back(std::move(products.open));
        products.open.clear();
      },
      "wgmma.commit_group", where);
}

void warpgroup_wait(int but_newest_groups, const Where& where) {
  const auto left = static_cast<std::uint32_t>(but_newest_groups);
  meet(
      ~0u, Meeting::sync, &left, sizeof(left),
      [](Collective& collective, int parity) {
        std::uint32_t allowed = 0;
        std::memcpy(&allowed, collective.in[parity][0], sizeof(allowed));
        Hopper& h = hopper();
        WarpProducts& products = h.products[current->warp];
        for (; products.groups.size() > allowed; products.groups.pop_front()) {
          for (const Product& each : products.groups.front()) h.multiply(current->warp, each);
        }
        products.fenced = false;
      },
      "wgmma.wait_group", where);
}

}  // namespace simt

CUresult cuTensorMapEncodeTiled(CUtensorMap* map, CUtensorMapDataType type, cuuint32_t rank, void* base,
                                const cuuint64_t* extents, const cuuint64_t* strides_bytes, const cuuint32_t* box,
                                const cuuint32_t* element_strides, CUtensorMapInterleave interleave,
                                CUtensorMapSwizzle swizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
  const bool known = type == CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 && rank == 2 &&
                     interleave == CU_TENSOR_MAP_INTERLEAVE_NONE && swizzle == CU_TENSOR_MAP_SWIZZLE_128B;
  // As the manual has it: the matrix in units of 16 bytes, the box within the swizzle's row and 256 rows.
  const bool fits = reinterpret_cast<std::uintptr_t>(base) % 16 == 0 && strides_bytes[0] % 16 == 0 &&
                    strides_bytes[0] >= extents[0] * 2 && extents[0] > 0 && extents[1] > 0 && box[0] * 2 == 128 &&
                    box[1] > 0 && box[1] <= 256 && element_strides[0] == 1 && element_strides[1] == 1;
  if (!known || !fits) return CUDA_ERROR_INVALID_VALUE;
  *map = {base, extents[0], extents[1], strides_bytes[0], box[0], box[1]};
  return CUDA_SUCCESS;
}

cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** function, unsigned, unsigned long long,
                                             cudaDriverEntryPointQueryResult* result) {
  const bool known = std::strcmp(symbol, "cuTensorMapEncodeTiled") == 0;
  *function = known ? reinterpret_cast<void*>(&cuTensorMapEncodeTiled) : nullptr;
  *result = known ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
  return cudaSuccess;
}
