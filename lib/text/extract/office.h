// SPDX-License-Identifier: Apache-2.0
// Office documents by what they hold, whatever their names: Word, PowerPoint and Excel (OOXML), OpenDocument text,
// presentations and spreadsheets, EPUB. All are zip archives of XML, read here within limits (formats/zip_archive.h),
// without a program of others.
#pragma once
#include <optional>
#include <string_view>

#include "lib/text/extract/extracted.h"
#include "lib/text/file_type.h"
#include "lib/text/stage.h"

namespace hearth::text {

// True for a zip archive that is one document, not an archive of documents. bytes is the whole file, or its beginning
// (some KiB suffice: then the names of the first members decide).
bool is_office_zip(std::string_view bytes);

// True for the compound files (OLE) of Office before 2007, in which encrypted OOXML is wrapped, too.
bool is_compound_file(std::string_view bytes);

// Of bytes for which one of the two is true. type tells which, also of most that are rejected. Rejections: "encrypted";
// "not-text" for compound files and other packages; "no-text"; "too-large" for what unpacks beyond the limits;
// "damaged"; those of html_to_text() for EPUB.
std::optional<Rejection> office_to_text(std::string_view bytes, FileType& type, Extracted& extracted);

}  // namespace hearth::text
