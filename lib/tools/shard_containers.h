// SPDX-License-Identifier: Apache-2.0
// shard's options for files that hold files: archives, mailboxes, mails.
#pragma once
#include <cstdint>

#include "lib/base/options.h"
#include "lib/text/containers/members.h"

namespace hearth::tools::shard {

struct ContainerOptions {
  int max_depth = 4;
  std::uint64_t max_archive_bytes = 64ull << 30;
};

void add_container_options(Command& command, ContainerOptions& options);
text::MemberLimits member_limits(const ContainerOptions& options, std::uint64_t max_document_bytes);

}  // namespace hearth::tools::shard
