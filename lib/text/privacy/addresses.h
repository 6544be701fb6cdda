// SPDX-License-Identifier: Apache-2.0
// E-mail and IP addresses: exact checks behind the finder's scan, each given the place that drew its attention.
// Addresses that belong to nobody are none: the example domains of RFC 2606, git@host, private, loopback, link-local,
// multicast, documentation and reserved ranges (IANA special-purpose registries), and well-known public resolvers.
#pragma once
#include <string_view>

#include "lib/text/privacy/finding.h"

namespace hearth::text::privacy {

MaybeFinding email_at(std::string_view text, std::size_t at_sign);
// begin: the first digit. Four numbers that may as well be a version or a section (all small, or behind such a word)
// count only where the text speaks of hosts.
MaybeFinding ipv4_at(std::string_view text, std::size_t begin);
// begin: the first of four hexadecimal digits before a colon. Global unicast (2000::/3) alone.
MaybeFinding ipv6_at(std::string_view text, std::size_t begin);

}  // namespace hearth::text::privacy
