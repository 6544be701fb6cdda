// SPDX-License-Identifier: Apache-2.0
#include "lib/comm/communicator.h"

#include <algorithm>
#include <numeric>

#include "lib/comm/checks.h"

namespace hearth::comm {
namespace {

class SelfCommunicator final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }

  Pending all_reduce(Stream&, const Tensor& data, Reduce) override {
    check_reducible(data);
    return {};
  }
  Pending reduce_scatter(Stream& stream, const Tensor& from, const Tensor& to, Reduce) override {
    check_reducible(from);
    return copy(stream, from, to);
  }
  Pending all_gather(Stream& stream, const Tensor& from, const Tensor& to) override { return copy(stream, from, to); }
  Pending reduce_pieces(Stream&, const Tensor& data, std::span<const std::int64_t> bounds, Reduce) override {
    check_reducible(data);
    check_bounds(data, bounds, 1);
    return {};
  }
  Pending gather_pieces(Stream&, const Tensor& data, std::span<const std::int64_t> bounds) override {
    check_bounds(data, bounds, 1);
    return {};
  }
  Pending all_to_all(Stream& stream, const Tensor& from, std::span<const std::int64_t> send_rows, const Tensor& to,
                     std::span<const std::int64_t> receive_rows) override {
    check_rows(from, send_rows, to, receive_rows, 1);
    HEARTH_CHECK(send_rows[0] == receive_rows[0], "a rank sends itself as much as it receives");
    if (send_rows[0] == 0) return {};
    return copy(stream, from.rows(0, send_rows[0]), to.rows(0, send_rows[0]));
  }
  Pending broadcast(Stream&, const Tensor&, int root) override {
    check_rank(root, 1);
    return {};
  }
  Pending exchange(Stream& stream, const Tensor& send, int to, const Tensor& receive, int from) override {
    HEARTH_CHECK((to >= 0) == (from >= 0), "the only rank sends to itself or not at all");
    if (to < 0) return {};
    check_rank(to, 1);
    return copy(stream, send, receive);
  }
  void barrier() override {}
  std::unique_ptr<Communicator> split(int color, int) override {
    return color < 0 ? nullptr : make_self_communicator();
  }
  Traffic traffic() const override { return {}; }

 private:
  static Pending copy(Stream& stream, const Tensor& from, const Tensor& to) {
    check_pieces(to, from, 1);
    if (from.data != to.data && from.bytes() > 0) stream.copy(from, to.reshaped(from.shape));
    return {};
  }
};

}  // namespace

std::unique_ptr<Communicator> make_self_communicator() {
  return std::make_unique<SelfCommunicator>();
}

Piece piece_of(std::int64_t n, int rank, int size) {
  const std::int64_t each = n / size, more = n % size;
  return {rank * each + std::min<std::int64_t>(rank, more), each + (rank < more ? 1 : 0)};
}

std::vector<std::int64_t> equal_bounds(std::int64_t n, int size) {
  std::vector<std::int64_t> bounds;
  for (int rank = 0; rank < size; ++rank) bounds.push_back(piece_of(n, rank, size).begin);
  bounds.push_back(n);
  return bounds;
}

void check_bounds(const Tensor& data, std::span<const std::int64_t> bounds, int size) {
  HEARTH_CHECK(bounds.size() == static_cast<std::size_t>(size) + 1 && bounds.front() == 0 &&
                   bounds.back() == data.n_elements() && std::ranges::is_sorted(bounds),
               "the pieces do not cover their tensor");
}

void check_reducible(const Tensor& data) {
  const DType type = data.dtype;
  HEARTH_CHECK(type == DType::f32 || type == DType::bf16 || type == DType::f64 || type == DType::i64,
               "no reduction of " + std::string(name_of(type)));
}

void check_pieces(const Tensor& whole, const Tensor& piece, int size) {
  HEARTH_CHECK(whole.dtype == piece.dtype && whole.n_elements() == piece.n_elements() * size,
               "a whole of " + std::to_string(whole.n_elements()) + " is not " + std::to_string(size) + " pieces of " +
                   std::to_string(piece.n_elements()));
}

std::size_t check_rows(const Tensor& from, std::span<const std::int64_t> send_rows, const Tensor& to,
                       std::span<const std::int64_t> receive_rows, int size) {
  const auto n = static_cast<std::size_t>(size);
  HEARTH_CHECK(send_rows.size() == n && receive_rows.size() == n, "one count of rows a rank");
  const auto fits = [](std::span<const std::int64_t> rows, const Tensor& tensor) {
    return std::ranges::all_of(rows, [](std::int64_t row) { return row >= 0; }) && tensor.shape.rank() > 0 &&
           std::accumulate(rows.begin(), rows.end(), std::int64_t{0}) <= tensor.shape[0];
  };
  HEARTH_CHECK(fits(send_rows, from) && fits(receive_rows, to), "the rows exceed their tensor");
  const auto row_elements = [](const Tensor& tensor) {
    std::int64_t n_elements = 1;
    for (int axis = 1; axis < tensor.shape.rank(); ++axis) n_elements *= tensor.shape[axis];
    return n_elements;
  };
  HEARTH_CHECK(from.dtype == to.dtype && row_elements(from) == row_elements(to), "rows of different kinds");
  return static_cast<std::size_t>(row_elements(from)) * size_of(from.dtype);
}

void check_rank(int rank, int size) {
  HEARTH_CHECK(rank >= 0 && rank < size, "no rank " + std::to_string(rank) + " among " + std::to_string(size));
}

}  // namespace hearth::comm
