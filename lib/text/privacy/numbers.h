// SPDX-License-Identifier: Apache-2.0
// Numbers that belong to someone: bank accounts, payment cards, telephones. Exact checks behind the finder's scan, each
// given the place where a run of digits begins.
#pragma once
#include <string_view>

#include "lib/text/privacy/finding.h"

namespace hearth::text::privacy {

// begin: the country's two letters. ISO 13616: length by country, remainder 97; in groups of four or without spaces.
MaybeFinding iban_at(std::string_view text, std::size_t begin);

// ISO/IEC 7812: issuer's prefix and length, Luhn's check digit; in one piece or in the groups printed on cards. Shapes
// that are common by chance (13, 14 and 19 digits in one piece) count only behind a word that speaks of cards.
MaybeFinding card_at(std::string_view text, std::size_t begin);

// +CC numbers (ITU E.164); North American (ddd) ddd-dddd, ddd-ddd-dddd, ddd.ddd.dddd; French pairs; and any number of
// 7 to 15 digits behind a word such as "Tel". Not behind words of versions, ISBNs, standards and ids.
MaybeFinding phone_at(std::string_view text, std::size_t begin);

}  // namespace hearth::text::privacy
