// SPDX-License-Identifier: Apache-2.0
#include "lib/comm/exchange.h"

#include <algorithm>

#include "lib/base/error.h"
#include "lib/comm/on_the_host.h"

namespace hearth::comm {
namespace {

std::int64_t sum(const std::vector<std::int64_t>& counts) {
  std::int64_t n = 0;
  for (const std::int64_t count : counts) n += count;
  return n;
}

}  // namespace

std::vector<std::int64_t> exchange_counts(Communicator& world, const std::vector<std::int64_t>& counts) {
  const std::vector<std::int64_t> one_each(counts.size(), 1);
  std::vector<std::int64_t> received(counts.size());
  std::vector<std::int64_t> sent = counts;
  const std::int64_t n = world.size();
  on_the_host([&](Stream& stream) {
    world.all_to_all(stream, Tensor(sent.data(), {n}), one_each, Tensor(received.data(), {n}), one_each).wait(stream);
  });
  return received;
}

void exchange_elements(Communicator& world, const void* from, const std::vector<std::int64_t>& counts, void* to,
                       const std::vector<std::int64_t>& received, std::size_t element_bytes) {
  const auto bytes = static_cast<std::int64_t>(element_bytes);
  const Tensor sent(const_cast<void*>(from), DType::u8, {sum(counts), bytes});
  const Tensor came(to, DType::u8, {sum(received), bytes});
  on_the_host([&](Stream& stream) { world.all_to_all(stream, sent, counts, came, received).wait(stream); });
}

std::vector<std::string> exchanged_texts(Communicator& world, std::vector<std::string> outgoing) {
  if (world.size() == 1) return outgoing;
  std::vector<std::vector<char>> bytes;
  for (std::string& text : outgoing) {
    bytes.emplace_back(text.begin(), text.end());
    text = {};
  }
  const Received<char> came = exchanged(world, std::move(bytes));
  std::vector<std::string> texts;
  for (int r = 0; r < world.size(); ++r) texts.emplace_back(came.from(r).begin(), came.from(r).end());
  return texts;
}

std::vector<std::int64_t> summed(Communicator& world, std::vector<std::int64_t> values) {
  if (world.size() == 1) return values;
  on_the_host([&](Stream& stream) {
    world.all_reduce(stream, Tensor(values.data(), {static_cast<std::int64_t>(values.size())})).wait(stream);
  });
  return values;
}

Numbering::Numbering(Communicator& world, std::uint64_t n_first, std::uint64_t n_others)
    : rank_(static_cast<std::size_t>(world.rank())), size_(static_cast<std::size_t>(world.size())) {
  std::vector<std::int64_t> counts(2 * size_, 0);
  counts[rank_] = static_cast<std::int64_t>(n_first);
  counts[size_ + rank_] = static_cast<std::int64_t>(n_others);
  counts = summed(world, std::move(counts));
  begins_.assign(1, 0);
  own_begins_.assign(2 * size_, 0);
  for (std::size_t piece = 0; piece < counts.size(); ++piece) {
    begins_.push_back(begins_.back() + static_cast<std::uint64_t>(counts[piece]));
    if (piece >= size_) own_begins_[piece] = static_cast<std::uint64_t>(counts[piece - size_]);
  }
}

std::uint64_t Numbering::shared(std::uint64_t own) const {
  const std::uint64_t n_first = own_begins_[size_ + rank_];
  return own < n_first ? begins_[rank_] + own : begins_[size_ + rank_] + (own - n_first);
}

// The last that begins at or before the number: those before it that begin there too are empty.
std::size_t Numbering::piece_of(std::uint64_t shared) const {
  HEARTH_CHECK(shared < begins_.back(), "a number beyond those of all ranks");
  const auto after = std::upper_bound(begins_.begin(), begins_.end(), shared);
  return static_cast<std::size_t>(after - begins_.begin()) - 1;
}

int Numbering::holder(std::uint64_t shared) const {
  return static_cast<int>(piece_of(shared) % size_);
}

std::uint64_t Numbering::own(std::uint64_t shared) const {
  const std::size_t piece = piece_of(shared);
  return own_begins_[piece] + (shared - begins_[piece]);
}

}  // namespace hearth::comm
