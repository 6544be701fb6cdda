// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/feed.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace hearth::nn {
namespace {
constexpr std::int64_t line_bytes = 64, fewest_sequences = 16;

std::int64_t lines(std::int64_t elements) {
  return (elements * 4 + line_bytes - 1) / line_bytes * line_bytes;
}

// The length of the longest sequence, rounded up so that few shapes differ.
std::int64_t round_longest(const Tensor& cu_seqlens) {
  const auto starts = cu_seqlens.span<std::int32_t>();
  std::int32_t longest = 1;
  for (std::size_t i = 1; i < starts.size(); ++i) longest = std::max(longest, starts[i] - starts[i - 1]);
  return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(longest)));
}

Scalars scalars_at(std::byte* memory) {
  return {.normaliser = {memory, DType::f64, {1}},
          .token_factor = {memory + 8, DType::f32, {1}},
          .router = {memory + 12, DType::f32, {2}}};
}
}  // namespace

std::int64_t Feed::padded_sequences(std::int64_t n_sequences) {
  return std::max(fewest_sequences, static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(n_sequences))));
}

std::int64_t Feed::Layout::bytes() const {
  return line_bytes + 4 * lines(tokens) + lines(sequences + 1);
}

Feed::Placed Feed::Layout::at(std::byte* memory) const {
  Placed placed;
  placed.scalars = scalars_at(memory);
  std::byte* next = memory + line_bytes;
  const auto take = [&](DType dtype, std::int64_t n) {
    const Tensor tensor(next, dtype, {n});
    next += lines(n);
    return tensor;
  };
  placed.batch.ids = take(DType::i32, tokens);
  placed.batch.positions = take(DType::i32, tokens);
  placed.batch.targets = take(DType::i32, tokens);
  placed.batch.token_weight = take(DType::f32, tokens);
  placed.batch.cu_seqlens = take(DType::i32, sequences + 1);
  return placed;
}

std::size_t Feed::staging_bytes(std::int64_t max_tokens, std::int64_t in_flight) {
  return static_cast<std::size_t>(in_flight * Layout{max_tokens, padded_sequences(max_tokens)}.bytes());
}

Feed::Feed(const Device& device, std::int64_t max_tokens, std::int64_t in_flight, std::int64_t n_places, Arena& arena)
    : device_(device), in_flight_(in_flight), most_bytes_(Layout{max_tokens, padded_sequences(max_tokens)}.bytes()) {
  if (device.is_host()) return;
  for (std::int64_t i = 0; i < n_places; ++i) places_.push_back(arena.allocate(DType::u8, {most_bytes_}));
  for (Tensor& each : halves_) each = arena.allocate(DType::u8, {most_bytes_});
}

void Feed::start(Stream& stream) {
  pinned_ = Buffer(static_cast<std::size_t>(in_flight_ * most_bytes_), device_, Buffer::Use::staging);
  for (std::int64_t i = 0; i < in_flight_; ++i)
    slots_.push_back({pinned_.data() + i * most_bytes_, std::make_unique<Event>(device_)});
  for (std::unique_ptr<Event>& each : released_) each = std::make_unique<Event>(device_);
  copies_.emplace(device_, stream.pool());
}

void Feed::write(const Placed& to, const Batch& batch, const Numbers& numbers) {
  const double normaliser = numbers.normaliser;
  *to.scalars.normaliser.as<double>() = normaliser;
  *to.scalars.token_factor.as<float>() = static_cast<float>(1 / normaliser);
  to.scalars.router.as<float>()[0] = numbers.balance_coefficient / static_cast<float>(normaliser);
  to.scalars.router.as<float>()[1] = numbers.router_z_coefficient / static_cast<float>(normaliser);
  if (!to.batch.ids) return;
  const auto copy = [](const Tensor& from, const Tensor& there) { std::memcpy(there.data, from.data, from.bytes()); };
  copy(batch.ids, to.batch.ids);
  copy(batch.positions, to.batch.positions);
  if (batch.targets) copy(batch.targets, to.batch.targets);
  if (batch.token_weight) copy(batch.token_weight, to.batch.token_weight);
  const auto starts = to.batch.cu_seqlens.span<std::int32_t>();
  copy(batch.cu_seqlens, to.batch.cu_seqlens);
  std::fill(starts.begin() + batch.cu_seqlens.n_elements(), starts.end(), static_cast<std::int32_t>(batch.n_tokens()));
}

Feed::Placed Feed::place(Stream& stream, const Batch& batch, const Numbers& numbers, std::size_t place) {
  if (device_.is_host()) {
    const Placed placed{batch, scalars_at(host_scalars_)};
    write({{}, placed.scalars}, batch, numbers);
    return placed;
  }
  if (!copies_) start(stream);
  const Layout layout{batch.n_tokens(), padded_sequences(batch.cu_seqlens.n_elements() - 1)};
  HEARTH_CHECK(layout.bytes() <= most_bytes_, "a batch of more sequences than tokens");
  const Slot& slot = slots_[next_ % slots_.size()];
  const std::size_t half = next_ % 2;
  ++next_;
  slot.copied->wait();  // long since, where no more than in_flight batches are under way
  write(layout.at(slot.memory), batch, numbers);
  const auto part = [&](std::byte* memory) { return Tensor(memory, DType::u8, {layout.bytes()}); };
  copies_->wait_for(*released_[half]);
  copies_->copy(part(slot.memory), part(halves_[half].data));
  slot.copied->record(*copies_);
  stream.wait_for(*slot.copied);
  stream.copy(part(halves_[half].data), part(places_[place].data));
  released_[half]->record(stream);
  Placed placed = layout.at(places_[place].data);
  placed.batch.longest = std::min(batch.n_tokens(), round_longest(batch.cu_seqlens));
  return placed;
}

}  // namespace hearth::nn
