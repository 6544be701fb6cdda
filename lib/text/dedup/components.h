// SPDX-License-Identifier: Apache-2.0
// Connected components of a graph whose edges lie with many ranks: each rank joins what its own edges join, then all
// together by the alternation of large-star and small-star steps (Kiveris, Lattanzi, Mirrokni, Rastogi and
// Vassilvitskii, "Connected components in MapReduce and beyond", SOCC 2014), each of which points the neighbours of a
// vertex to the least of them: a few rounds, whatever the shape of the component. Four bytes a vertex of all ranks
// while these fit a quarter of the memory; where they do not, edges lie on disk.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "lib/comm/exchange.h"
#include "lib/text/dedup/spill.h"

namespace hearth::text::dedup {

struct Edge {
  std::uint64_t from = 0, to = 0;  // after joining, to is the least vertex of the component
  std::uint64_t key() const { return from; }
  auto operator<=>(const Edge&) const = default;
};

class Components {
 public:
  // Of n_vertices, those of all ranks.
  Components(std::uint64_t n_vertices, std::uint64_t memory_bytes, const std::filesystem::path& folder);
  void join(std::uint64_t a, std::uint64_t b);

  // Collective, once. Each rank gets the vertices it holds by the numbering that have an edge, with the least of their
  // component (that one too, with itself), ascending. use may be collective, if all ranks wait at its end. Throws
  // Error{stopped} on all when any was asked to stop.
  void for_each_star(comm::Communicator& world, const comm::Numbering& vertices,
                     const std::function<void(const Edge&)>& use);

 private:
  std::uint64_t first_of(std::uint64_t vertex);
  void contract();
  void spill();
  void for_each_own_star(const std::function<void(const Edge&)>& use);

  std::uint64_t n_vertices_, memory_bytes_;
  std::filesystem::path folder_;
  std::vector<std::uint32_t> parents_;  // of all vertices, or none: then edges
  std::vector<Edge> edges_;
  std::unique_ptr<SpillFile> spilled_;  // edges
};

}  // namespace hearth::text::dedup
