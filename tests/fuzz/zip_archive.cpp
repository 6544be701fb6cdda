// SPDX-License-Identifier: Apache-2.0
#include "formats/zip_archive.h"

#include "tests/fuzz/fuzz.h"

FUZZ_TARGET(zip_archive) {
  hearth::formats::zip_entries_of_head(bytes);
  const hearth::formats::ZipLimits limits{.max_member_bytes = 1 << 20, .max_total_bytes = 4 << 20};
  hearth::formats::ZipArchive archive(bytes, limits);
  for (const std::string_view name : archive.names()) {
    try {
      const std::string member = archive.read(name);
      hearth::fuzz::require(member.size() <= limits.max_member_bytes, "the limit of a member");
    } catch (const hearth::formats::ZipError&) {
    }
  }
}
