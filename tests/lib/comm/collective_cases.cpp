// SPDX-License-Identifier: Apache-2.0
#include "tests/lib/comm/collective_cases.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "lib/base/error.h"

namespace hearth::comm {
namespace {

// Sums of these depend on the order of addition in f32 and bf16: five decimal magnitudes, both signs.
template <class T>
T value_of(int rank, std::int64_t i) {
  constexpr float scale[] = {0.01f, 0.1f, 1, 10, 100};
  const auto mixed = static_cast<std::uint32_t>(rank * 7919 + i * 31 + 1) * 2654435761u;
  const float v = (static_cast<float>(mixed >> 8) / (1 << 23) - 1) * scale[(rank + i) % 5];
  if constexpr (std::is_same_v<T, std::int64_t>) return static_cast<T>(v * 1000);
  return static_cast<T>(v);
}

template <class T>
Tensor tensor(std::vector<T>& values) {
  return Tensor(values.data(), {static_cast<std::int64_t>(values.size())});
}

template <class T>
std::vector<T> values_of(int rank, std::int64_t n) {
  std::vector<T> values;
  for (std::int64_t i = 0; i < n; ++i) values.push_back(value_of<T>(rank, i));
  return values;
}

template <class T>
T reduced(int n_ranks, std::int64_t i, Reduce op) {
  using Wide = std::conditional_t<std::is_same_v<T, bf16>, float, T>;
  Wide wide = static_cast<Wide>(value_of<T>(0, i));
  for (int r = 1; r < n_ranks; ++r) {
    const Wide next = static_cast<Wide>(value_of<T>(r, i));
    wide = op == Reduce::sum ? wide + next : std::max(wide, next);
  }
  return static_cast<T>(wide);
}

template <class T>
bool same(const T& a, const T& b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

void expect(bool holds, const std::string& what) {
  if (!holds) throw Error(Kind::internal, what + " is wrong");
}

template <class T>
void check_reductions(Communicator& world, Stream& stream, std::int64_t n, Reduce op) {
  const int ranks = world.size();
  const std::string text =
      std::string(name_of(dtype_of<T>())) + " of " + std::to_string(n) + (op == Reduce::sum ? " sum" : " max");
  auto data = values_of<T>(world.rank(), n);
  world.all_reduce(stream, tensor(data), op).wait(stream);
  for (std::int64_t i = 0; i < n; ++i) {
    expect(same(data[static_cast<std::size_t>(i)], reduced<T>(ranks, i, op)), "all_reduce " + text);
  }
  auto whole = values_of<T>(world.rank(), n * ranks);
  std::vector<T> piece(static_cast<std::size_t>(n));
  world.reduce_scatter(stream, tensor(whole), tensor(piece), op).wait(stream);
  for (std::int64_t i = 0; i < n; ++i) {
    expect(same(piece[static_cast<std::size_t>(i)], reduced<T>(ranks, world.rank() * n + i, op)),
           "reduce_scatter " + text);
  }
}

void check_gather(Communicator& world, Stream& stream, std::int64_t n) {
  auto mine = values_of<float>(world.rank(), n);
  std::vector<float> all(static_cast<std::size_t>(n * world.size()), -1);
  world.all_gather(stream, tensor(mine), tensor(all)).wait(stream);
  for (std::int64_t i = 0; i < n * world.size(); ++i) {
    expect(same(all[static_cast<std::size_t>(i)], value_of<float>(static_cast<int>(i / n), i % n)), "all_gather");
  }
}

// Pieces of any length, some empty, in place.
void check_uneven_pieces(Communicator& world, Stream& stream) {
  std::vector<std::int64_t> bounds{0};
  for (int r = 0; r < world.size(); ++r) bounds.push_back(bounds.back() + (r % 3 == 1 ? 0 : 70001 * (r + 1)));
  const auto of = [&](std::int64_t i) {  // the rank whose element it is
    return static_cast<int>(std::ranges::upper_bound(bounds, i) - bounds.begin()) - 1;
  };
  auto data = values_of<float>(world.rank(), bounds.back());
  world.reduce_pieces(stream, tensor(data), bounds).wait(stream);
  for (std::int64_t i = 0; i < bounds.back(); ++i) {
    const float expected =
        of(i) == world.rank() ? reduced<float>(world.size(), i, Reduce::sum) : value_of<float>(world.rank(), i);
    expect(same(data[static_cast<std::size_t>(i)], expected), "reduce_pieces");
  }
  world.gather_pieces(stream, tensor(data), bounds).wait(stream);
  for (std::int64_t i = 0; i < bounds.back(); ++i) {
    expect(same(data[static_cast<std::size_t>(i)], reduced<float>(world.size(), i, Reduce::sum)), "gather_pieces");
  }
}

// Rank r sends s rows more to each further rank; some none.
void check_all_to_all(Communicator& world, Stream& stream) {
  constexpr std::int64_t width = 3;
  const auto rows = [](int from, int to) { return static_cast<std::int64_t>((from * 3 + to * 2) % 5); };
  std::vector<std::int64_t> out, in;
  std::vector<float> from, expected;
  for (int peer = 0; peer < world.size(); ++peer) {
    out.push_back(rows(world.rank(), peer));
    in.push_back(rows(peer, world.rank()));
    for (std::int64_t i = 0; i < out.back() * width; ++i) from.push_back(value_of<float>(world.rank() * 64 + peer, i));
    for (std::int64_t i = 0; i < in.back() * width; ++i)
      expected.push_back(value_of<float>(peer * 64 + world.rank(), i));
  }
  std::vector<float> to(expected.size(), -1);
  const auto as_rows = [](std::vector<float>& values) {
    return Tensor(values.data(), {static_cast<std::int64_t>(values.size()) / width, width});
  };
  world.all_to_all(stream, as_rows(from), out, as_rows(to), in).wait(stream);
  expect(to == expected, "all_to_all");
}

void check_messages(Communicator& world, Stream& stream, bool sends_ahead) {
  const int next = (world.rank() + 1) % world.size(), before = (world.rank() + world.size() - 1) % world.size();
  auto sent = values_of<float>(world.rank(), 1000);
  std::vector<float> received(1000);
  world.exchange(stream, tensor(sent), next, tensor(received), before).wait(stream);
  expect(received == values_of<float>(before, 1000), "exchange in a ring");

  // Down a line: the first only sends, the last only receives.
  const bool first = world.rank() == 0, last = world.rank() + 1 == world.size();
  std::fill(received.begin(), received.end(), 0.f);
  if (world.size() > 1) {
    world.exchange(stream, tensor(sent), last ? -1 : next, tensor(received), first ? -1 : before).wait(stream);
    if (!first) expect(received == values_of<float>(before, 1000), "exchange down a line");
  }

  // Neighbours may both send before either receives, however long the message.
  if (world.size() > 1 && sends_ahead) {
    auto much = values_of<float>(world.rank(), 1 << 20);
    std::vector<float> arrived(much.size());
    Pending sending = world.exchange(stream, tensor(much), next, {}, -1);
    world.exchange(stream, {}, -1, tensor(arrived), before).wait(stream);
    sending.wait(stream);
    expect(arrived == values_of<float>(before, 1 << 20), "a message under way while another is waited for");
  }

  auto data = values_of<float>(world.rank(), 77);
  world.broadcast(stream, tensor(data), world.size() - 1).wait(stream);
  expect(data == values_of<float>(world.size() - 1, 77), "broadcast");
  world.barrier();
}

// Several under way, waited for in another order.
void check_overlap(Communicator& world, Stream& stream) {
  constexpr std::int64_t n = 5000;
  auto a = values_of<float>(world.rank(), n), b = values_of<float>(world.rank() + 100, n);
  Pending first = world.all_reduce(stream, tensor(a)), second = world.all_reduce(stream, tensor(b), Reduce::max);
  second.wait(stream);
  first.wait(stream);
  for (std::int64_t i = 0; i < n; ++i) {
    expect(same(a[static_cast<std::size_t>(i)], reduced<float>(world.size(), i, Reduce::sum)), "the first of two");
  }
}

void check_split(Communicator& world, Stream& stream) {
  const auto parity = world.split(world.rank() % 2, -world.rank());  // in reverse
  const int members = (world.size() + (world.rank() % 2 == 0 ? 1 : 0)) / 2;
  expect(parity->size() == members && parity->rank() == members - 1 - world.rank() / 2, "split by parity");
  std::vector<std::int64_t> sum{world.rank()};
  parity->all_reduce(stream, tensor(sum)).wait(stream);
  std::int64_t expected = 0;
  for (int r = world.rank() % 2; r < world.size(); r += 2) expected += r;
  expect(sum[0] == expected, "all_reduce within a split");
  const auto none = world.split(world.rank() == 0 ? -1 : 0, 0);
  expect((none == nullptr) == (world.rank() == 0), "split that leaves a rank out");
}

}  // namespace

void check_collectives(Communicator& world, bool sends_ahead) {
  ThreadPool pool(1);
  Stream stream(pool);
  for (const Reduce op : {Reduce::sum, Reduce::max}) {
    // None, one, fewer than ranks, gathered, in pieces, in several segments, and none of them a multiple.
    for (const std::int64_t n : {0, 1, 3, 1000, 50001, 400003}) {
      check_reductions<float>(world, stream, n, op);
      check_reductions<bf16>(world, stream, n, op);
    }
    check_reductions<double>(world, stream, 20011, op);
    check_reductions<std::int64_t>(world, stream, 20011, op);
  }
  for (const std::int64_t n : {0, 1, 100000}) check_gather(world, stream, n);
  check_uneven_pieces(world, stream);
  check_all_to_all(world, stream);
  check_messages(world, stream, sends_ahead);
  check_overlap(world, stream);
  check_split(world, stream);
}

}  // namespace hearth::comm
