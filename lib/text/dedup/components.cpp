// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/components.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "lib/text/dedup/spill.h"

namespace hearth::text::dedup {
namespace {

constexpr std::size_t least_contraction = 1u << 20;  // edges

void sort_unique(std::vector<Edge>& edges) {
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
}

// Each edge at the owner of the vertex it is from, sorted.
std::vector<Edge> at_owners(comm::Communicator& world, const std::vector<Edge>& edges) {
  std::vector<std::vector<Edge>> outgoing(static_cast<std::size_t>(world.size()));
  for (const Edge& edge : edges) outgoing[owner_of(edge.from, world.size())].push_back(edge);
  std::vector<Edge> mine = comm::exchanged(world, std::move(outgoing)).records;
  sort_unique(mine);
  return mine;
}

template <class Visit>
void for_each_vertex(const std::vector<Edge>& edges, const Visit& visit) {
  for (std::size_t begin = 0, end = 0; begin < edges.size(); begin = end) {
    while (end < edges.size() && edges[end].from == edges[begin].from) ++end;
    visit(edges[begin].from, std::span(edges).subspan(begin, end - begin));
  }
}

// Larger neighbours go to the least of a vertex and its neighbours. True when something moved.
bool large_star(comm::Communicator& world, std::vector<Edge>& edges) {
  std::vector<Edge> both = edges;
  for (const Edge& edge : edges) both.push_back({edge.to, edge.from});
  edges.clear();
  bool moved = false;
  for_each_vertex(at_owners(world, both), [&](std::uint64_t vertex, std::span<const Edge> neighbours) {
    const std::uint64_t least = std::min(vertex, neighbours.front().to);
    for (const Edge& edge : neighbours) {
      if (edge.to <= vertex) continue;
      edges.push_back({edge.to, least});
      moved = moved || least != vertex;
    }
  });
  return moved;
}

// A vertex and its smaller neighbours go to the least of them.
bool small_star(comm::Communicator& world, std::vector<Edge>& edges) {
  for (Edge& edge : edges) edge = {std::max(edge.from, edge.to), std::min(edge.from, edge.to)};
  const std::vector<Edge> mine = at_owners(world, edges);
  edges.clear();
  bool moved = false;
  for_each_vertex(mine, [&](std::uint64_t vertex, std::span<const Edge> neighbours) {
    const std::uint64_t least = neighbours.front().to;
    edges.push_back({vertex, least});
    for (const Edge& edge : neighbours.subspan(1)) edges.push_back({edge.to, least});
    moved = moved || neighbours.size() > 1;
  });
  return moved;
}

}  // namespace

void Components::join(std::uint64_t a, std::uint64_t b) {
  edges_.push_back({std::max(a, b), std::min(a, b)});
  if (edges_.size() >= 2 * n_contracted_ + least_contraction) contract();
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
  n_contracted_ = edges_.size();
}

std::vector<Edge> Components::stars(comm::Communicator& world, const comm::Numbering& vertices) {
  contract();
  for (bool moved = world.size() > 1; moved;) {
    const bool large = large_star(world, edges_), small = small_star(world, edges_);
    moved = comm::summed(world, {large || small})[0] > 0;
  }
  std::vector<std::vector<Edge>> outgoing(static_cast<std::size_t>(world.size()));
  const auto holder = [&](std::uint64_t vertex) { return static_cast<std::size_t>(vertices.holder(vertex)); };
  for (const Edge& edge : edges_) {
    outgoing[holder(edge.from)].push_back(edge);
    outgoing[holder(edge.to)].push_back({edge.to, edge.to});
  }
  edges_ = {};
  std::vector<Edge> held = comm::exchanged(world, std::move(outgoing)).records;
  sort_unique(held);
  return held;
}

}  // namespace hearth::text::dedup
