// SPDX-License-Identifier: Apache-2.0
#include "lib/text/mail/mail.h"

#include "lib/base/json_value.h"
#include "lib/text/encoding.h"
#include "lib/text/mail/mime.h"
#include "tests/fuzz/fuzz.h"

FUZZ_TARGET(mail) {
  hearth::text::decode_words(bytes.substr(0, 1000));
  hearth::text::Candidate candidate;
  if (hearth::text::extract_mail(std::string(bytes), candidate)) return;
  hearth::fuzz::require(hearth::text::is_valid_utf8(candidate.document.text), "UTF-8");
  if (!candidate.document.attributes.empty()) hearth::parse_json(candidate.document.attributes, "attributes");
}
