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

// By the magic number alone.
bool is_zip(std::string_view bytes);

// True for the beginning (some KiB) of a zip archive that is one document, not an archive of documents, as the names of
// its first members tell. Nothing is unpacked.
bool begins_like_office(std::string_view head);

// The same for a whole file, whose directory is read.
bool is_office_zip(std::string_view bytes);

// True for the compound files (OLE) of Office before 2007, in which encrypted OOXML is wrapped, too.
bool is_compound_file(std::string_view bytes);

// Of a zip archive or a compound file. type tells which, also of most that are rejected. Rejections: "encrypted";
// "not-text" for compound files and zip archives of other kinds; "no-text"; "too-large" for what unpacks beyond the
// limits; "damaged"; those of html_to_text() for EPUB.
std::optional<Rejection> office_to_text(std::string_view bytes, FileType& type, Extracted& extracted);

}  // namespace hearth::text
