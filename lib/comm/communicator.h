// SPDX-License-Identifier: Apache-2.0
// Collectives among the processes ("ranks") of a group. Every member makes the same calls in the same order with
// matching sizes; tensors are dense and where the stream computes (GPUs: lib/comm/nccl/).
//
// A call takes its operands in the order of the stream it is given and returns at once with a Pending; wait() puts the
// result into the order of a stream. What lies between the two overlaps. Operands must stay until then.
//
// Reductions add in rank order, 0 first, in f32 for bf16 and in the type itself otherwise, rounding once: the same
// values on the same ranks give the same bits, on every rank, whatever the library below does. Types: f32, bf16, f64,
// i64. Errors: Error{unavailable} when a peer is gone; sizes that cannot match are Error{internal}.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::comm {

enum class Reduce { sum, max };

// A call under way. Destroying it waits; an error that nobody waited for is dropped.
class Pending {
 public:
  struct State {
    virtual ~State() = default;
    virtual void wait(Stream& stream) = 0;  // throws what the call failed with
    virtual void finish() noexcept = 0;     // on the host
  };
  Pending() = default;  // done
  explicit Pending(std::shared_ptr<State> state) : state_(std::move(state)) {}
  Pending(Pending&&) = default;
  Pending& operator=(Pending&& other) {
    if (state_ != nullptr) state_->finish();
    state_ = std::move(other.state_);
    return *this;
  }
  ~Pending() {
    if (state_ != nullptr) state_->finish();
  }
  // What the stream is asked for after this sees the result.
  void wait(Stream& stream) {
    if (const auto state = std::exchange(state_, nullptr)) state->wait(stream);
  }

 private:
  std::shared_ptr<State> state_;
};

// What went over the wire, for the share of communication in a step. Bytes: sent by this rank.
struct Traffic {
  std::int64_t calls = 0, bytes = 0;
  double seconds = 0;
};

class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  // data [n]: in place.
  [[nodiscard]] virtual Pending all_reduce(Stream& stream, const Tensor& data, Reduce op = Reduce::sum) = 0;
  // from [size * n]: rank r receives the reduction of everyone's r-th piece, to [n]. to may be that piece of from.
  [[nodiscard]] virtual Pending reduce_scatter(Stream& stream, const Tensor& from, const Tensor& to,
                                               Reduce op = Reduce::sum) = 0;
  // from [n], to [size * n]: everyone's, in rank order. from may be the rank's own piece of to.
  [[nodiscard]] virtual Pending all_gather(Stream& stream, const Tensor& from, const Tensor& to) = 0;
  // In place, pieces of any length: [bounds[r], bounds[r + 1]) of data, flat, is rank r's; bounds has size + 1 entries
  // from 0 to n. reduce_pieces leaves the reduction of everyone's r-th piece there on rank r and the rest of its data
  // as it was; gather_pieces gives everyone rank r's.
  [[nodiscard]] virtual Pending reduce_pieces(Stream& stream, const Tensor& data, std::span<const std::int64_t> bounds,
                                              Reduce op = Reduce::sum) = 0;
  [[nodiscard]] virtual Pending gather_pieces(Stream& stream, const Tensor& data,
                                              std::span<const std::int64_t> bounds) = 0;
  // Rows (axis 0): send_rows[r] of them go to rank r, receive_rows[r] come from it, both laid out in rank order.
  [[nodiscard]] virtual Pending all_to_all(Stream& stream, const Tensor& from, std::span<const std::int64_t> send_rows,
                                           const Tensor& to, std::span<const std::int64_t> receive_rows) = 0;
  [[nodiscard]] virtual Pending broadcast(Stream& stream, const Tensor& data, int root) = 0;
  // Both at once, so that a ring cannot stall; a tensor without data or a negative peer: that half is left out. It is
  // under way when this returns, and other calls may be made and waited for before it is. On GPUs a message may end
  // only when it is taken, and a call begin only then: ranks that send each other something do it in one call.
  [[nodiscard]] virtual Pending exchange(Stream& stream, const Tensor& send, int to, const Tensor& receive,
                                         int from) = 0;
  virtual void barrier() = 0;  // on the host: returns when all have called it

  // The members that gave the same color, ordered by key, then rank. color < 0: in no group, returns none.
  virtual std::unique_ptr<Communicator> split(int color, int key) = 0;

  virtual Traffic traffic() const = 0;  // since the start
  // What this process is doing among the ranks, over all its communicators; none when it is alone.
  virtual struct Activity* activity() const { return nullptr; }
  // What has gone wrong meanwhile without a call to say so, in any communicator that was split from the same one, or
  // nothing. May be asked by another thread.
  virtual std::string failure() const { return ""; }
};

// The group of one: copies where a call has two tensors, nothing otherwise.
std::unique_ptr<Communicator> make_self_communicator();

// What each rank holds of n elements or rows in equal shares: the first ranks one more where it does not divide.
struct Piece {
  std::int64_t begin = 0, count = 0;
};
Piece piece_of(std::int64_t n, int rank, int size);
std::vector<std::int64_t> equal_bounds(std::int64_t n, int size);  // of the pieces above

}  // namespace hearth::comm
