// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_sides.h"

#include <limits>

#include "lib/base/signals.h"
#include "lib/comm/mesh.h"
#include "lib/text/dedup/record_groups.h"

namespace hearth::tools::shard {
namespace {
constexpr std::uint64_t none = std::numeric_limits<std::uint64_t>::max();
}

std::optional<text::Group> group_of(const Stages& stages, const Judgement& judgement, std::uint64_t number,
                                    std::uint64_t row) {
  const std::uint8_t verdict = judgement.by_row[number];
  const std::size_t n_passed = verdict == Judgement::rejected_before ? 0
                               : verdict == Judgement::kept          ? stages.corpus.size()
                                                                     : verdict;
  std::optional<text::Group> group;
  for (std::size_t i = 0; i < n_passed && !group; ++i) group = stages.corpus[i]->group_of(row);
  return group;
}

Sides::Sides(std::uint64_t memory_bytes, const std::filesystem::path& folder)
    : memory_bytes_(memory_bytes), folder_(folder), stars_(folder), firsts_(folder), sides_(folder) {}

// The first row that is met of the repository: it stands for all of it. All its files lie with one rank.
std::uint64_t Sides::first_of_repository(const Row& row, std::uint64_t shared) {
  return repositories_.try_emplace({row.root, row.repository}, shared).first->second;
}

void Sides::find(const Spool& spool, const Stages& stages, const Judgement& judgement, const comm::Numbering& rows,
                 const text::SplitFractions& fractions, Context& context) {
  comm::Communicator& world = context.mesh->world();
  join(spool, stages, judgement, rows, context);
  std::uint64_t number = 0;
  for (std::size_t segment = 0; segment < spool.n_segments() && !stop_requested(); ++segment) {
    spool.for_each_row(segment, [&](const Row& row) {
      const auto star = stars_.find(rows.shared(number));
      if (star && star->first == star->row) {
        firsts_.append({number, row.reference ? static_cast<formats::Split>(row.reference_split)
                                              : text::choose_split(row.text_hash, context.seed, fractions)});
      }
      ++number;
    });
  }
  number = 0;
  for (std::size_t segment = 0; text::dedup::any_of(world, segment < spool.n_segments()); ++segment) {
    std::vector<Vertex> vertices;
    const auto add = [&](const Row& row) {
      const std::uint64_t shared = rows.shared(number);
      if (judgement.by_row[number] == Judgement::kept && !row.reference) {
        const auto group = group_of(stages, judgement, number, shared);
        if (!row.repository.empty()) {
          vertices.emplace_back(number, first_of_repository(row, shared));
        } else if (group) {
          vertices.emplace_back(number, group->first);
        }
      }
      ++number;
    };
    if (segment < spool.n_segments()) spool.for_each_row(segment, add);
    tell(vertices, rows, world);
  }
}

// A row without a repository joins its cluster itself: of one that begins with a repository's first row, no other may.
void Sides::join(const Spool& spool, const Stages& stages, const Judgement& judgement, const comm::Numbering& rows,
                 Context& context) {
  text::dedup::Components components(rows.n(), memory_bytes_, folder_);
  std::uint64_t number = 0;
  for (std::size_t segment = 0; segment < spool.n_segments() && !stop_requested(); ++segment) {
    spool.for_each_row(segment, [&](const Row& row) {
      const std::uint64_t shared = rows.shared(number);
      if (judgement.by_row[number] == Judgement::kept && !row.reference) {
        const std::uint64_t first = row.repository.empty() ? shared : first_of_repository(row, shared);
        if (const auto group = group_of(stages, judgement, number, shared)) components.join(first, group->first);
      }
      ++number;
    });
  }
  components.for_each_star(context.mesh->world(), rows, [&](const text::dedup::Edge& edge) {
    stars_.append({edge.from, edge.to});
  });
}

// Asks the holder of each vertex what decides about it, and the holder of that for its side. Collective.
void Sides::tell(const std::vector<Vertex>& vertices, const comm::Numbering& rows, comm::Communicator& world) {
  std::vector<std::uint64_t> asked;
  for (const auto& [number, vertex] : vertices) {
    if (asked.empty() || asked.back() != vertex) asked.push_back(vertex);
  }
  const auto firsts = comm::fetched<std::uint64_t>(world, rows, asked, [&](std::uint64_t own) {
    const auto star = stars_.find(rows.shared(own));
    return star ? star->first : none;
  });
  std::vector<std::uint64_t> known;
  for (const std::uint64_t first : firsts) {
    if (first != none) known.push_back(first);
  }
  const auto splits = comm::fetched<formats::Split>(world, rows, known,
                                                    [&](std::uint64_t own) { return firsts_.find(own).value().split; });
  std::size_t at = 0, at_known = 0;  // of the vertex at hand
  for (std::size_t i = 0; i < vertices.size(); ++i) {
    if (i > 0 && vertices[i].second != asked[at]) at_known += firsts[at++] == none ? 0 : 1;
    if (firsts[at] != none) sides_.append({vertices[i].first, splits[at_known]});
  }
}

std::optional<formats::Split> Sides::of(std::uint64_t number) const {
  const auto side = sides_.find(number);
  return side ? std::optional(side->split) : std::nullopt;
}

}  // namespace hearth::tools::shard
