// SPDX-License-Identifier: Apache-2.0
// What a parser worker that was taken over may answer.
#include "lib/text/isolation/protocol.h"

#include "lib/base/error.h"
#include "lib/text/encoding.h"
#include "tests/fuzz/fuzz.h"

FUZZ_TARGET(worker_protocol) {
  using namespace hearth::text;
  try {
    const Parsed parsed = unpack_parsed(bytes);
    hearth::fuzz::require(is_valid_utf8(parsed.extracted.text), "UTF-8");
    hearth::fuzz::require(pack_parsed(unpack_parsed(pack_parsed(parsed))) == pack_parsed(parsed), "a round trip");
  } catch (const hearth::Error&) {
  }
  const MembersFrame frame = unpack_members(bytes);
  hearth::fuzz::require(pack_members(unpack_members(pack_members(frame))) == pack_members(frame), "a round trip");
}
