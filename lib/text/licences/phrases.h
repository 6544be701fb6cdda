// SPDX-License-Identifier: Apache-2.0
// The words that tell licences: names, which say the licence at once, and parts of texts, which do so together. All in
// the spelling of Words. A further licence is a line in phrases.cpp.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace hearth::text::licences {

enum class Part : std::uint8_t {
  bsd_grant,  // BSD and what descends from it
  bsd_binary,
  bsd_endorse,
  bsd_advertising,
  bsd_retain,
  openssl_toolkit,
  apache_acknowledgment,
  mit_grant,  // "person obtaining a copy"
  boost_grant,
  mit_keep,
  names_not_used,
  good_not_evil,
  isc_grant,  // "permission to use, copy, modify"
  hpnd_grant,
  hpnd_sell,
  any_fee,
  keep_in_copies,
  keep_entire,
  supporting_documentation,
  no_written_agreement,
  zlib_origin,  // zlib
  zlib_altered,
  choice,        // more than one licence, and the reader may choose
  secondary,     // GNU licences are named as what a licence may be turned into
  grant,         // something is allowed, or told elsewhere
  reserved,      // "all rights reserved"
  confidential,  // nothing is allowed, and that is said
  classpath,     // exceptions to the GNU licences
  gcc_runtime,
  bison_skeleton,
  libtool_script,
  system_calls,
};
using Parts = std::uint64_t;  // a bit each
constexpr Parts bit(Part part) {
  return Parts{1} << static_cast<unsigned>(part);
}

struct Name {
  std::string_view phrase;
  std::string_view id;  // SPDX
};
struct PartPhrase {
  std::string_view phrase;
  Part part;
};
// A licence told by the parts of its text.
struct TextRule {
  std::string_view id;
  Parts all, none;
};

std::span<const Name> names();
std::span<const PartPhrase> part_phrases();
std::span<const TextRule> text_rules();

}  // namespace hearth::text::licences
