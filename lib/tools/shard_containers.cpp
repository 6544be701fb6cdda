// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_containers.h"

namespace hearth::tools::shard {

void add_container_options(Command& command, ContainerOptions& options) {
  command.group("Archives and mail (rarely needed)");
  command
      .option("max-depth", &options.max_depth, "N",
              "most archives and mails inside one another, the file itself counted; deeper ones are rejected")
      .range(1, 20);
  command
      .size("max-archive-bytes", &options.max_archive_bytes, "SIZE",
            "most bytes that one file may unpack to, all in it counted; reading it ends there, as at a thousand times "
            "its size")
      .range(1, 1ull << 50);
}

text::MemberLimits member_limits(const ContainerOptions& options, std::uint64_t max_document_bytes) {
  text::MemberLimits limits;
  limits.max_document_bytes = max_document_bytes;
  limits.max_archive_bytes = options.max_archive_bytes;
  limits.max_depth = options.max_depth;
  return limits;
}

}  // namespace hearth::tools::shard
