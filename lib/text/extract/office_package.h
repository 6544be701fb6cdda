// SPDX-License-Identifier: Apache-2.0
// The parts of an office document, which are members of a zip archive, and how they name one another. And the readers
// of the formats, each from a package to text and attributes: they throw OfficeRefusal, ZipError, or Error{data} for
// damage.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/zip_archive.h"
#include "lib/text/extract/extracted.h"
#include "lib/text/extract/xml.h"
#include "lib/text/stage.h"

namespace hearth::text {

// A line of a part's relationships (Open Packaging Conventions, ECMA-376 part 2).
struct Relation {
  std::string type;    // the last word of its URI: "officeDocument", "notesSlide"
  std::string target;  // a part's name
};

class OfficePackage {
 public:
  explicit OfficePackage(std::string_view bytes) : zip_(bytes) {}

  bool has(std::string_view part) const { return zip_.has(part); }
  std::vector<std::string_view> names() const { return zip_.names(); }
  std::string read(std::string_view part) { return zip_.read(part); }
  // False when there is no such part.
  bool parse(std::string_view part, pugi::xml_document& tree);

  std::map<std::string, Relation, std::less<>> relations(std::string_view part);  // by id; "" is the package itself
  // The target of a relation of a type, or otherwise.
  std::string related(std::string_view part, std::string_view type, std::string_view otherwise = {});

 private:
  formats::ZipArchive zip_;
};

// "../a/b.xml", named in part "x/y/z.xml", is "x/a/b.xml"; "/a" is "a". Escapes of URIs (%20) are resolved.
std::string resolve_part(std::string_view part, std::string_view target);

void add_string_attribute(Extracted& extracted, std::string_view name, std::string_view value);  // but empty ones
// Title, author and date of an OOXML package.
void add_core_properties(OfficePackage& package, Extracted& extracted);

void read_docx(OfficePackage& package, Extracted& extracted);
void read_pptx(OfficePackage& package, Extracted& extracted);
void read_xlsx(OfficePackage& package, Extracted& extracted);
void read_odf(OfficePackage& package, Extracted& extracted);  // text, presentation, spreadsheet
// Rejections: "encrypted", and those of decode() and html_to_text().
std::optional<Rejection> read_epub(OfficePackage& package, Extracted& extracted);

}  // namespace hearth::text
