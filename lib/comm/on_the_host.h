// SPDX-License-Identifier: Apache-2.0
// A stream for calls on host memory outside of training.
#pragma once
#include "lib/device/device.h"

namespace hearth::comm {

template <class Body>
void on_the_host(const Body& body) {
  ThreadPool alone(1);
  Stream stream(alone);
  body(stream);
}

}  // namespace hearth::comm
