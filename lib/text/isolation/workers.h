// SPDX-License-Identifier: Apache-2.0
// Parsers outside the process of the run. A worker is the tool's own program, started anew (by vfork and exec, which is
// safe among threads, where fork alone is not) as a limited child without network, which can write no file and start no
// program where the kernel has Landlock: it answers one request after
// another, and when one crashes it, runs too long or wants too much memory, that request is rejected and the next one
// gets a fresh worker. There are as many workers as threads that parse at once. Plain text, Markdown, code and records
// never come here.
#pragma once
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/child_worker.h"
#include "lib/text/containers/members.h"
#include "lib/text/isolation/parse.h"

namespace hearth::text {

class ParserWorkers {
 public:
  // argv: a program that calls serve_parsers(0, 1). limits: of a document; of an archive, for each step on the way
  // through it: a member, or 64 MiB unpacked.
  ParserWorkers(std::vector<std::string> argv, ChildLimits limits);
  ~ParserWorkers();
  ParserWorkers(const ParserWorkers&) = delete;
  ParserWorkers& operator=(const ParserWorkers&) = delete;

  // As parse_foreign, thread-safe. Further rejections: "parser-crashed", "parser-failed", "parser-timeout",
  // "parser-memory". A request that breaks a worker which has served others gets a second try in a fresh one, so that
  // the answer depends on the request alone. Throws Error{missing} or Error{unavailable} when no worker starts.
  Parsed parse(ForeignFormat format, std::string_view bytes);

  // As text::open_members, which runs in a worker. Where that breaks, the members before are given and one more, for
  // the whole file, with the rejection. The object must not outlive this one.
  std::unique_ptr<Members> open_members(const std::filesystem::path& path, Holds holds, const MemberLimits& limits);

 private:
  class IsolatedMembers;
  std::unique_ptr<ChildWorker> borrow();
  void give_back(std::unique_ptr<ChildWorker> worker);

  std::vector<std::string> argv_;
  ChildLimits limits_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<ChildWorker>> idle_;
};

// parse_foreign by workers, or in this process where there are none.
Parsed parse_foreign(ParserWorkers* workers, ForeignFormat format, std::string_view bytes);

}  // namespace hearth::text
