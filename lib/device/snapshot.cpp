// SPDX-License-Identifier: Apache-2.0
#include "lib/device/snapshot.h"

namespace hearth {

Snapshot::Snapshot(const Stream& like) : taken_(like.device()), done_(like.device()) {
  if (!like.is_host()) copies_.emplace(like.device(), like.pool());
}

Snapshot::~Snapshot() {
  try {
    wait();
  } catch (const Error&) {  // of the device, which others are told of
  }
}

void Snapshot::take(Stream& stream, const std::vector<Copy>& copies) {
  if (stream.is_host()) {
    return stream.pool().for_each(static_cast<std::int64_t>(copies.size()), [&](std::int64_t i, int) {
      const Copy& each = copies[static_cast<std::size_t>(i)];
      stream.copy(each.from, each.to);
    });
  }
  taken_.record(stream);
  copies_->wait_for(taken_);
  for (const Copy& each : copies) copies_->copy(each.from, each.to);
  done_.record(*copies_);
  holds_ = true;
}

void Snapshot::before_changes(Stream& stream) {
  if (holds_) stream.wait_for(done_);
  holds_ = false;
}

void Snapshot::wait() const {
  if (copies_) done_.wait();
}

}  // namespace hearth
