// SPDX-License-Identifier: Apache-2.0
// What must be the same on every rank is compared once at the start: the ranks that differ are named, on all of them.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/comm/communicator.h"

namespace hearth::comm {

struct Fact {
  std::string what;   // "the options", "the data"
  std::string value;  // any bytes; its digest is compared
};

// Collective, on the host. Throws Error{config} on every rank when a value differs from that of most ranks: which,
// where, and what to do. All ranks must give the same list of facts.
void check_agreement(Communicator& world, const std::vector<Fact>& facts);

// What another rank failed with: its kind, and its message behind its name. One of the ranks that did not fail speaks.
class PeerError : public Error {
 public:
  PeerError(Kind kind, const std::string& message, bool speaks) : Error(kind, message), speaks_(speaks) {}
  bool speaks() const { return speaks_; }

 private:
  bool speaks_;
};

// Collective: each rank runs body; where it failed on any, all throw: those with their own error, the others with the
// PeerError of the first of them, so that none goes on to wait for one that has left, and whichever is heard first
// tells the cause. A rank that was stopped counts as failed only where none failed otherwise.
void together(Communicator& world, const std::function<void()>& body);

// Of each number the largest that any rank gave. Collective, on the host.
std::vector<std::int64_t> largest(Communicator& world, const std::vector<std::int64_t>& values);

// Everyone's text, in rank order; at most 63 bytes of each. Collective, on the host.
std::vector<std::string> all_texts(Communicator& world, const std::string& text);

// Rank 0's text, on all ranks. Collective, on the host.
std::string shared_text(Communicator& world, const std::string& text);

// Everyone's text, in rank order, on all ranks. Collective, on the host.
std::vector<std::string> gathered_texts(Communicator& world, const std::string& text);

}  // namespace hearth::comm
