// SPDX-License-Identifier: Apache-2.0
#include "lib/optim/assembly.h"

#include <algorithm>
#include <numeric>

namespace hearth::optim {

Assembly::Assembly(const std::vector<nn::ParameterSpec>& specs, const std::vector<nn::RowRange>& rows, int rank,
                   int n_ranks, Arena& arena)
    : specs_(specs), rank_(rank), n_ranks_(n_ranks), pieces_(static_cast<std::size_t>(n_ranks)) {
  std::vector<nn::Cuttable> cuttable(specs.size());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const nn::ParameterSpec& spec = specs[i];
    if (spec.role != nn::Role::matrix || spec.split == nn::Split::none) continue;
    cuttable[i] = {.rows = rows[i].count,
                   .together = nn::rows_of_whole_matrices(spec),
                   .row_elements = static_cast<double>(spec.shape.n_elements() / spec.shape[0])};
  }
  const std::vector<std::vector<nn::RowRange>> owners = nn::cut(cuttable, n_ranks);
  for (int owner = 0; owner < n_ranks; ++owner) {
    for (std::size_t i = 0; i < specs.size(); ++i) {
      const nn::RowRange own = owners[static_cast<std::size_t>(owner)][i];
      if (own.count == 0) continue;
      const nn::ParameterSpec& spec = specs[i];
      // Rows grow with the whole where axis 0 is what is cut.
      const std::int64_t factor = spec.split == nn::Split::rows && spec.shape.rank() == 2 ? n_ranks : 1;
      const std::int64_t first = rows[i].first + own.first;
      pieces_[static_cast<std::size_t>(owner)].push_back(
          {.parameter = i,
           .part_rows = own,
           .whole_rows = {spec.first_matrix * spec.whole[0] / spec.n_whole_matrices + first * factor,
                          own.count * factor},
           .whole = nn::with_rows(spec.whole, own.count * factor),
           .n_matrices = spec.n_matrices * own.count / spec.shape[0]});
    }
  }
  const std::vector<std::int64_t> elements = elements_by_owner();
  parts_ = arena.allocate(DType::f32, {std::accumulate(elements.begin(), elements.end(), std::int64_t{0})});
  slices_ = arena.allocate(DType::f32, {n_ranks * elements[static_cast<std::size_t>(rank)]});
}

std::int64_t Assembly::part_elements(const Piece& piece) const {
  return piece.whole.n_elements() / n_ranks_;
}

std::vector<std::int64_t> Assembly::elements_by_owner() const {
  std::vector<std::int64_t> elements;
  for (const std::vector<Piece>& pieces : pieces_) {
    elements.push_back(0);
    for (const Piece& piece : pieces) elements.back() += part_elements(piece);
  }
  return elements;
}

// copy(rows of this rank's part, where they lie among parts_)
template <class Copy>
void Assembly::for_parts(const std::vector<Tensor>& parts, const Copy& copy) const {
  std::int64_t at = 0;
  for (const std::vector<Piece>& pieces : pieces_) {
    for (const Piece& piece : pieces) {
      const Tensor rows = parts[piece.parameter].rows(piece.part_rows.first, piece.part_rows.count);
      copy(rows, parts_.rows(at, rows.n_elements()).reshaped(rows.shape));
      at += rows.n_elements();
    }
  }
}

// copy(rows of whole matrices, the same one after another within slices_, bytes of each, how many)
template <class Copy>
void Assembly::for_slices(const std::vector<Tensor>& wholes, const Copy& copy) const {
  std::byte* slice = slices_.data;
  for (int rank = 0; rank < n_ranks_; ++rank) {
    for (std::size_t i = 0; i < pieces().size(); ++i) {
      const Piece& piece = pieces()[i];
      const std::int64_t columns = piece.whole[-1], rows = piece.whole.n_elements() / columns / piece.n_matrices;
      const bool by_rows = specs_[piece.parameter].split == nn::Split::rows;
      const auto bytes = [](std::int64_t elements) { return static_cast<std::size_t>(elements) * sizeof(float); };
      const std::size_t run = bytes(by_rows ? rows / n_ranks_ * columns : columns / n_ranks_);
      const auto n_runs = static_cast<std::size_t>(by_rows ? piece.n_matrices : piece.n_matrices * rows);
      copy(Stream::Rows{wholes[i].data + static_cast<std::size_t>(rank) * run,
                        bytes(by_rows ? rows * columns : columns)},
           Stream::Rows{slice, run}, run, n_runs);
      slice += run * n_runs;
    }
  }
}

void Assembly::gather(comm::Communicator& group, Stream& stream, const std::vector<Tensor>& parts,
                      const std::vector<Tensor>& wholes) const {
  for_parts(parts, [&](const Tensor& part, const Tensor& sent) { stream.copy(part, sent); });
  const std::vector<std::int64_t> send = elements_by_owner();
  const std::vector<std::int64_t> receive(send.size(), send[static_cast<std::size_t>(rank_)]);
  group.all_to_all(stream, parts_, send, slices_, receive).wait(stream);
  for_slices(wholes, [&](const Stream::Rows& whole, const Stream::Rows& slice, std::size_t bytes, std::size_t n) {
    stream.copy_rows(slice, whole, bytes, n);
  });
}

void Assembly::scatter(comm::Communicator& group, Stream& stream, const std::vector<Tensor>& wholes,
                       const std::vector<Tensor>& parts) const {
  for_slices(wholes, [&](const Stream::Rows& whole, const Stream::Rows& slice, std::size_t bytes, std::size_t n) {
    stream.copy_rows(whole, slice, bytes, n);
  });
  const std::vector<std::int64_t> receive = elements_by_owner();
  const std::vector<std::int64_t> send(receive.size(), receive[static_cast<std::size_t>(rank_)]);
  group.all_to_all(stream, slices_, send, parts_, receive).wait(stream);
  for_parts(parts, [&](const Tensor& part, const Tensor& received) { stream.copy(received, part); });
}

}  // namespace hearth::optim
