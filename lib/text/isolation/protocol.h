// SPDX-License-Identifier: Apache-2.0
// What goes between a run and its parser workers, as bytes. The run trusts no answer: a parser that was taken over may
// send anything, so what comes back is checked for all that the rest of shard relies on.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/containers/members.h"
#include "lib/text/isolation/parse.h"

namespace hearth::text {

// A request to read the members of a file.
struct MembersRequest {
  std::filesystem::path path;
  Holds holds = Holds::archive;
  MemberLimits limits;
  std::uint64_t n_skipped = 0;  // so many members are passed by: they came before a worker broke
  bool at_once = false;         // each member in a frame of its own
};

// A frame of the answer: any number of members, also none (a sign of life); the last frame of all has no more.
struct MembersFrame {
  std::vector<Member> members;
  std::uint64_t n_passed_by = 0;  // so far
};

std::string pack_parse_request(ForeignFormat format, std::string_view bytes);
std::string pack_members_request(const MembersRequest& request);
std::string pack_parsed(const Parsed& parsed);
std::string pack_members(const MembersFrame& frame);

// Of an answer. Throw Error{data} for bytes that are none, and for texts that are not valid UTF-8, attributes that are
// not JSON, reasons that are not words.
Parsed unpack_parsed(std::string_view bytes);
MembersFrame unpack_members(std::string_view bytes);

// The worker's side: gives up writing, and answers requests from input on output until the other end closes. Returns
// the exit code.
int serve_parsers(int input, int output);

}  // namespace hearth::text
