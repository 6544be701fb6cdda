// SPDX-License-Identifier: Apache-2.0
// The first byte says what the rest is.
#include "lib/text/containers/members.h"

#include "lib/text/encoding.h"
#include "tests/fuzz/fuzz.h"

FUZZ_TARGET(members) {
  using namespace hearth::text;
  if (bytes.empty()) return;
  const auto holds = static_cast<Holds>(1 + static_cast<unsigned char>(bytes[0]) % 5);
  const hearth::fuzz::MemoryFile file(bytes.substr(1));
  const MemberLimits limits{.max_document_bytes = 1 << 16, .max_archive_bytes = 1 << 22, .max_members = 1000};
  const auto members = open_members(file.path(), holds, limits);
  for (Member member; members->next(member);) {
    hearth::fuzz::require(is_valid_utf8(member.source), "a source is UTF-8");
    hearth::fuzz::require(member.bytes.size() <= (4u << 20) + (64u << 20), "the limit of a member");
  }
}
