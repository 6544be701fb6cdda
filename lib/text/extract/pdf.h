// SPDX-License-Identifier: Apache-2.0
// PDF by pdftotext (poppler-utils) in a limited child: text in reading order, pages joined to paragraphs. Headers,
// footers and page numbers that repeat from page to page go. Attributes: title, author, date, pages.
#pragma once
#include <optional>
#include <string_view>

#include "lib/base/child_process.h"
#include "lib/text/extract/extracted.h"
#include "lib/text/stage.h"

namespace hearth::text {

bool is_pdf(std::string_view bytes);

// Rejections: "encrypted" for a file that asks for a password, "no-text" for one of pictures only (scans),
// "parser-missing" without pdftotext, and the parser's ends: "parser-failed", "parser-crashed", "parser-timeout",
// "parser-memory", "too-large" for more text than limits allow.
std::optional<Rejection> pdf_to_text(std::string_view pdf, const ChildLimits& limits, Extracted& extracted);

// The second half: from what pdftotext -htmlmeta printed. Page ends are form feeds.
void read_pdftotext(std::string_view printed, Extracted& extracted);

}  // namespace hearth::text
