// SPDX-License-Identifier: Apache-2.0
// Connected components of a graph whose edges lie with many ranks: each rank joins what its own edges join, then all
// together by the alternation of large-star and small-star steps (Kiveris, Lattanzi, Mirrokni, Rastogi and
// Vassilvitskii, "Connected components in MapReduce and beyond", SOCC 2014), each of which points the neighbours of a
// vertex to the least of them: a few rounds, whatever the shape of the component.
#pragma once
#include <cstdint>
#include <vector>

#include "lib/comm/exchange.h"

namespace hearth::text::dedup {

struct Edge {
  std::uint64_t from = 0, to = 0;  // after joining, to is the least vertex of the component
  auto operator<=>(const Edge&) const = default;
};

class Components {
 public:
  void join(std::uint64_t a, std::uint64_t b);

  // Collective, once. Each rank gets the vertices it holds by the numbering that have an edge, with the least of their
  // component (that one too, with itself), ascending.
  std::vector<Edge> stars(comm::Communicator& world, const comm::Numbering& vertices);

 private:
  void contract();

  std::vector<Edge> edges_;
  std::size_t n_contracted_ = 0;
};

}  // namespace hearth::text::dedup
