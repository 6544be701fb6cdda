// SPDX-License-Identifier: Apache-2.0
// Office documents written by python-docx, openpyxl, python-pptx and odfpy (tests/golden/make/office.py), and bad ones.
#include <string>

#include "lib/base/file.h"
#include "lib/text/extract.h"
#include "lib/text/extract/office.h"
#include "lib/text/extract/office_package.h"
#include "lib/text/extract/xlsx_cells.h"
#include "tests/support/catch.h"
#include "tests/support/zip_file.h"

namespace hearth::text {
namespace {

std::string golden(const std::string& name) {
  return read_file(std::string(HEARTH_SOURCE_DIR) + "/tests/golden/extract/office/" + name);
}

struct Result {
  std::string reason, type, text, attributes;
};

Result result_of(const std::string& bytes) {
  Candidate candidate;
  const auto rejection = extract_file(bytes, "wrong-name.txt", candidate);
  return {rejection ? rejection->reason : "", candidate.document.type, candidate.document.text,
          candidate.document.attributes};
}

const std::string package_relations =
    R"(<Relationships><Relationship Id="r1" Type="a/officeDocument" Target="word/document.xml"/></Relationships>)";

std::string docx_of(const std::string& document) {
  return testing::zip_of(
      {{"[Content_Types].xml", "<Types/>"}, {"_rels/.rels", package_relations}, {"word/document.xml", document}});
}

std::string paragraph_of(const std::string& words) {
  return "<w:document xmlns:w='w'><w:body><w:p><w:r><w:t>" + words + "</w:t></w:r></w:p></w:body></w:document>";
}

TEST_CASE("Office documents are read, whatever their names") {
  for (const std::string type : {"docx", "xlsx", "pptx", "odt", "ods", "odp", "epub"}) {
    INFO(type);
    const Result result = result_of(golden("bees." + type));
    CHECK(result.reason.empty());
    CHECK(result.type == type);
    CHECK(result.text == golden("bees." + type + ".text"));
    const bool has_properties = type != "ods" && type != "odp";
    CHECK((result.attributes.find(R"("title":"Bees & honey")") != std::string::npos) == has_properties);
    CHECK((result.attributes.find(R"("author":"Ann Author")") != std::string::npos) == has_properties);
  }
}

TEST_CASE("A document is told from an archive by its members, also by its beginning alone") {
  for (const std::string type : {"docx", "xlsx", "pptx", "odt", "ods", "odp", "epub"}) {
    INFO(type);
    const std::string bytes = golden("bees." + type);
    CHECK(is_office_zip(bytes));
    CHECK(is_office_zip(bytes.substr(0, 1024)));
    CHECK(is_binary_document(bytes.substr(0, 1024)));
  }
  CHECK(!is_office_zip(testing::zip_of({{"a.txt", "words"}, {"word/a.txt", "words"}})));
  const std::string folder = testing::zip_of({{"word/a.txt", "words"}, {"[Content_Types].txt", "x"}});
  CHECK(!is_office_zip(folder.substr(0, 60)));
  CHECK(!is_office_zip(testing::zip_of({{"inner.docx", golden("bees.docx")}})));
  CHECK(!is_office_zip(testing::zip_of({{"mimetype", "application/java-archive"}})));
  CHECK(!is_office_zip(""));
  CHECK(!is_office_zip("PK\x03\x04"));
  CHECK(result_of(testing::zip_of({{"inner.docx", golden("bees.docx")}})).reason == "not-text");
}

TEST_CASE("Office documents cut anywhere, or with any byte changed, are read or rejected") {
  for (const std::string type : {"docx", "xlsx", "pptx", "odt", "ods", "odp", "epub"}) {
    const std::string bytes = golden("bees." + type);
    for (std::size_t size = 0; size < bytes.size(); size += 61) {
      FileType found{};
      Extracted extracted;
      const auto rejection = office_to_text(bytes.substr(0, size), found, extracted);
      REQUIRE(rejection);
      CHECK(rejection->reason == "damaged");
    }
    for (std::size_t at = 0; at < bytes.size(); at += 37) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ 0xff);
      FileType found{};
      Extracted extracted;
      office_to_text(changed, found, extracted);
    }
  }
}

TEST_CASE("Hostile XML is bounded") {
  std::string laughs = "<!DOCTYPE lolz [<!ENTITY a0 \"lol\">";
  for (int i = 1; i < 12; ++i) {
    laughs += "<!ENTITY a" + std::to_string(i) + " \"";
    for (int j = 0; j < 10; ++j) laughs += "&a" + std::to_string(i - 1) + ";";
    laughs += "\">";
  }
  laughs += "<!ENTITY file SYSTEM \"file:///etc/passwd\">]>" + paragraph_of("x &a11; &file; y");
  CHECK(result_of(docx_of(laughs)).text == "x &a11; &file; y\n");

  std::string deep, back;
  for (int i = 0; i < 200000; ++i) deep += "<w:tbl><w:tr><w:tc>", back += "</w:tc></w:tr></w:tbl>";
  CHECK(result_of(docx_of(deep + paragraph_of("deep") + back)).text == "deep\n");

  CHECK(result_of(docx_of("")).reason == "damaged");
  CHECK(result_of(docx_of("<a><b></a>")).reason == "damaged");
  CHECK(result_of(docx_of("<a/>")).reason == "no-text");
  CHECK(result_of(docx_of(paragraph_of(""))).reason == "no-text");
  CHECK(result_of(docx_of(paragraph_of("a\xff\xfe&#xD800;b"))).reason.empty());  // decoded as text of no declared kind
  CHECK(result_of(docx_of(std::string(40 << 20, ' ') + paragraph_of("x"))).reason == "too-large");
}

TEST_CASE("One long string that a million cells name does not become a million strings") {
  std::string rows;
  for (int i = 0; i < 3000; ++i) rows += "<row><c t='s'><v>0</v></c></row>";
  const std::string relations =
      "<Relationships><Relationship Id='s' Type='a/sharedStrings' Target='s.xml'/>"
      "<Relationship Id='r1' Type='a/worksheet' Target='w.xml'/></Relationships>";
  const auto book = [&](const std::string& shared) {
    return testing::zip_of({{"[Content_Types].xml", "<Types/>"},
                            {"xl/workbook.xml", "<workbook><sheets><sheet name='A' r:id='r1'/></sheets></workbook>"},
                            {"xl/_rels/workbook.xml.rels", relations},
                            {"xl/s.xml", "<sst><si><t>" + shared + "</t></si></sst>"},
                            {"xl/w.xml", "<worksheet><sheetData>" + rows + "</sheetData></worksheet>"}});
  };
  CHECK(result_of(book("ab")).text.size() == 6 + 3000 * 3);
  CHECK(result_of(book(std::string(100000, 'x'))).reason == "too-large");
}

TEST_CASE("What cannot be read says why") {
  const auto wide = [](const std::string& name) {
    std::string bytes = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + std::string(512, '\0');
    for (const char c : name) bytes += c, bytes += '\0';
    return bytes;
  };
  const auto rejection_of = [](const std::string& bytes) {
    Candidate candidate;
    const auto rejection = extract_file(bytes, "a.docx", candidate);
    REQUIRE(rejection);
    return *rejection;
  };
  CHECK(rejection_of(wide("EncryptedPackage")).reason == "encrypted");
  for (const std::string name : {"WordDocument", "Workbook", "PowerPoint Document"}) {
    CHECK(rejection_of(wide(name)).reason == "not-text");
    CHECK(rejection_of(wide(name)).detail.find("convert it first") != std::string::npos);
  }
  CHECK(rejection_of(wide("__substg1.0_")).detail.find(".eml") != std::string::npos);
  CHECK(rejection_of(wide("Else")).reason == "not-text");
  CHECK(rejection_of(testing::zip_of({{"mimetype", "application/vnd.oasis.opendocument.text"},
                                      {"content.xml", "garbage"},
                                      {"META-INF/manifest.xml", "<m><e><encryption-data/></e></m>"}}))
            .reason == "encrypted");
  std::string locked = docx_of(paragraph_of("x"));
  for (std::size_t at = 0; (at = locked.find("PK\x01\x02", at)) != std::string::npos; ++at) locked[at + 8] |= 1;
  CHECK(rejection_of(locked).reason == "encrypted");
}

TEST_CASE("Numbers of cells show as Excel shows them") {
  using enum NumberFormat;
  struct Case {
    const char* value;
    NumberFormat format;
    const char* shown;
  };
  const Case cases[] = {
      {"1", date, "1900-01-01"},
      {"59", date, "1900-02-28"},
      {"61", date, "1900-03-01"},
      {"45351", date, "2024-02-29"},
      {"2958465", date, "9999-12-31"},
      {"2958466", date, "2958466"},
      {"45351.604166666664", date_time, "2024-02-29 14:30"},
      {"0.5", time, "12:00"},
      {"1.5", time, "36:00"},
      {"0.99999999", time, "24:00"},
      {"-1", date, "-1"},
      {"0.30000000000000004", number, "0.3"},
      {"1e400", number, "1e400"},
      {"words", date, "words"},
      {"", date, ""},
  };
  for (const Case& each : cases) {
    INFO(each.value);
    CHECK(show_number(each.value, each.format, false) == each.shown);
  }
  CHECK(show_number("0", date, true) == "1904-01-01");
  CHECK(number_format_of("yyyy-mm-dd") == date);
  CHECK(number_format_of("[$-409]mmm d;@") == date);
  CHECK(number_format_of("[h]:mm:ss") == time);
  CHECK(number_format_of("m/d/yy h:mm") == date_time);
  CHECK(number_format_of("General") == number);
  CHECK(number_format_of("0.00 \"days\"") == number);
  CHECK(number_format_of("[Red]#,##0\\d") == number);
  CHECK(number_format_of("\"unclosed") == number);
  CHECK(column_of("A1") == 0);
  CHECK(column_of("AB12") == 27);
  CHECK(column_of("XFD1") == 16383);
  CHECK(column_of("ZZZZZZZZZ1") == -1);
  CHECK(column_of("12") == -1);
}

TEST_CASE("Targets of relationships are resolved within the package") {
  CHECK(resolve_part("x/y/z.xml", "../a/b.xml") == "x/a/b.xml");
  CHECK(resolve_part("", "word/document.xml") == "word/document.xml");
  CHECK(resolve_part("x/y", "/a%20b.xml#c") == "a b.xml");
  CHECK(resolve_part("x", "../../../etc/passwd") == "etc/passwd");
  CHECK(resolve_part("x/y", "%") == "x/%");
}

}  // namespace
}  // namespace hearth::text
