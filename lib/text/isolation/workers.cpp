// SPDX-License-Identifier: Apache-2.0
#include "lib/text/isolation/workers.h"

#include <algorithm>
#include <utility>

#include "lib/base/error.h"
#include "lib/text/extract/external.h"
#include "lib/text/isolation/protocol.h"

namespace hearth::text {
namespace {

constexpr const char* name_of_reader = "its reader";

Rejection no_answer(const Error& error) {
  return {"parser-crashed", std::string(name_of_reader) + ": " + error.what()};
}

}  // namespace

class ParserWorkers::IsolatedMembers : public Members {
 public:
  IsolatedMembers(ParserWorkers& workers, MembersRequest request, std::uint64_t file_bytes)
      : workers_(workers),
        request_(std::move(request)),
        worker_(workers.borrow()),
        max_bytes_((16ull << 30) + 2 * file_bytes * request_.limits.max_ratio) {
    worker_->ask(pack_members_request(request_));
  }

  bool next(Member& member) override {
    while (next_ == frame_.members.size()) {
      if (worker_ == nullptr) return false;
      if (read_frame(member)) return true;
    }
    member = std::move(frame_.members[next_++]);
    ++n_given_;
    return true;
  }

  std::uint64_t n_passed_by() const override { return frame_.n_passed_by; }

 private:
  // True when it is the end by a fault: member says which.
  bool read_frame(Member& member) {
    ChildWorker::Frame answer = worker_->next();
    if (answer.kind == ChildWorker::Frame::Kind::broken) return broken(answer, member);
    try {
      frame_ = unpack_members(answer.data);
      next_ = 0;
      count(frame_);
    } catch (const Error& error) {
      worker_.reset();
      return reject(no_answer(error), member);
    }
    if (answer.kind == ChildWorker::Frame::Kind::last) workers_.give_back(std::move(worker_));
    return false;
  }

  // A worker that was taken over could go on for ever; one that was not ends at the ratio.
  void count(const MembersFrame& frame) {
    for (const Member& member : frame.members) n_bytes_ += member.bytes.size() + 1;
    if (frame.members.empty()) n_bytes_ += progress_bytes;
    if (n_bytes_ > max_bytes_) throw Error(Kind::data, "an answer without end");
  }

  // A crash is tried once more by a fresh worker, which hands over each member at once, so that as many as can be come
  // through it, however many requests the first worker had served.
  bool broken(const ChildWorker::Frame& answer, Member& member) {
    const bool again = !request_.at_once && answer.end != ChildEnd::out_of_time;
    if (!again) {
      worker_.reset();
      return reject(rejection_of_end(name_of_reader, answer.end, answer.data), member);
    }
    request_.at_once = true;
    request_.n_skipped = n_given_;
    worker_->ask(pack_members_request(request_));
    return false;
  }

  bool reject(Rejection rejection, Member& member) {
    frame_.members.clear();
    next_ = 0;
    member = {};
    member.rejection = std::move(rejection);
    return true;
  }

  ParserWorkers& workers_;
  MembersRequest request_;
  std::unique_ptr<ChildWorker> worker_;  // null: the end was read
  MembersFrame frame_;
  std::size_t next_ = 0;  // of frame_
  std::uint64_t n_given_ = 0, n_bytes_ = 0, max_bytes_;
};

ParserWorkers::ParserWorkers(std::vector<std::string> argv, ChildLimits limits)
    : argv_(std::move(argv)), limits_(limits) {
  limits_.memory_bytes = memory_limit_for_own_binary(limits_.memory_bytes);
  limits_.file_bytes = 0;
}

ParserWorkers::~ParserWorkers() = default;

std::unique_ptr<ChildWorker> ParserWorkers::borrow() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<ChildWorker>(argv_, limits_);
  auto worker = std::move(idle_.back());
  idle_.pop_back();
  return worker;
}

void ParserWorkers::give_back(std::unique_ptr<ChildWorker> worker) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(worker));
}

Parsed ParserWorkers::parse(ForeignFormat format, std::string_view bytes) {
  auto worker = borrow();
  const ChildWorker::Frame answer = worker->answer(pack_parse_request(format, bytes));
  Parsed parsed;
  if (answer.kind == ChildWorker::Frame::Kind::broken) {
    parsed.rejection = rejection_of_end(name_of_reader, answer.end, answer.data);
  } else {
    try {
      parsed = unpack_parsed(answer.data);
    } catch (const Error& error) {
      parsed.rejection = no_answer(error);
      return parsed;  // and this worker is not asked again
    }
  }
  give_back(std::move(worker));
  return parsed;
}

std::unique_ptr<Members> ParserWorkers::open_members(const std::filesystem::path& path, Holds holds,
                                                     const MemberLimits& limits) {
  std::error_code error;
  const std::uint64_t file_bytes = std::filesystem::file_size(path, error);
  if (error) throw Error(Kind::missing, path.string() + ": " + error.message());
  return std::make_unique<IsolatedMembers>(*this, MembersRequest{path, holds, limits}, file_bytes);
}

Parsed parse_foreign(ParserWorkers* workers, ForeignFormat format, std::string_view bytes) {
  return workers == nullptr ? parse_foreign(format, bytes) : workers->parse(format, bytes);
}

}  // namespace hearth::text
