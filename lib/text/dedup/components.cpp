// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/components.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "lib/base/signals.h"
#include "lib/text/dedup/record_groups.h"

namespace hearth::text::dedup {
namespace {

constexpr std::size_t fewest_edges = 1024;  // in memory

// Breaks off when a stop is asked for, as for_each_sorted does.
template <class Use>
void for_each_edge(const SpillFile& edges, const Use& use) {
  std::vector<Edge> some(4096);
  for (std::uint64_t at = 0; at < edges.size() && !stop_requested();) {
    some.resize(std::min<std::uint64_t>(some.size(), (edges.size() - at) / sizeof(Edge)));
    edges.read(at, std::as_writable_bytes(std::span(some)));
    for (const Edge& edge : some) use(edge);
    at += some.size() * sizeof(Edge);
  }
}

// One step over the edges of all ranks, on disk.
class Step {
 public:
  Step(comm::Communicator& world, std::uint64_t n_vertices, std::uint64_t memory_bytes,
       const std::filesystem::path& folder)
      : world_(world),
        n_vertices_(n_vertices),
        memory_bytes_(memory_bytes / 4),
        folder_(folder),
        sorted_(folder, sizeof(Edge), memory_bytes_),
        shuffle_(world, memory_bytes_, [this](std::span<const Edge> edges) {
          for (const Edge& edge : edges) sorted_.append(partition_of(edge.from, n_vertices_), &edge);
        }) {}

  void send(std::size_t rank, const Edge& edge) { shuffle_.send(rank, edge); }
  void send_to_owner(const Edge& edge) { send(owner_of(edge.from, world_.size()), edge); }
  void finish_sending() { shuffle_.finish(); }
  // Each once, ascending.
  template <class Use>
  void for_each(const Use& use) {
    std::optional<Edge> last;
    for_each_sorted<Edge>(sorted_, folder_, memory_bytes_, [&](const Edge& edge) {
      if (edge != last) use(edge);
      last = edge;
    });
  }

 private:
  comm::Communicator& world_;
  std::uint64_t n_vertices_, memory_bytes_;
  std::filesystem::path folder_;
  PartitionedBytes sorted_;
  Shuffle<Edge, std::function<void(std::span<const Edge>)>> shuffle_;
};

// Larger neighbours go to the least of a vertex and its neighbours. True when something moved.
bool large_star(Step& step, const SpillFile& edges, SpillFile& moved_edges) {
  for_each_edge(edges, [&](const Edge& edge) {
    step.send_to_owner(edge);
    step.send_to_owner({edge.to, edge.from});
  });
  step.finish_sending();
  bool moved = false;
  Edge least{std::numeric_limits<std::uint64_t>::max(), 0};  // of the vertex at hand
  step.for_each([&](const Edge& edge) {
    if (edge.from != least.from) least = {edge.from, std::min(edge.from, edge.to)};
    if (edge.to <= edge.from) return;
    moved_edges.append(Edge{edge.to, least.to});
    moved = moved || least.to != edge.from;
  });
  return moved;
}

// A vertex and its smaller neighbours go to the least of them.
bool small_star(Step& step, const SpillFile& edges, SpillFile& moved_edges) {
  for_each_edge(edges, [&](const Edge& edge) {
    step.send_to_owner({std::max(edge.from, edge.to), std::min(edge.from, edge.to)});
  });
  step.finish_sending();
  bool moved = false;
  Edge least{std::numeric_limits<std::uint64_t>::max(), 0};
  step.for_each([&](const Edge& edge) {
    const bool is_least = edge.from != least.from;
    if (is_least) least = edge;
    moved_edges.append(is_least ? edge : Edge{edge.to, least.to});
    moved = moved || !is_least;
  });
  return moved;
}

}  // namespace

Components::Components(std::uint64_t n_vertices, std::uint64_t memory_bytes, const std::filesystem::path& folder)
    : n_vertices_(n_vertices), memory_bytes_(memory_bytes), folder_(folder) {
  const bool fit =
      n_vertices <= std::numeric_limits<std::uint32_t>::max() && n_vertices * sizeof(std::uint32_t) <= memory_bytes / 4;
  if (!fit) return;
  parents_.resize(n_vertices);
  std::iota(parents_.begin(), parents_.end(), 0u);
}

std::uint64_t Components::first_of(std::uint64_t vertex) {
  while (parents_[vertex] != vertex) vertex = parents_[vertex] = parents_[parents_[vertex]];
  return vertex;
}

void Components::join(std::uint64_t a, std::uint64_t b) {
  if (!parents_.empty()) {
    const std::uint64_t first = first_of(a), other = first_of(b);
    parents_[std::max(first, other)] = static_cast<std::uint32_t>(std::min(first, other));
    return;
  }
  // Joining takes three times the bytes of the edges.
  const std::size_t most = std::max<std::size_t>(fewest_edges, memory_bytes_ / 4 / (4 * sizeof(Edge)));
  edges_.push_back({std::max(a, b), std::min(a, b)});
  if (edges_.size() < most) return;
  contract();
  if (edges_.size() >= most / 2) spill();
}

// As many edges as vertices at most: each to the least that it is joined to here.
void Components::contract() {
  std::vector<std::uint64_t> vertices;
  for (const Edge& edge : edges_) vertices.push_back(edge.from), vertices.push_back(edge.to);
  std::sort(vertices.begin(), vertices.end());
  vertices.erase(std::unique(vertices.begin(), vertices.end()), vertices.end());
  const auto place = [&](std::uint64_t vertex) {
    return static_cast<std::size_t>(std::lower_bound(vertices.begin(), vertices.end(), vertex) - vertices.begin());
  };
  std::vector<std::size_t> parents(vertices.size());
  std::iota(parents.begin(), parents.end(), std::size_t{0});
  const auto first_of = [&](std::size_t i) {
    while (parents[i] != i) i = parents[i] = parents[parents[i]];
    return i;
  };
  for (const Edge& edge : edges_) {
    const std::size_t a = first_of(place(edge.from)), b = first_of(place(edge.to));
    parents[std::max(a, b)] = std::min(a, b);
  }
  edges_.clear();
  for (std::size_t i = 0; i < vertices.size(); ++i) {
    if (const std::size_t first = first_of(i); first != i) edges_.push_back({vertices[i], vertices[first]});
  }
}

void Components::spill() {
  if (!spilled_) spilled_ = std::make_unique<SpillFile>(folder_);
  for (const Edge& edge : edges_) spilled_->append(edge);
  edges_ = {};
}

// Of one rank, whose vertices are all in memory.
void Components::for_each_own_star(const std::function<void(const Edge&)>& use) {
  std::vector<bool> joined(n_vertices_);
  for (std::uint64_t vertex = 0; vertex < n_vertices_; ++vertex) {
    if (const std::uint64_t first = first_of(vertex); first != vertex) joined[first] = joined[vertex] = true;
  }
  for (std::uint64_t vertex = 0; vertex < n_vertices_; ++vertex) {
    if (joined[vertex]) use({vertex, first_of(vertex)});
  }
}

void Components::for_each_star(comm::Communicator& world, const comm::Numbering& vertices,
                               const std::function<void(const Edge&)>& use) {
  if (world.size() == 1 && !parents_.empty()) return for_each_own_star(use);
  for (std::uint64_t vertex = 0; vertex < parents_.size(); ++vertex) {
    if (const std::uint64_t first = first_of(vertex); first != vertex) edges_.push_back({vertex, first});
    if (edges_.size() >= fewest_edges) spill();
  }
  parents_ = {};
  spill();
  std::unique_ptr<SpillFile> edges = std::move(spilled_);
  for (bool moved = true; moved;) {
    auto large = std::make_unique<SpillFile>(folder_), small = std::make_unique<SpillFile>(folder_);
    Step first(world, n_vertices_, memory_bytes_, folder_);
    moved = large_star(first, *edges, *large);
    Step second(world, n_vertices_, memory_bytes_, folder_);
    moved = small_star(second, *large, *small) || moved;
    moved = any_of(world, moved);
    edges = std::move(small);
  }
  Step last(world, n_vertices_, memory_bytes_, folder_);
  for_each_edge(*edges, [&](const Edge& edge) {
    last.send(static_cast<std::size_t>(vertices.holder(edge.from)), edge);
    last.send(static_cast<std::size_t>(vertices.holder(edge.to)), {edge.to, edge.to});
  });
  last.finish_sending();
  edges.reset();
  last.for_each(use);
}

}  // namespace hearth::text::dedup
