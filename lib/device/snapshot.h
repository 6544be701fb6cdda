// SPDX-License-Identifier: Apache-2.0
// Copies of what tensors hold at a point of a stream, made on a stream of their own while that one goes on: it is held
// up only where it would change what is still to be copied. On the host the copies are made at once.
#pragma once
#include <optional>
#include <vector>

#include "lib/device/device.h"

namespace hearth {

class Snapshot {
 public:
  struct Copy {
    Tensor from, to;  // to: of the host, pinned (Buffer::Use::staging)
  };

  explicit Snapshot(const Stream& like);  // on its device
  ~Snapshot();                            // waits
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  // What `from` holds when all that the stream was asked for is done. Returns at once.
  void take(Stream& stream, const std::vector<Copy>& copies);
  // What comes after in the stream waits for the copies; the host does not. To be called before the tensors change.
  void before_changes(Stream& stream);
  void wait() const;  // until the copies are there; from any thread

 private:
  std::optional<Stream> copies_;  // none on the host
  Event taken_, done_;
  bool holds_ = false;
};

}  // namespace hearth
