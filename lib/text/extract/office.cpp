// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/office.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "lib/base/text.h"
#include "lib/text/encoding.h"
#include "lib/text/extract/office_blocks.h"
#include "lib/text/extract/office_package.h"

namespace hearth::text {
namespace {

constexpr std::string_view zip_magic = "PK\x03\x04";
constexpr std::string_view compound_magic = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

using Names = std::vector<std::string_view>;

bool has_name(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool has_folder(const Names& names, std::string_view folder) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) { return name.starts_with(folder); });
}

std::optional<FileType> type_of_mime(std::string_view mime) {
  constexpr std::string_view odf = "application/vnd.oasis.opendocument.";
  if (mime.starts_with("application/epub+zip")) return FileType::epub;
  if (!mime.starts_with(odf)) return std::nullopt;
  const std::string_view kind = mime.substr(odf.size());
  if (kind.starts_with("text")) return FileType::odt;
  if (kind.starts_with("spreadsheet")) return FileType::ods;
  if (kind.starts_with("presentation") || kind.starts_with("graphics")) return FileType::odp;
  return std::nullopt;
}

std::optional<FileType> type_of_names(const Names& names) {
  if (has_name(names, "[Content_Types].xml")) {
    if (has_folder(names, "word/")) return FileType::docx;
    if (has_folder(names, "ppt/")) return FileType::pptx;
    if (has_folder(names, "xl/")) return FileType::xlsx;
  }
  if (has_name(names, "META-INF/container.xml")) return FileType::epub;
  return std::nullopt;
}

std::optional<FileType> type_of(OfficePackage& package) {
  if (package.has("mimetype")) {
    if (const auto type = type_of_mime(trim(package.read("mimetype")))) return type;
  }
  return type_of_names(package.names());
}

std::string utf16_of(std::string_view ascii) {
  std::string wide;
  for (const char c : ascii) wide += c, wide += '\0';
  return wide;
}

// What a compound file is shows in the names of its streams, UTF-16 in its directory.
Rejection compound_rejection(std::string_view bytes) {
  const auto holds = [&](std::string_view name) { return bytes.find(utf16_of(name)) != std::string_view::npos; };
  if (holds("EncryptedPackage")) return {"encrypted", "the document asks for a password"};
  if (holds("__substg1.0_")) return {"not-text", "an Outlook message (.msg); save it as .eml"};
  const char* const convert = "; convert it first: soffice --headless --convert-to ";
  if (holds("WordDocument")) return {"not-text", std::string("a binary Word document (.doc)") + convert + "docx"};
  if (holds("PowerPoint Document"))
    return {"not-text", std::string("a binary PowerPoint document (.ppt)") + convert + "pptx"};
  if (holds("Workbook") || holds("Book"))
    return {"not-text", std::string("a binary Excel workbook (.xls)") + convert + "xlsx"};
  return {"not-text", "a compound file (OLE) of an unknown kind"};
}

std::optional<Rejection> read_as(FileType type, OfficePackage& package, Extracted& extracted) {
  switch (type) {
    case FileType::docx:
      read_docx(package, extracted);
      break;
    case FileType::pptx:
      read_pptx(package, extracted);
      break;
    case FileType::xlsx:
      read_xlsx(package, extracted);
      break;
    case FileType::epub:
      return read_epub(package, extracted);
    default:
      read_odf(package, extracted);
  }
  return std::nullopt;
}

std::string_view reason_of(formats::ZipFault fault) {
  switch (fault) {
    case formats::ZipFault::encrypted:
      return "encrypted";
    case formats::ZipFault::too_large:
      return "too-large";
    case formats::ZipFault::unsupported:
      return "not-text";
    case formats::ZipFault::damaged:
      break;
  }
  return "damaged";
}

std::optional<Rejection> read_package(std::string_view bytes, FileType& type, Extracted& extracted) {
  try {
    OfficePackage package(bytes);
    const auto found = type_of(package);
    if (!found) return Rejection{"not-text", "a zip archive that is no office document"};
    type = *found;
    return read_as(type, package, extracted);
  } catch (const formats::ZipError& error) {
    return Rejection{std::string(reason_of(error.fault())), error.what()};
  } catch (const OfficeRefusal& refusal) {
    return Rejection{refusal.reason(), refusal.what()};
  } catch (const Error& error) {
    if (error.kind() != Kind::data) throw;
    return Rejection{"damaged", error.what()};
  }
}

}  // namespace

bool is_compound_file(std::string_view bytes) {
  return bytes.starts_with(compound_magic);
}

bool is_zip(std::string_view bytes) {
  return bytes.starts_with(zip_magic);
}

bool begins_like_office(std::string_view head) {
  if (!is_zip(head)) return false;
  const auto entries = formats::zip_entries_of_head(head);
  if (entries.empty()) return false;
  const std::string_view first = entries.front().name;
  if (first == "mimetype") return type_of_mime(trim(entries.front().packed)).has_value();
  if (first == "[Content_Types].xml" || first == "_rels/.rels") return true;
  Names names;
  for (const auto& entry : entries) names.push_back(entry.name);
  if (type_of_names(names)) return true;
  if (!first.ends_with(".xml") && !first.ends_with(".rels")) return false;
  constexpr std::array<std::string_view, 4> folders = {"docProps/", "word/", "xl/", "ppt/"};
  return std::any_of(folders.begin(), folders.end(),
                     [&](std::string_view folder) { return first.starts_with(folder); });
}

bool is_office_zip(std::string_view bytes) {
  if (!is_zip(bytes)) return false;
  try {
    OfficePackage package(bytes);
    return type_of(package).has_value();
  } catch (const formats::ZipError&) {  // cut, or read in part
    return begins_like_office(bytes);
  }
}

std::optional<Rejection> office_to_text(std::string_view bytes, FileType& type, Extracted& extracted) {
  if (is_compound_file(bytes)) return compound_rejection(bytes);
  if (auto rejection = read_package(bytes, type, extracted)) return rejection;
  if (!is_valid_utf8(extracted.text)) {
    Decoded decoded;
    if (auto rejection = decode(std::move(extracted.text), decoded)) return rejection;
    extracted.text = std::move(decoded.text);
  }
  if (trim(extracted.text).empty()) return Rejection{"no-text", "the document holds no text"};
  return std::nullopt;
}

}  // namespace hearth::text
