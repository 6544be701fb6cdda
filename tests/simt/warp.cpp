// SPDX-License-Identifier: Apache-2.0
// Warp-wide votes and matrix instructions, and the copies that land late.
#include <algorithm>

#include "tests/simt/intrinsics.h"
#include "tests/simt/races.h"

unsigned __ballot_sync(unsigned mask, int predicate, simt::Where where) {
  const std::uint32_t vote = predicate != 0 ? 1 : 0;
  const simt::Met met = simt::meet(
      mask, simt::Meeting::ballot, &vote, sizeof(vote),
      [](simt::Collective& c, int parity) {
        std::uint32_t votes = 0, one = 0;
        for (int lane = 0; lane < 32; ++lane) {
          if ((c.arrived >> lane & 1) == 0) continue;
          std::memcpy(&one, c.in[parity][lane], sizeof(one));
          votes |= one << lane;
        }
        std::memcpy(c.out[parity][0], &votes, sizeof(votes));
      },
      "__ballot_sync", where);
  std::uint32_t votes = 0;
  std::memcpy(&votes, met.collective.out[met.parity][0], sizeof(votes));
  return votes;
}

namespace simt {

void copy_later(void* to, const void* from, std::size_t bytes, std::size_t from_bytes, const Where& where) {
  if (reinterpret_cast<std::uintptr_t>(to) % bytes != 0) fail("cp.async", "to a misaligned address", where);
  if (from_bytes > 0 && reinterpret_cast<std::uintptr_t>(from) % bytes != 0)
    fail("cp.async", "from a misaligned address", where);
  const Unseen unseen;
  current->copies.push_back({to, from, bytes, from_bytes, current->copy_group});
}

void commit_copies() {
  ++current->copy_group;
}

void wait_copies(int but_newest_groups) {
  std::vector<PendingCopy>& copies = current->copies;
  const auto landed = [&](const PendingCopy& copy) {
    return copy.group + static_cast<std::uint64_t>(but_newest_groups) < current->copy_group;
  };
  for (const PendingCopy& copy : copies) {
    if (!landed(copy)) continue;
    if (copy.from_bytes > 0) std::memcpy(copy.to, copy.from, copy.from_bytes);
    std::memset(static_cast<std::byte*>(copy.to) + copy.from_bytes, 0, copy.bytes - copy.from_bytes);
  }
  const Unseen unseen;
  copies.erase(std::remove_if(copies.begin(), copies.end(), landed), copies.end());
}

namespace {

struct Operands {
  std::uint32_t a[4], b[2];
  float c[4];
};
static_assert(sizeof(Operands) <= most_in_bytes);

float low(std::uint32_t pair) {
  return std::bit_cast<float>(pair << 16);
}
float high(std::uint32_t pair) {
  return std::bit_cast<float>(pair & 0xFFFF0000u);
}

// Row-wise over 8 columns, which the compiler turns into vectors.
void multiply(const float (&a)[16][16], const float (&b)[16][8], float (&c)[16][8]) {
  for (int row = 0; row < 16; ++row) {
    float sums[8];
    for (int column = 0; column < 8; ++column) sums[column] = c[row][column];
    for (int k = 0; k < 16; ++k) {
      for (int column = 0; column < 8; ++column) sums[column] += a[row][k] * b[k][column];
    }
    for (int column = 0; column < 8; ++column) c[row][column] = sums[column];
  }
}

void finish_product(Collective& collective, int parity) {
  float a[16][16], b[16][8], c[16][8];
  for (int lane = 0; lane < 32; ++lane) {
    Operands in;
    std::memcpy(&in, collective.in[parity][lane], sizeof(in));
    const int group = lane / 4, pair = lane % 4 * 2;
    for (int half = 0; half < 4; ++half) {  // a: rows group and group + 8, columns pair.. and pair + 8..
      const int row = group + half % 2 * 8, column = pair + half / 2 * 8;
      a[row][column] = low(in.a[half]);
      a[row][column + 1] = high(in.a[half]);
    }
    for (int half = 0; half < 2; ++half) {
      b[pair + half * 8][group] = low(in.b[half]);
      b[pair + half * 8 + 1][group] = high(in.b[half]);
    }
    for (int i = 0; i < 4; ++i) c[group + i / 2 * 8][pair + i % 2] = in.c[i];
  }
  multiply(a, b, c);
  for (int lane = 0; lane < 32; ++lane) {
    float out[4];
    for (int i = 0; i < 4; ++i) out[i] = c[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
    std::memcpy(collective.out[parity][lane], out, sizeof(out));
  }
}

template <bool transposed>
void finish_load(Collective& collective, int parity) {
  for (int matrix = 0; matrix < 4; ++matrix) {
    std::uint16_t values[8][8];
    for (int row = 0; row < 8; ++row) {
      const void* from = nullptr;
      std::memcpy(&from, collective.in[parity][matrix * 8 + row], sizeof(from));
      std::memcpy(values[row], from, 16);
    }
    for (int lane = 0; lane < 32; ++lane) {
      std::uint16_t pair[2];
      for (int i = 0; i < 2; ++i) {
        const int row = lane / 4, column = lane % 4 * 2 + i;
        pair[i] = transposed ? values[column][row] : values[row][column];
      }
      std::memcpy(collective.out[parity][lane] + 4 * matrix, pair, 4);
    }
  }
}

}  // namespace

void matrix_product(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2], const Where& where) {
  Operands in;
  std::memcpy(in.a, a, sizeof(in.a));
  std::memcpy(in.b, b, sizeof(in.b));
  std::memcpy(in.c, c, sizeof(in.c));
  const Met met = meet(~0u, Meeting::matrix_product, &in, sizeof(in), finish_product, "mma.sync", where);
  std::memcpy(c, met.collective.out[met.parity][current->lane], sizeof(c));
}

void matrix_load(std::uint32_t (&r)[4], const void* row, bool transposed, const Where& where) {
  if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0) fail("ldmatrix", "from a misaligned address", where);
  const Met met = meet(~0u, Meeting::matrix_load, &row, sizeof(row),
                       transposed ? finish_load<true> : finish_load<false>, "ldmatrix", where);
  std::memcpy(r, met.collective.out[met.parity][current->lane], sizeof(r));
}

}  // namespace simt
