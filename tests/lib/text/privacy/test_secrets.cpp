// SPDX-License-Identifier: Apache-2.0
#include "lib/text/privacy/secrets.h"
#include "tests/lib/text/privacy/cases.h"

namespace hearth::text::privacy {
namespace {

// Made up, and in parts, so that no scanner takes this file for a leak.
const std::string random40 = std::string("Zq8vTn2Lx7Rw4Kp9Bd3") + "Hc6Mf1Js5Yg0Wk8Pv2Nt7";  // 40
const std::string random36 = random40.substr(4);
const std::string hex32 = std::string("9f3a7c1e5b2d8604") + "c7e1f09a3b5d2846";

}  // namespace

TEST_CASE("keys by their prefixes and lengths") {
  const std::string github = "ghp" + ("_" + random36), amazon = std::string("AKIA") + "QZ7RT2LMX4WPK9VB";
  const std::string google = "AI" + ("za" + random40.substr(5)), npm = "npm" + ("_" + random36);
  const std::string slack = "xo" + ("xb-904318257761-" + random40.substr(0, 24));
  const std::string stripe = "sk_" + ("live_" + random40.substr(0, 24)), twilio = "S" + ("K" + hex32);
  const std::string sendgrid = "S" + ("G." + random40.substr(0, 22) + "." + random40 + "aB3");
  const std::string telegram = "123456789" + (":" + random40.substr(0, 35)),
                    mailchimp = hex32 + ("-us" + std::string("12"));
  const std::string token = "eyJhbGciOiJIUzI1NiJ9" + ("." + std::string("eyJzdWIiOiI0MiJ9")) + "." + random36;
  const std::string of_letters = "hf" + ("_" + std::string("ZqvTnLxRwKpBdHcMfJsYgWkPvNtqUeAiOb")),
                    vault = "hv" + ("s." + random40 + random40 + "aB3xYz90");
  const std::string amazon_of_letters = std::string("AKIA") + "UOAAFYIQZNJQJHIE";
  const std::string atlassian = "ATA" + ("TT3xFfGF0" + random40 + random40) + "=9F3A7C1E";
  for (const std::string& key : {of_letters, amazon_of_letters, vault, atlassian, github, amazon, google, npm, slack,
                                 stripe, twilio, sendgrid, telegram, mailchimp, token}) {
    CHECK(found_in("x " + key + " y") == "key:" + key);
    CHECK(found_in("\"" + key + "\",") == "key:" + key);
    CHECK(found_in("https://h.org/" + key + "\n") == "key:" + key);
  }
  check_cases({
      {std::string("AKIA") + "IOSFODNN7EXAMPLE", ""},
      {"ghp_" + std::string(36, 'x'), ""},
      {"skipping_the_long_identifier_of_2_words", ""},
      {"hf_of_an_identifier_with_34_letters_xy", ""},
      {"hf_abcdefghijklmnopqrstuvwxyzabcdefgh", ""},
      {"/usr/lib/x86_64-linux-gnu/perl5/5.36/auto/Foo", ""},
  });
}

TEST_CASE("values assigned to names of secrets") {
  check_cases({
      {"password = \"hunter2\"", "password:hunter2"},
      {"{\"db_password\": \"tr0ub4dor&3\"}", "password:tr0ub4dor&3"},
      {"config['passwd'] => 'S3cret-9'", "password:S3cret-9"},
      {"DB_PASSWORD=hunter22\n", "password:hunter22"},
      {"mysql --password=hunter22 -h x", "password:hunter22"},
      {"postgres://app:hunter2@db.host.org/x", "password:hunter2"},
      {"api_key: \"" + hex32 + "\"", "key:" + hex32},
      {"Authorization: Bearer " + random40, "key:" + random40},
      {"aws_secret_access_key = " + random40, "key:" + random40},
      {"password = \"changeme\" password: \"${PASSWORD}\" pwd = \"xxxx1\" passwd=''", ""},
      {"password = get_password(1)", ""},
      {"password: string2\nif password == other1:", "password:string2"},
      {"token = next_token_1; monkey = \"banana7\"; bypass = \"road12\"", ""},
      {"http://user:password@host.org/ http://user:${PW}@host.org/", ""},
      {"public_key = \"" + random40 + "\"", ""},
      {"\"@some/password\": \"^4.0.17\", http://user:80@host.org/", ""},
      {"etag: W/\"" + random40 + "\"", ""},
      {"f(\"V2FyZWhvdXNlOjJjMGNiODAwLTU0N2ItNDM1ZS04Y2Uw\")", ""},
  });
}

TEST_CASE("random strings are keys unless the line says that they are hashes") {
  const std::string value = random40 + "+" + random36.substr(3);
  check_cases({
      {"x = \"" + random40 + "\"", "key:" + random40},
      {"\"integrity\": \"sha512-" + value + "==\"", ""},
      {"commit \"" + random40 + "\"", ""},
      {"name = \"ThisIsALongCamelCaseIdentifier2\"", ""},
      {"alphabet = \"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789\"", ""},
      {"id 123e4567-e89b-12d3-a456-426614174000", ""},
      {hex32 + "  file.txt", ""},
  });
}

TEST_CASE("a private key goes as a whole block, a public one stays") {
  const std::string label = std::string("RSA PRIVATE") + " KEY-----";
  const std::string body = random40 + "\n" + random40 + "\n";
  const std::string block = "-----BEGIN " + label + "\n" + body + "-----END " + label;
  CHECK(found_in("a\n" + block + "\nb") == "key:" + block);
  CHECK(found_in("-----BEGIN " + label + "\n...\n-----END " + label) == "");
  CHECK(found_in("-----BEGIN PUBLIC KEY-----\n" + body + "-----END PUBLIC KEY-----") == "");
  CHECK(found_in("-----BEGIN " + label + "\n" + body + body) == "key:-----BEGIN " + label + "\n" + body + body);
}

TEST_CASE("names of secrets") {
  for (const auto& [name, secret] : {std::pair{"password", true},
                                     {"DB_PASS", true},
                                     {"clientSecret", true},
                                     {"api-key", true},
                                     {"access.token", true},
                                     {"keyboard", false},
                                     {"compass", false},
                                     {"public_key", false},
                                     {"tokens", false},
                                     {"", false}}) {
    Kind kind = Kind::key;
    INFO(name);
    CHECK(names_secret(name, kind) == secret);
  }
}

}  // namespace hearth::text::privacy
