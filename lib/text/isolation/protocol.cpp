// SPDX-License-Identifier: Apache-2.0
#include "lib/text/isolation/protocol.h"

#include <malloc.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "lib/base/child_worker.h"
#include "lib/base/error.h"
#include "lib/base/json_value.h"
#include "lib/base/packing.h"
#include "lib/text/encoding.h"

namespace hearth::text {
namespace {

constexpr std::uint64_t members_request = 100;   // in the place of a ForeignFormat
constexpr std::size_t frame_bytes = 128u << 10;  // members are sent once they are so many
constexpr std::size_t keep_bytes = 32u << 20;    // of free memory that a request may leave behind
constexpr std::size_t max_attributes = 1000, max_reason_bytes = 40;
constexpr auto last_type = FileType::epub;

template <class RequestType, class Visitor>
void visit_limits(RequestType& limits, Visitor& v) {
  v(limits.max_document_bytes), v(limits.max_archive_bytes), v(limits.max_ratio), v(limits.max_members);
}

template <class MemberType, class Visitor>
void visit_member(MemberType& member, Visitor& v) {
  v(member.source), v(member.file_name), v(member.number), v(member.size), v(member.bytes);
}

void pack_rejection(const std::optional<Rejection>& rejection, Packer& packer) {
  packer(rejection.has_value());
  if (!rejection) return;
  packer(rejection->reason);
  packer(is_valid_utf8(rejection->detail) ? rejection->detail : printable_name(rejection->detail));
}

Error not_an_answer(const char* what) {
  return {Kind::data, std::string("an answer with ") + what};
}

void check_text(std::string_view text) {
  if (!is_valid_utf8(text)) throw not_an_answer("text that is not UTF-8");
}

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= max_reason_bytes && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

std::optional<Rejection> unpack_rejection(Unpacker& unpacker) {
  bool rejected = false;
  unpacker(rejected);
  if (!rejected) return std::nullopt;
  Rejection rejection;
  unpacker(rejection.reason), unpacker(rejection.detail);
  if (!is_word(rejection.reason)) throw not_an_answer("a reason that is no word");
  check_text(rejection.detail);
  return rejection;
}

// Sends what the members hold, in frames of some size.
class MembersAnswer {
 public:
  MembersAnswer(const MembersRequest& request, const Emit& emit) : request_(request), emit_(emit) {}

  std::string run() {
    MemberLimits limits = request_.limits;
    limits.on_progress = [this] { send(); };
    const auto members = open_members(request_.path, request_.holds, limits);
    Member member;
    for (std::uint64_t number = 0; members->next(member); ++number) {
      frame_.n_passed_by = members->n_passed_by();
      if (number < request_.n_skipped) continue;
      bytes_ += member.bytes.size() + member.source.size();
      frame_.members.push_back(std::move(member));
      if (bytes_ >= frame_bytes || request_.at_once) send();
    }
    frame_.n_passed_by = members->n_passed_by();
    return pack_members(frame_);
  }

 private:
  void send() {
    emit_(pack_members(frame_));
    frame_.members.clear();
    bytes_ = 0;
  }

  const MembersRequest& request_;
  const Emit& emit_;
  MembersFrame frame_;
  std::size_t bytes_ = 0;
};

MembersRequest unpack_members_request(Unpacker& unpacker) {
  MembersRequest request;
  std::string path;
  std::uint64_t holds = 0, max_depth = 0;
  unpacker(path), unpacker(holds), unpacker(max_depth);
  visit_limits(request.limits, unpacker);
  unpacker(request.n_skipped), unpacker(request.at_once);
  request.path = path;
  request.holds = static_cast<Holds>(holds);
  request.limits.max_depth = static_cast<int>(max_depth);
  return request;
}

std::string answer_request(const std::string& request, const Emit& emit) {
  Unpacker unpacker(request);
  std::uint64_t what = 0;
  unpacker(what);
  if (what == members_request) return MembersAnswer(unpack_members_request(unpacker), emit).run();
  return pack_parsed(parse_foreign(static_cast<ForeignFormat>(what), unpacker.rest()));
}

}  // namespace

std::string pack_parse_request(ForeignFormat format, std::string_view bytes) {
  Packer packer;
  packer.bytes.reserve(bytes.size() + 1);
  packer(static_cast<std::uint64_t>(format));
  packer.bytes += bytes;
  return std::move(packer.bytes);
}

std::string pack_members_request(const MembersRequest& request) {
  Packer packer;
  packer(members_request);
  packer(request.path.native());
  packer(static_cast<std::uint64_t>(request.holds));
  packer(static_cast<std::uint64_t>(request.limits.max_depth));
  visit_limits(request.limits, packer);
  packer(request.n_skipped), packer(request.at_once);
  return std::move(packer.bytes);
}

std::string pack_parsed(const Parsed& parsed) {
  Packer packer;
  packer(static_cast<std::uint64_t>(parsed.type));
  pack_rejection(parsed.rejection, packer);
  packer(std::uint64_t{parsed.extracted.attributes.size()});
  for (const auto& [name, value] : parsed.extracted.attributes) packer(name), packer(value);
  packer.bytes += parsed.extracted.text;
  return std::move(packer.bytes);
}

Parsed unpack_parsed(std::string_view bytes) {
  Unpacker unpacker(bytes);
  Parsed parsed;
  std::uint64_t type = 0, n_attributes = 0;
  unpacker(type);
  if (type > static_cast<std::uint64_t>(last_type)) throw not_an_answer("a type that is none");
  parsed.type = static_cast<FileType>(type);
  parsed.rejection = unpack_rejection(unpacker);
  unpacker(n_attributes);
  if (n_attributes > max_attributes) throw not_an_answer("too many attributes");
  for (std::uint64_t i = 0; i < n_attributes; ++i) {
    auto& [name, value] = parsed.extracted.attributes.emplace_back();
    unpacker(name), unpacker(value);
    if (!is_word(name)) throw not_an_answer("an attribute whose name is no word");
    parse_json(value, "an attribute");
  }
  check_text(unpacker.rest());
  parsed.extracted.text = unpacker.rest();
  return parsed;
}

std::string pack_members(const MembersFrame& frame) {
  Packer packer;
  packer(frame.n_passed_by);
  for (const Member& member : frame.members) {
    packer(static_cast<std::uint64_t>(member.form));
    pack_rejection(member.rejection, packer);
    visit_member(member, packer);
  }
  return std::move(packer.bytes);
}

MembersFrame unpack_members(std::string_view bytes) {
  Unpacker unpacker(bytes);
  MembersFrame frame;
  unpacker(frame.n_passed_by);
  while (!unpacker.at_end()) {
    Member& member = frame.members.emplace_back();
    std::uint64_t form = 0;
    unpacker(form);
    if (form > static_cast<std::uint64_t>(Member::Form::mail)) throw not_an_answer("a form that is none");
    member.form = static_cast<Member::Form>(form);
    member.rejection = unpack_rejection(unpacker);
    visit_member(member, unpacker);
    check_text(member.source);
    check_text(member.file_name);
  }
  return frame;
}

int serve_parsers(int input, int output) {
  give_up_writing();
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);  // memory is kept from one page to the next, and given back behind large ones
  ::mallopt(M_TRIM_THRESHOLD, 256 << 20);
  serve_requests(input, output, [](const std::string& request, const Emit& emit) {
    std::string answer = answer_request(request, emit);
    if (::mallinfo2().fordblks > keep_bytes) ::malloc_trim(0);
    return answer;
  });
  return 0;
}

}  // namespace hearth::text
