// SPDX-License-Identifier: Apache-2.0
// Mail against what Python's email package wrote and read (tests/golden/make/mail.py), and the rules for quotes.
#include "lib/text/mail/mail.h"

#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/text/mail/mime.h"
#include "lib/text/mail/transfer.h"
#include "tests/support/catch.h"

namespace hearth::text {
namespace {

const fs::path golden = fs::path(HEARTH_SOURCE_DIR) / "tests/golden/mail";

std::string unix_lines(std::string text) {
  std::erase(text, '\r');
  return text;
}

}  // namespace

TEST_CASE("subjects, senders and texts are those another reader finds") {
  const Json expected = parse_json(read_file(golden / "expected.json"), "expected.json");
  REQUIRE(expected.size() >= 8);
  for (const auto& [name, mail] : expected.items()) {
    INFO(name);
    const std::string bytes = read_file(golden / name);
    const MimePart part = parse_mime(bytes);
    CHECK(decode_words(part.field("subject")) == mail["subject"].get<std::string>());
    CHECK(decode_words(part.field("from")) == mail["from"].get<std::string>());
    Candidate candidate;
    const auto rejection = extract_mail(bytes, candidate);
    const std::string wanted = unix_lines(mail["text"].get<std::string>());
    CHECK(rejection.has_value() == wanted.empty());
    if (rejection) {
      CHECK(rejection->reason == "no-text");
      continue;
    }
    const std::string& text = candidate.document.text;
    CHECK(candidate.document.type == "mail");
    CHECK(text.starts_with("Subject: " + mail["subject"].get<std::string>() + "\nFrom: "));
    CHECK(trim(text.substr(text.find("\n\n"))) == trim(without_quotes(wanted)));
    const Json attributes = parse_json(candidate.document.attributes, "attributes");
    CHECK(attributes["subject"] == mail["subject"]);
    CHECK(attributes["from"] == mail["from"]);
  }
}

TEST_CASE("quotes and signatures go, short quotes that are answered stay") {
  struct Case {
    const char *text, *own;
  };
  const Case cases[] = {
      {"Yes.\n\nOn Monday, A wrote:\n> one\n> two\n> three\n> four\n> five\n", "Yes.\n\n"},
      {"On Monday, 2 March,\nA <a@b.c> wrote:\n> is it?\n\nIt is.\n",
       "On Monday, 2 March,\nA <a@b.c> wrote:\n> is it?\n\nIt is.\n"},
      {"> old\n> old\n> old\n> old\n> old\nnew\n", "new\n"},
      {"text\n-- \nname\n", "text\n"},
      {"text\n-----Original Message-----\nFrom: A\nold\n", "text\n"},
      {"text\n________________________________\nFrom: A\nold\n", "text\n"},
      {"text\n________________________________\nmore\n", "text\n________________________________\nmore\n"},
      {"Ja.\n\nAm 3. März schrieb A:\n>> alt\n> neu\n", "Ja.\n\n"},
      {"a > b\n", "a > b\n"},
      {"", ""},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    CHECK(without_quotes(c.text) == c.own);
  }
}

TEST_CASE("HTML is the text where there is no other, and flowed lines are joined") {
  Candidate html;
  CHECK(
      !extract_mail("Subject: s\nContent-Type: text/html; charset=iso-8859-1\n\n<p>caf\xe9 <i>au lait</i></p>", html));
  CHECK(html.document.text == "Subject: s\n\ncafé au lait\n");
  Candidate flowed;
  CHECK(!extract_mail("Content-Type: text/plain; format=flowed\n\none \ntwo\nthree\n", flowed));
  CHECK(flowed.document.text == "one two\nthree\n");
}

TEST_CASE("transfer encodings take anything") {
  CHECK(decode_base64("aGVs\r\nbG8=") == "hello");
  CHECK(decode_base64("aGVsbG8") == "hello");
  CHECK(decode_base64("!!aGVs*bG8=") == "hello");
  CHECK(decode_quoted_printable("a=\nb=C3=A9=ZZ =\r\nc  \nd=") == "abé=ZZ c\nd");
  CHECK(decode_q("a_b=20c=") == "a b c=");
  CHECK(decode_percent("%C3%A9%") == "é%");
  CHECK(decode_uu("begin 644 a\n#0V%T\n`\nend\n") == "Cat");
  CHECK(decode_words("=?utf-8?q?=C3?= =?utf-8?q?=A9?= x =?bad") == "é x =?bad");
  CHECK(decode_words("=?x-unknown?b?YWJj?=") == "abc");
  CHECK(from_charset("\xe9\xe8", "no-such") == "éè");
}

TEST_CASE("hostile structures end") {
  std::string nested = "Content-Type: multipart/mixed; boundary=b0\n\n";
  for (int i = 0; i < 2000; ++i) {
    nested +=
        "--b" + std::to_string(i) + "\nContent-Type: multipart/mixed; boundary=b" + std::to_string(i + 1) + "\n\n";
  }
  Candidate deep;
  CHECK(!extract_mail(nested, deep));
  std::string many = "Content-Type: multipart/mixed; boundary=b\n\n";
  for (int i = 0; i < 20'000; ++i) many += "--b\n\nx\n";
  CHECK(parse_mime(many).parts.size() <= 1000);
}

}  // namespace hearth::text
