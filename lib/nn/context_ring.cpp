// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/context_ring.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "kernels/elementwise.h"
#include "lib/nn/context_runs.h"
#include "lib/nn/feed.h"

namespace hearth::nn {
namespace {

using comm::Piece;

// The microbatch as all ranks know it.
class Plan {
 public:
  Plan(const Pass& pass, const kernels::AttentionMask& mask)
      : starts_(pass.host_batch.cu_seqlens.span<std::int32_t>()), mask_(mask), ranks_(pass.parallel.shape.context) {
    for (int rank = 0; rank < ranks_; ++rank) runs_.push_back(runs_of(pass.batch_tokens, rank, ranks_, true));
  }

  const std::array<Piece, 2>& runs(int rank) const { return runs_[static_cast<std::size_t>(rank)]; }

  // What queries of a run see of a run of another chunk before it: to that one's end, of the document that lies in
  // both.
  Piece seen(const Piece& queries, const Piece& keys) const {
    if (queries.count == 0 || keys.count == 0 || keys.begin >= queries.begin) return {};
    const std::int64_t begin = *(std::ranges::upper_bound(starts_, queries.begin) - 1);
    // The first query sees furthest back.
    const std::int64_t first_query = queries.begin - begin, key_end = keys.begin + keys.count;
    std::int64_t from = std::max(keys.begin, begin);
    if (mask_.window > 0) from = std::max(from, queries.begin - mask_.window + 1);
    if (mask_.chunk > 0) from = std::max(from, begin + first_query / mask_.chunk * mask_.chunk);
    if (from >= key_end) return {};
    return {from, key_end - from};
  }
  // Of a run of another rank what any query of `rank` sees.
  Piece needed(int rank, const Piece& keys) const {
    Piece all{keys.begin + keys.count, 0};
    for (const Piece& run : runs(rank)) {
      const Piece some = seen(run, keys);
      if (some.count > all.count) all = some;
    }
    return all;
  }

 private:
  std::span<const std::int32_t> starts_;
  kernels::AttentionMask mask_;
  int ranks_;
  std::vector<std::array<Piece, 2>> runs_;
};

// Keys and values, or their gradients, of some tokens.
struct Pair {
  Tensor k, v;
  Pair rows(std::int64_t begin, std::int64_t count) const { return {k.rows(begin, count), v.rows(begin, count)}; }
};

std::int64_t most_tokens(const Pass& pass) {
  return comm::piece_of(pass.batch_tokens, 0, pass.parallel.shape.context).count;
}
Pair allocate_pair(const Pass& pass, DType dtype, std::int64_t tokens, const RingAttention& like) {
  return {pass.arena.allocate(dtype, {tokens, like.k.shape[1], like.k.shape[2]}),
          pass.arena.allocate(dtype, {tokens, like.v.shape[1], like.v.shape[2]})};
}

// One rank's way through the steps.
class Ring {
 public:
  Ring(const Pass& pass, const RingAttention& args)
      : pass_(pass), args_(args), ranks_(pass.parallel.shape.context), rank_(pass.parallel.at.context) {
    for (Pair& slot : slots_) slot = allocate_pair(pass, pass.dtype, most_tokens(pass), args);
    if (!pass.measures()) plan_.emplace(pass, args.mask);
  }

  // body(rank, runs, keys): the runs of that rank's keys that are here, which lie in `keys` one after the other.
  template <class Body>
  void rotate(const Body& body) {
    start(1);
    for (int step = 0; step < ranks_; ++step) {
      if (step > 0) {
        for (comm::Pending& each : pending_) each.wait(pass_.on());
        pending_.clear();
        start(step + 1);
      }
      if (step == 0) {
        body(rank_, plan_->runs(rank_), Pair{args_.k, args_.v});
      } else {
        const int of = (rank_ + ranks_ - step) % ranks_;
        body(of, here_[step % 2], slots_[step % 2]);
      }
    }
  }
  const Plan& plan() const { return *plan_; }

  // Of rank `of` what queries of `by` need.
  std::array<Piece, 2> needed(int by, int of) const {
    const std::array<Piece, 2>& runs = plan_->runs(of);
    return {plan_->needed(by, runs[0]), plan_->needed(by, runs[1])};
  }
  // Where a key of one's own lies among the rank's tokens.
  static std::int64_t place_of(std::int64_t key, const std::array<Piece, 2>& runs) {
    if (key >= runs[0].begin && key < runs[0].begin + runs[0].count) return key - runs[0].begin;
    return runs[0].count + key - runs[1].begin;
  }

  // Messages of both tensors: rows of `from` to one rank, rows of `to` from another.
  void exchange(std::vector<comm::Pending>& pending, const Pair& from, int to_rank, const Pair& to,
                int from_rank) const {
    comm::Communicator& group = pass_.parallel.mesh->context();
    const auto one = [&](const Tensor& out, const Tensor& in) {
      const bool sends = out && out.shape[0] > 0, receives = in && in.shape[0] > 0;
      if (!sends && !receives) return;
      pending.push_back(group.exchange(pass_.on(), sends ? out : Tensor{}, sends ? to_rank : -1,
                                       receives ? in : Tensor{}, receives ? from_rank : -1));
    };
    one(from.k, to.k);
    one(from.v, to.v);
  }

 private:
  // The keys of a step on their way.
  void start(int step) {
    if (step >= ranks_) return;
    const int to = (rank_ + step) % ranks_, from = (rank_ + ranks_ - step) % ranks_;
    const std::array<Piece, 2> out = needed(to, rank_), in = needed(rank_, from);
    here_[step % 2] = in;
    const Pair own{args_.k, args_.v};
    for (std::size_t run = 0; run < 2; ++run) {
      const std::int64_t at = out[run].count > 0 ? place_of(out[run].begin, plan_->runs(rank_)) : 0;
      exchange(pending_, own.rows(at, out[run].count), to,
               slots_[step % 2].rows(run == 0 ? 0 : in[0].count, in[run].count), from);
    }
  }

  const Pass& pass_;
  const RingAttention& args_;
  int ranks_, rank_;
  std::optional<Plan> plan_;
  std::array<Pair, 2> slots_;
  std::array<std::array<Piece, 2>, 2> here_;  // what of a rank's runs is in each slot
  std::vector<comm::Pending> pending_;
};

// Which part of each document the queries and the keys of a call are, where the kernels reach it.
class Cut {
 public:
  explicit Cut(const Pass& pass) : pass_(pass) {
    std::int64_t sequences = pass.batch.cu_seqlens.n_elements() - 1;
    if (!pass.on_host()) sequences = Feed::padded_sequences(sequences);
    queries_ = pass.indices({sequences + 1});
    runs_ = {.key_seqlens = pass.indices({sequences + 1}),
             .first_query = pass.indices({sequences}),
             .first_key = pass.indices({sequences})};
  }
  // For the calls that follow.
  void set(const Piece& queries, const Piece& keys) const {
    kernels::attention_cut(pass_.on(), {.cu_seqlens = pass_.batch.cu_seqlens,
                                        .query_begin = queries.begin,
                                        .n_queries = queries.count,
                                        .key_begin = keys.begin,
                                        .n_keys = keys.count,
                                        .cu_queries = queries_,
                                        .runs = runs_});
  }
  const Tensor& queries() const { return queries_; }
  const kernels::AttentionRuns& runs() const { return runs_; }

 private:
  const Pass& pass_;
  Tensor queries_;
  kernels::AttentionRuns runs_;
};

// What a run of queries has of the tensors.
struct Queries {
  Piece run;
  std::int64_t begin;  // among the rank's tokens
  Tensor rows(const Tensor& x) const { return x.rows(begin, run.count); }
  Tensor lse(const Tensor& all, std::int64_t heads) const {
    return all.rows(begin * heads, run.count * heads).reshaped({heads, run.count});
  }
};
std::array<Queries, 2> queries_of(const Pass& pass) {
  return {Queries{pass.runs[0], 0}, Queries{pass.runs[1], pass.runs[0].count}};
}

// In f32 the tensor itself is added to; otherwise a copy in f32, taken before the first sum and given back at the end.
class Sums {
 public:
  Sums(const Pass& pass, const Tensor& x)
      : pass_(pass), x_(x), sums_(x.dtype == DType::f32 ? x : pass.floats(x.shape)) {}
  void take() const {
    if (sums_.data != x_.data) kernels::cast(pass_.on(), {.x = x_, .y = sums_});
  }
  void give() const {
    if (sums_.data != x_.data) kernels::cast(pass_.on(), {.x = sums_, .y = x_});
  }
  void add(std::int64_t begin, const Tensor& part) const {
    const Tensor to = sums_.rows(begin, part.shape[0]);
    kernels::add(pass_.on(), {.a = to, .b = part, .y = to});
  }
  const Tensor& tensor() const { return sums_; }

 private:
  const Pass& pass_;
  Tensor x_, sums_;
};

// each(queries, seen, its keys among those here) for every run of own queries that sees some.
template <class Each>
void for_seen(const Pass& pass, const Plan& plan, const std::array<Piece, 2>& runs, const Each& each) {
  for (const Queries& queries : queries_of(pass)) {
    for (std::size_t run = 0; run < 2; ++run) {
      const Piece seen = plan.seen(queries.run, runs[run]);
      if (seen.count > 0) each(queries, seen, (run == 0 ? 0 : runs[0].count) + seen.begin - runs[run].begin);
    }
  }
}

}  // namespace

void ring_attention(const Pass& pass, const RingAttention& args) {
  Arena::Scope scope(pass.arena);
  const std::int64_t heads = args.q.shape[1], most = (most_tokens(pass) + 1) / 2;
  const Sums o(pass, args.o);
  const Tensor part_o = pass.arena.allocate(pass.dtype, {most, heads, args.v.shape[2]});
  const Tensor part_lse = pass.floats({heads * most});
  const Cut cut(pass);
  Ring ring(pass, args);
  if (pass.measures()) return;
  const auto attention = [&](const Queries& queries, const Piece& run, const Pair& keys, const Tensor& to,
                             const Tensor& lse) {
    cut.set(queries.run, run);
    kernels::attention(pass.on(), {.q = queries.rows(args.q),
                                   .k = keys.k,
                                   .v = keys.v,
                                   .cu_seqlens = cut.queries(),
                                   .o = to,
                                   .lse = lse,
                                   .mask = args.mask,
                                   .scale = args.scale,
                                   .runs = cut.runs()});
  };
  ring.rotate([&](int rank, const std::array<Piece, 2>& runs, const Pair& keys) {
    if (rank == pass.parallel.at.context) {
      for (const Queries& queries : queries_of(pass)) {
        if (queries.run.count == 0) continue;
        attention(queries, queries.run, keys.rows(queries.begin, queries.run.count), queries.rows(args.o),
                  queries.lse(args.lse, heads));
      }
      o.take();
    }
    for_seen(pass, ring.plan(), runs, [&](const Queries& queries, const Piece& seen, std::int64_t at) {
      const Tensor to = part_o.rows(0, queries.run.count);
      const Tensor lse = part_lse.rows(0, heads * queries.run.count).reshaped({heads, queries.run.count});
      attention(queries, seen, keys.rows(at, seen.count), to, lse);
      kernels::attention_merge(
          pass.on(),
          {.o = queries.rows(o.tensor()), .lse = queries.lse(args.lse, heads), .part_o = to, .part_lse = lse});
    });
  });
  o.give();
}

void ring_attention_backward(const Pass& pass, const RingAttention& args, const Tensor& d_o, const Tensor& dq,
                             const Tensor& dk, const Tensor& dv) {
  Arena::Scope scope(pass.arena);
  const std::int64_t heads = args.q.shape[1], most = most_tokens(pass);
  const Sums all_dq(pass, dq), all_dk(pass, dk), all_dv(pass, dv);
  const Tensor part_dq = pass.arena.allocate(pass.dtype, {(most + 1) / 2, heads, args.q.shape[2]});
  const Pair part = allocate_pair(pass, pass.dtype, most, args);
  // Gradients for another rank's keys: on their way to it, and being made; those for this one's.
  const std::array<Pair, 2> out{allocate_pair(pass, pass.dtype, most, args),
                                allocate_pair(pass, pass.dtype, most, args)};
  const Pair in = allocate_pair(pass, pass.dtype, most, args);
  const std::array<Sums, 2> out_k{Sums(pass, out[0].k), Sums(pass, out[1].k)};
  const std::array<Sums, 2> out_v{Sums(pass, out[0].v), Sums(pass, out[1].v)};
  const Cut cut(pass);
  Ring ring(pass, args);
  if (pass.measures()) return;
  const auto backward = [&](const Queries& queries, const Piece& run, const Pair& keys, const Tensor& dq_rows,
                            const Pair& d) {
    cut.set(queries.run, run);
    kernels::attention_backward(pass.on(), {.q = queries.rows(args.q),
                                            .k = keys.k,
                                            .v = keys.v,
                                            .cu_seqlens = cut.queries(),
                                            .o = queries.rows(args.o),
                                            .lse = queries.lse(args.lse, heads),
                                            .d_o = queries.rows(d_o),
                                            .dq = dq_rows,
                                            .dk = d.k,
                                            .dv = d.v,
                                            .mask = args.mask,
                                            .scale = args.scale,
                                            .runs = cut.runs()});
  };

  // Gradients of own keys, from the rank `step` ahead.
  std::vector<comm::Pending> coming;
  std::array<Piece, 2> coming_runs;
  const auto receive = [&] {
    for (comm::Pending& each : coming) each.wait(pass.on());
    if (coming.empty()) return;
    coming.clear();
    for (std::size_t run = 0; run < 2; ++run) {
      if (coming_runs[run].count == 0) continue;
      const std::int64_t at = Ring::place_of(coming_runs[run].begin, pass.runs);
      const Pair some = in.rows(run == 0 ? 0 : coming_runs[0].count, coming_runs[run].count);
      all_dk.add(at, some.k);
      all_dv.add(at, some.v);
    }
  };
  int step = 0;
  const int ranks = pass.parallel.shape.context, own = pass.parallel.at.context;
  ring.rotate([&](int rank, const std::array<Piece, 2>& runs, const Pair& keys) {
    const auto slot = static_cast<std::size_t>(step % 2);
    const std::int64_t n_keys = runs[0].count + runs[1].count;
    if (step == 0) {
      for (const Queries& queries : queries_of(pass)) {
        if (queries.run.count == 0) continue;
        backward(queries, queries.run, keys.rows(queries.begin, queries.run.count), queries.rows(dq),
                 Pair{queries.rows(dk), queries.rows(dv)});
      }
      all_dq.take(), all_dk.take(), all_dv.take();
    } else {
      pass.on().zero(out_k[slot].tensor().rows(0, n_keys));
      pass.on().zero(out_v[slot].tensor().rows(0, n_keys));
    }
    const Sums &to_k = step == 0 ? all_dk : out_k[slot], &to_v = step == 0 ? all_dv : out_v[slot];
    for_seen(pass, ring.plan(), runs, [&](const Queries& queries, const Piece& seen, std::int64_t at) {
      const Tensor dq_rows = part_dq.rows(0, queries.run.count);
      const Pair d = part.rows(0, seen.count);
      backward(queries, seen, keys.rows(at, seen.count), dq_rows, d);
      all_dq.add(queries.begin, dq_rows);
      to_k.add(at, d.k);
      to_v.add(at, d.v);
    });
    if (step > 0) {
      out_k[slot].give(), out_v[slot].give();
      receive();
      const int from = (own + step) % ranks;
      coming_runs = ring.needed(from, own);
      for (std::size_t run = 0; run < 2; ++run)
        ring.exchange(coming, out[slot].rows(run == 0 ? 0 : runs[0].count, runs[run].count), rank,
                      in.rows(run == 0 ? 0 : coming_runs[0].count, coming_runs[run].count), from);
    }
    ++step;
  });
  receive();
  all_dq.give(), all_dk.give(), all_dv.give();
}

}  // namespace hearth::nn
