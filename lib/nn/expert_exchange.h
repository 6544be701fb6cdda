// SPDX-License-Identifier: Apache-2.0
// Expert parallelism: a layer's experts lie on the ranks of the expert group, equally many on each, in order. Rows (a
// token for one of its experts) go to the rank of their expert, and what it made of them comes back. Where more come to
// a rank than it has room for (Pass::expert_headroom), they come in rounds: the first is as ever, the rows of the
// others are computed and forgotten. Every rank knows all counts, so all make as many rounds.
#pragma once
#include <memory>
#include <vector>

#include "lib/nn/config.h"
#include "lib/nn/pass.h"

namespace hearth::nn {

class ExpertExchange {
 public:
  ExpertExchange(const Moe& shape, const Parallel& parallel);

  // Of the rows that came here in one round.
  struct Saved {
    Tensor rows;        // [room, hidden] as they came: by rank, then by expert
    Tensor row_of;      // [room, 1] i32: where each of them stands when sorted by expert
    Tensor arrived_of;  // [room] i32: its inverse
    Tensor offsets;     // [own experts + 1] i32: where each expert's rows start when sorted
    Tensor row_weight;  // [room] f32, sorted
  };
  Saved allocate(const Pass& pass) const;
  // How many rows each rank has for each expert: where the kernels reach it and on the host, there once known.
  struct Counts {
    Tensor all;  // [ranks, experts] i32
    std::shared_ptr<std::vector<std::int32_t>> on_host;
  };
  // known: of a pass that is computed again, or none.
  Counts allocate_counts(const Pass& pass, const Counts& known) const;
  // Rows that a rank has room for: headroom times the mean, at most what can come, every token of every rank to as many
  // of the experts here as it may choose.
  std::int64_t room(const Pass& pass) const { return room(pass.most_tokens, pass.expert_headroom); }
  std::int64_t room(std::int64_t most_tokens, double headroom) const;
  bool may_overflow(const Pass& pass) const { return room(pass) < most_rows(pass.most_tokens); }

  // own [experts] i32: this rank's rows for each. A device is asked for all counts by count, and waited for by know:
  // the one wait of a pass, of a layer. Not when they are known.
  void count(const Pass& pass, const Tensor& own, const Counts& counts) const;
  void know(const Pass& pass, const Counts& counts) const;
  int n_rounds(const Pass& pass, const Counts& counts) const;

  // One round of a pass.
  struct Round {
    const Counts& counts;
    int number;
  };
  std::int64_t n_arrived(const Pass& pass, const Round& round) const;  // rows
  // rows [tokens * k, hidden] and row_weight of each, sorted by expert as kernels::moe_sort has them, to the ranks of
  // their experts; both must stay until arrive. In between there is time for other work.
  struct UnderWay {
    std::vector<comm::Pending> pending;
    Tensor arrived_weights;
  };
  UnderWay depart(const Pass& pass, const Round& round, const Tensor& rows, const Tensor& row_weight,
                  const Saved& saved) const;
  void arrive(const Pass& pass, const Round& round, UnderWay& under_way, const Saved& saved) const;

  // sorted [room, hidden], one for each that came; rows [tokens * k, hidden]: back where they came from. scratch is
  // like sorted.
  void give_back(const Pass& pass, const Round& round, const Tensor& sorted, const Tensor& scratch, const Saved& saved,
                 const Tensor& rows) const;
  // The same of one number a row, [room] and [tokens * k] f32.
  void give_back_weights(const Pass& pass, const Round& round, const Tensor& sorted, const Saved& saved,
                         const Tensor& rows) const;
  // Gradients of what was given back, in the order they come in: [room, hidden]. There once waited for.
  std::vector<comm::Pending> take_gradients(const Pass& pass, const Round& round, const Tensor& d_rows,
                                            const Tensor& d_arrived) const;

 private:
  std::int64_t most_rows(std::int64_t most_tokens) const;
  using Runs = std::vector<comm::Piece>;
  // Of the rows that go from one rank to another in a round, which of all that do; the rounds of a rank fill up by
  // rank, then by expert.
  comm::Piece in_round(const Pass& pass, const Round& round, int from, int to) const;
  std::int64_t count_of(const Counts& counts, int from, int to) const;
  Runs sent(const Pass& pass, const Round& round) const;      // runs of the rows of this rank, for each rank
  Runs received(const Pass& pass, const Round& round) const;  // and of the rows that come, from each
  static std::int64_t total(const Runs& runs);
  void transfer(const Pass& pass, const Round& round, const Tensor& from, const Runs& out, const Tensor& to,
                const Runs& in, std::vector<comm::Pending>& pending) const;

  std::int64_t experts_, own_experts_, k_;
  const Parallel& parallel_;
};

}  // namespace hearth::nn
