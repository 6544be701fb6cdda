// SPDX-License-Identifier: Apache-2.0
// A mail to a document: a short head (subject, sender, date) and its text, without what the thread said before and
// without signatures, so that a thread does not repeat itself.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "lib/text/stage.h"

namespace hearth::text {

class ParserWorkers;

// Fills candidate.document: text, type "mail", attributes (subject, from, to, date, message-id, in-reply-to, where the
// mail has them); candidate: encoding, repairs, read_bytes. Of alternatives plain text is taken, else HTML, which
// workers read (null: this process).
// Rejections: "no-text" for a mail that has none, and those of html_to_text().
std::optional<Rejection> extract_mail(std::string message, Candidate& candidate, ParserWorkers* workers = nullptr);

// What of a plain text the writer wrote: blocks of quoted lines ("> ") go with the line that introduces them ("On ...
// wrote:"), but for those of at most four lines that an answer follows; so does everything behind "-----Original
// Message-----" and the like, and behind the signature's line "-- ".
std::string without_quotes(std::string_view text);

}  // namespace hearth::text
