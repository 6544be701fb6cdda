// SPDX-License-Identifier: Apache-2.0
// hearth doctor as many ranks: the nodes of a job held against each other.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

#include "lib/base/clock.h"
#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/base/thread_pool.h"
#include "lib/comm/agreement.h"
#include "lib/comm/mesh.h"
#include "lib/tools/doctor.h"
#include "lib/tools/doctor_checks.h"
#include "lib/tools/watched_ranks.h"
#include "lib/train/ceiling.h"

namespace hearth::tools::doctor {
namespace {

constexpr double least_share = 0.8;  // of the median
constexpr int n_rates = 4;           // of RankRates, as numbers

// Bytes read and written a second by all threads, on memory that no cache holds.
double memory_rate(ThreadPool& pool) {
  constexpr std::size_t bytes = 64 << 20;
  const auto n = static_cast<std::size_t>(pool.n_threads());
  const std::size_t each = bytes / n;
  std::vector<char> from(each * n, 1), to(each * n);
  double best = 1e30;
  for (int i = 0; i < 5; ++i) {
    const Stopwatch watch;
    pool.for_each(static_cast<std::int64_t>(n), [&](std::int64_t i, int) {
      const std::size_t at = static_cast<std::size_t>(i) * each;
      std::memcpy(to.data() + at, from.data() + at, each);
    });
    best = std::min(best, watch.seconds());
  }
  return 2.0 * static_cast<double>(each * n) / best;
}

// Bytes sent a second to the better of the two neighbours while as much comes back. Whoever comes late to an exchange
// finds it half done: what the slower end saw is the link's rate, and both ends say the same.
double link_rate(comm::Communicator& world, Stream& stream) {
  constexpr std::int64_t bytes = 4 << 20;
  constexpr int repetitions = 4;
  std::vector<std::byte> out(bytes), in(bytes);
  const Tensor send(out.data(), DType::u8, {bytes}), receive(in.data(), DType::u8, {bytes});
  const int rank = world.rank(), size = world.size();
  double best = 0;
  for (int round = 0; round < 2; ++round) {
    const int peer = (rank + round) % 2 == 0 ? rank + 1 : rank - 1;
    world.barrier();
    if (peer < 0 || peer >= size) continue;
    double own = 0, theirs = 0;
    for (int i = 0; i < repetitions; ++i) {
      const Stopwatch watch;
      world.exchange(stream, send, peer, receive, peer).wait(stream);
      if (i > 0) own = std::max(own, static_cast<double>(bytes) / watch.seconds());
    }
    world.exchange(stream, Tensor(&own, {1}), peer, Tensor(&theirs, {1}), peer).wait(stream);
    best = std::max(best, std::min(own, theirs));
  }
  return best;
}

std::vector<RankRates> measure_once(Context& context) {
  comm::Communicator& world = context.mesh->world();
  std::array<double, n_rates> own{};
  world.barrier();  // all at once, as in training
  own[0] = memory_rate(context.pool);
  world.barrier();
  own[1] = train::matrix_rate(context.stream, DType::f32);
  own[2] = link_rate(world, context.stream);
  own[3] = training_step(context.stream).status == Status::failed ? 0 : 1;
  std::vector<double> all(static_cast<std::size_t>(n_rates * world.size()));
  world.all_gather(context.stream, Tensor(own.data(), {n_rates}), Tensor(all.data(), {n_rates * world.size()}))
      .wait(context.stream);
  const std::vector<std::string> nodes = comm::all_texts(world, this_node());
  std::vector<RankRates> ranks;
  for (std::size_t r = 0; r < nodes.size(); ++r) {
    const double* rates = &all[r * n_rates];
    ranks.push_back({nodes[r], rates[0], rates[1], rates[2], rates[3] != 0});
  }
  return ranks;
}

// A node that is slow for a moment is not slow: the best of up to three measurements, while any falls behind.
std::vector<RankRates> measure(Context& context) {
  std::vector<RankRates> best = measure_once(context);
  for (int more = 0; more < 2 && !slow_nodes(best).empty(); ++more) {
    const std::vector<RankRates> again = measure_once(context);
    for (std::size_t r = 0; r < best.size(); ++r) {
      best[r].copy = std::max(best[r].copy, again[r].copy);
      best[r].product = std::max(best[r].product, again[r].product);
      best[r].link = std::max(best[r].link, again[r].link);
      best[r].healthy = best[r].healthy && again[r].healthy;
    }
  }
  return best;
}

}  // namespace

std::vector<std::string> slow_nodes(const std::vector<RankRates>& ranks) {
  struct Rate {
    double RankRates::*value;
    const char *name, *unit;
  };
  const std::array<Rate, 3> rates{{{&RankRates::copy, "memory copy", "B/s"},
                                   {&RankRates::product, "product of matrices", "FLOP/s"},
                                   {&RankRates::link, "link", "B/s"}}};
  std::vector<std::string> slow;
  for (const auto& [value, name, unit] : rates) {
    std::vector<double> sorted;
    for (const RankRates& rank : ranks) sorted.push_back(rank.*value);
    std::ranges::sort(sorted);
    const double median = sorted.empty() ? 0 : sorted[sorted.size() / 2];  // of two the better
    for (const RankRates& rank : ranks) {
      if (rank.*value >= least_share * median) continue;
      slow.push_back(rank.node + " " + name + " " + human_count(rank.*value) + unit + ", " +
                     format_number(100 * rank.*value / median, 3) + " % of the median");
    }
  }
  return slow;
}

int run_among_ranks(const Options&, Context& context) {
  const std::vector<RankRates> ranks = measure(context);
  const std::vector<std::string> slow = slow_nodes(ranks);
  const bool healthy = std::ranges::all_of(ranks, &RankRates::healthy);
  if (context.mesh->rank() == 0 && context.json) {
    Json json{{"schema", "hearth.doctor.ranks/1"}, {"healthy", healthy}, {"slow", slow}};
    for (const RankRates& rank : ranks) {
      json["ranks"].push_back({{"node", rank.node},
                               {"copy_bytes_per_s", rank.copy},
                               {"product_flops_per_s", rank.product},
                               {"link_bytes_per_s", rank.link},
                               {"healthy", rank.healthy}});
    }
    std::printf("%s\n", dump_json(json).c_str());
  } else if (context.mesh->rank() == 0) {
    TextTable table({"rank", "node", "memory copy", "product", "link", "training step"});
    for (std::size_t r = 0; r < ranks.size(); ++r) {
      table.add({std::to_string(r), ranks[r].node, human_count(ranks[r].copy) + "B/s",
                 human_count(ranks[r].product) + "FLOP/s", human_count(ranks[r].link) + "B/s",
                 ranks[r].healthy ? "ok" : "FAILED"});
    }
    std::fputs(table.text().c_str(), stdout);
    for (const std::string& each : slow) std::printf("slow: %s\n", each.c_str());
    for (const RankRates& rank : ranks) {
      if (!rank.healthy) std::printf("wrong: %s trains otherwise than the reference\n", rank.node.c_str());
    }
  }
  if (!healthy) return static_cast<int>(Kind::unavailable);
  return slow.empty() ? 0 : static_cast<int>(Kind::no);
}

}  // namespace hearth::tools::doctor
