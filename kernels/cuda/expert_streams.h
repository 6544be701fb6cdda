// SPDX-License-Identifier: Apache-2.0
// Streams beside one, for products of different experts at a time.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "lib/device/device.h"
#include "lib/device/memory.h"

namespace hearth::kernels::cuda {

constexpr int n_expert_streams = 4;

class ExpertStreams {
 public:
  explicit ExpertStreams(Stream& main) : main_(main), started_(main.device()) {
    for (int i = 0; i < n_expert_streams; ++i) {
      streams_[i] = std::make_unique<Stream>(main.device(), main.pool());
      done_[i] = std::make_unique<Event>(main.device());
    }
  }

  // The offsets, on the host: waits for all that main was asked for.
  std::vector<std::int32_t> fetch(const Tensor& offsets) {
    if (pinned_.bytes() < offsets.bytes()) pinned_ = Buffer(offsets.bytes(), main_.device(), Buffer::Use::staging);
    const Tensor host(pinned_.data(), DType::i32, offsets.shape);
    main_.copy(offsets, host);
    main_.wait();
    const auto values = host.span<std::int32_t>();
    return {values.begin(), values.end()};
  }

  // body(lane, stream, expert, first row, rows) for each expert that has rows, after what main was asked for; main goes
  // on when all are done.
  template <class Body>
  void each(const std::vector<std::int32_t>& offsets, const Body& body) {
    started_.record(main_);
    for (const auto& stream : streams_) stream->wait_for(started_);
    for (std::size_t e = 0; e + 1 < offsets.size(); ++e) {
      const int lane = static_cast<int>(e % n_expert_streams);
      const std::int64_t rows = offsets[e + 1] - offsets[e];
      if (rows > 0) body(lane, *streams_[lane], static_cast<std::int64_t>(e), std::int64_t{offsets[e]}, rows);
    }
    for (int i = 0; i < n_expert_streams; ++i) {
      done_[i]->record(*streams_[i]);
      main_.wait_for(*done_[i]);
    }
  }

 private:
  Stream& main_;
  Event started_;
  std::array<std::unique_ptr<Stream>, n_expert_streams> streams_;
  std::array<std::unique_ptr<Event>, n_expert_streams> done_;
  Buffer pinned_;
};

}  // namespace hearth::kernels::cuda
