// SPDX-License-Identifier: Apache-2.0
// The readers of PDF (from what pdftotext prints, and by it where it is installed), notebooks and Markdown.
#include <string>

#include "lib/base/file.h"
#include "lib/text/extract.h"
#include "lib/text/extract/markdown.h"
#include "lib/text/extract/notebook.h"
#include "lib/text/extract/pdf.h"
#include "tests/support/catch.h"

namespace hearth::text {
namespace {

std::string printed(const std::string& body) {
  return "<head>\n<title>A &amp; B</title>\n<meta name=\"Author\" content=\"Ann\"/>\n</head>\n<body>\n<pre>\n" + body +
         "</pre>\n";
}

std::string text_of(const std::string& body) {
  Extracted extracted;
  read_pdftotext(printed(body), extracted);
  return extracted.text;
}

TEST_CASE("What repeats on the pages of a PDF goes, and paragraphs go on over page ends") {
  CHECK(
      text_of(
          "Handbook\n\nFirst words that\n\n1\n\n\fHandbook\n\ngo on here.\n\n2\n\n\fHandbook\n\nNew one.\n\n3\n\n\f") ==
      "First words that\ngo on here.\n\nNew one.\n");
  CHECK(text_of("Title\n\n12\n\n\fTitle\n\n13\n\n\f") == "Title\n\n12\n\nTitle\n\n13\n");  // two pages prove nothing
  CHECK(text_of("if a <b & c> d\n\f") == "if a <b & c> d\n");
  Extracted extracted;
  read_pdftotext(printed("x\n\fy\n\f"), extracted);
  REQUIRE(extracted.attributes.size() == 3);
  CHECK(extracted.attributes[0].second == "\"A & B\"");
  CHECK(extracted.attributes[2].second == "2");
  Extracted none;
  read_pdftotext("nothing of the kind", none);
  CHECK(none.text.empty());
}

TEST_CASE("PDF files, good and bad") {
  if (find_program("pdftotext").empty()) {
    WARN("pdftotext is not installed");
    return;
  }
  const std::string folder = std::string(HEARTH_SOURCE_DIR) + "/tests/golden/extract/";
  Candidate candidate;
  REQUIRE(!extract_file(read_file(folder + "pages.pdf"), "wrong-name.txt", candidate));
  CHECK(candidate.document.type == "pdf");
  CHECK(candidate.document.text == read_file(folder + "pages.pdf.text"));
  CHECK(candidate.document.attributes.find(R"("title":"Notes on bees")") != std::string::npos);
  CHECK(candidate.document.attributes.find(R"("pages":4)") != std::string::npos);
  const auto reason = [](const std::string& bytes) {
    Candidate bad;
    const auto rejection = extract_file(bytes, "a.pdf", bad);
    return rejection ? rejection->reason : "";
  };
  CHECK(reason(read_file(folder + "encrypted.pdf")) == "encrypted");
  CHECK(reason(read_file(folder + "picture.pdf")) == "no-text");
  CHECK(reason("%PDF-1.4\n") == "parser-failed");
  CHECK(reason("%PDF-1.4\n" + std::string(100000, '<')) == "parser-failed");
}

TEST_CASE("Notebooks are their cells") {
  Extracted extracted;
  const std::string notebook = R"({"metadata":{"language_info":{"name":"python"}},"cells":[
    {"cell_type":"markdown","source":["# Title\n","words"]},
    {"cell_type":"code","source":"x = 1\n","outputs":[{"text":"secret"}]},
    {"cell_type":"raw","source":"raw"}, 7, {"cell_type":"code","source":[3]}]})";
  REQUIRE(!notebook_to_text(notebook, extracted));
  CHECK(extracted.text == "# Title\nwords\n\n```python\nx = 1\n```\n");
  Extracted bad;
  CHECK(notebook_to_text("{\"cells\":", bad)->reason == "bad-json");
  CHECK(notebook_to_text("[]", bad)->reason == "no-text");
  CHECK(notebook_to_text("{\"cells\":{},\"worksheets\":3}", bad)->reason == "no-text");
  CHECK(notebook_to_text(std::string(1000000, '['), bad)->reason == "bad-json");
}

TEST_CASE("Markdown loses its front matter and its comments") {
  struct Case {
    std::string markdown, text;
  };
  const Case cases[] = {
      {"---\ntitle: \"A b\"\ntags: [x]\n---\nbody\n", "body\n"},
      {"+++\ntitle = 'A b'\n+++\nbody\n", "body\n"},
      {"---\n\nA rule above\n---\n", "---\n\nA rule above\n---\n"},
      {"---\ntitle: never ends\n", "---\ntitle: never ends\n"},
      {"a <!-- b --> c\n", "a  c\n"},
      {"a\n<!-- b\nb -->\nc\n", "a\nc\n"},
      {"```html\n<!-- kept -->\n```\n<!-- gone -->\n", "```html\n<!-- kept -->\n```\n"},
      {"`<!--` is how one begins\n", "`<!--` is how one begins\n"},
      {"a <!-- without end\nb\n", "a <!-- without end\nb\n"},
      {"", ""},
  };
  for (const Case& each : cases) {
    Extracted extracted;
    markdown_to_text(each.markdown, extracted);
    CHECK(extracted.text == each.text);
    if (each.text == "body\n") CHECK(extracted.attributes.at(0).second == "\"A b\"");
  }
}

}  // namespace
}  // namespace hearth::text
