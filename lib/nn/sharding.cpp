// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/sharding.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace hearth::nn {
namespace {

constexpr std::pair<std::string_view, Shard> names[] = {
    {"optimizer", Shard::optimizer}, {"gradients", Shard::gradients}, {"parameters", Shard::parameters}};

// Gives the ranks, one after another, what of a unit's parameters fits below `most` elements; whether all of it does.
// give(parameter, rank, rows)
template <class Give>
bool fill(const std::vector<Cuttable>& parameters, const std::vector<std::size_t>& unit, std::vector<double> elements,
          double most, const Give& give) {
  std::size_t rank = 0;
  for (const std::size_t i : unit) {
    const Cuttable& parameter = parameters[i];
    const double chunk = parameter.row_elements * static_cast<double>(parameter.together);
    for (std::int64_t row = 0; row < parameter.rows;) {
      const auto fit = static_cast<std::int64_t>(std::max(0.0, (most - elements[rank]) / chunk)) * parameter.together;
      const RowRange rows{row, std::min(fit, parameter.rows - row)};
      if (rows.count > 0) give(i, rank, rows);
      elements[rank] += static_cast<double>(rows.count) * parameter.row_elements;
      row += rows.count;
      if (row < parameter.rows && ++rank == elements.size()) return false;
    }
  }
  return true;
}

// Tables of the vocabulary may have a row less on the last tensor ranks, which cut like the first.
std::int64_t rows_of_first_tensor_rank(const ParameterSpec& spec) {
  const bool table = spec.role == Role::embedding || spec.role == Role::head;
  return table ? (spec.whole[0] + spec.n_parts - 1) / spec.n_parts : spec.shape[0];
}

Cuttable cuttable(const ParameterSpec& spec, bool whole_matrices) {
  // A matrix in parts is brought together whole, whatever steps it.
  const bool whole = spec.role == Role::matrix && (whole_matrices || spec.split != Split::none);
  return {rows_of_first_tensor_rank(spec), whole ? rows_of_whole_matrices(spec) : 1,
          static_cast<double>(spec.shape.n_elements() / spec.shape[0]), spec.unit};
}

}  // namespace

std::string_view name_of(Shard shard) {
  return names[static_cast<std::size_t>(shard)].first;
}

Shard shard_from_name(std::string_view name) {
  for (const auto& [known, shard] : names)
    if (known == name) return shard;
  throw Error(Kind::usage, "nothing named '" + std::string(name) + "' to shard: optimizer, gradients or parameters");
}

std::int64_t rows_of_whole_matrices(const ParameterSpec& spec) {
  const std::int64_t rows = spec.shape[0];
  return spec.n_matrices % rows == 0 ? 1 : rows / spec.n_matrices;  // several matrices a row, or several rows a matrix
}

RankAmong rank_among(const Parallel& parallel, Copies copies) {
  const int share = copies == Copies::expert_data ? parallel.shape.expert : 1;
  return {parallel.plane_rank() / share, parallel.plane_size() / share};
}

std::vector<std::vector<RowRange>> cut(const std::vector<Cuttable>& parameters, int n_ranks) {
  std::vector<std::vector<RowRange>> cuts(static_cast<std::size_t>(n_ranks), std::vector<RowRange>(parameters.size()));
  std::vector<double> elements(cuts.size());  // of each rank so far
  std::map<std::size_t, std::vector<std::size_t>> units;
  for (std::size_t i = 0; i < parameters.size(); ++i)
    if (parameters[i].rows > 0) units[parameters[i].unit].push_back(i);
  for (const auto& [_, unit] : units) {
    double low = 0, high = *std::ranges::max_element(elements);
    for (const std::size_t i : unit) high += static_cast<double>(parameters[i].rows) * parameters[i].row_elements;
    for (int i = 0; i < 60; ++i) {
      const double middle = (low + high) / 2;
      (fill(parameters, unit, elements, middle, [](auto&&...) {}) ? high : low) = middle;
    }
    const std::vector<double> before = elements;
    fill(parameters, unit, before, high, [&](std::size_t parameter, std::size_t rank, const RowRange& rows) {
      cuts[rank][parameter] = rows;
      elements[rank] += static_cast<double>(rows.count) * parameters[parameter].row_elements;
    });
  }
  return cuts;
}

Sharding::Sharding(const std::vector<ParameterSpec>& specs, const Parallel& parallel, bool whole_matrices)
    : rows_(specs.size()) {
  for (const ParameterSpec& spec : specs) copies_.push_back(spec.copies);
  for (std::size_t kind = 0; kind < n_copies; ++kind) {
    const auto copies = static_cast<Copies>(kind);
    std::vector<Cuttable> of_kind(specs.size());
    for (std::size_t i = 0; i < specs.size(); ++i)
      if (specs[i].copies == copies && specs[i].trainable()) of_kind[i] = cuttable(specs[i], whole_matrices);
    const std::vector<std::vector<RowRange>> cuts = cut(of_kind, rank_among(parallel, copies).n_ranks);
    for (std::size_t i = 0; i < specs.size(); ++i) {
      if (specs[i].copies != copies) continue;
      const std::int64_t rows = specs[i].shape[0];
      for (const std::vector<RowRange>& of_rank : cuts) {
        if (!specs[i].trainable()) {
          rows_[i].push_back({0, rows});
          continue;
        }
        const std::int64_t begin = std::min(of_rank[i].first, rows);
        rows_[i].push_back({begin, std::min(of_rank[i].first + of_rank[i].count, rows) - begin});
      }
    }
  }
}

Parallel fullest_rank(const std::vector<ParameterSpec>& specs, const Parallel& parallel, bool whole_matrices) {
  const Sharding sharding(specs, parallel, whole_matrices);
  const comm::MeshShape& shape = parallel.shape;
  Parallel fullest = parallel;
  std::int64_t most = -1;
  for (int plane = 0; plane < parallel.plane_size(); ++plane) {
    comm::Coordinates at = parallel.at;
    at.data = plane / shape.context, at.context = plane % shape.context, at.expert = plane % shape.expert;
    const Parallel there(shape, at);
    std::int64_t elements = 0;
    for (std::size_t i = 0; i < specs.size(); ++i)
      elements += sharding.rows(i, there).count * (specs[i].shape.n_elements() / specs[i].shape[0]);
    if (elements > most) most = elements, fullest = there;
  }
  return fullest;
}

}  // namespace hearth::nn
