// SPDX-License-Identifier: Apache-2.0
// Bytes to UTF-8: each rule of lib/text/encoding.h, and the repairs of lib/text/normalize.h. NFC is compared with
// utf8proc over all characters.
#include <utf8proc.h>

#include <iconv.h>
#include <cstdlib>

#include <string>

#include "lib/base/rng.h"
#include "lib/text/encoding.h"
#include "lib/text/normalize.h"
#include "tests/support/catch.h"

namespace hearth::text {
namespace {

using namespace std::string_literals;

std::string nfc_by_utf8proc(const std::string& text) {
  utf8proc_uint8_t* result = nullptr;
  const auto length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &result, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  REQUIRE(length >= 0);
  std::string out(reinterpret_cast<const char*>(result), static_cast<std::size_t>(length));
  std::free(result);
  return out;
}

std::string utf8(char32_t code_point) {
  std::string out;
  append_utf8(out, code_point);
  return out;
}

}  // namespace

TEST_CASE("bytes are decoded by the first rule that fits") {
  struct Case {
    const char* what;
    std::string bytes, text;
    Encoding encoding;
    std::uint64_t n_replaced;
  };
  const Case cases[] = {
      {"empty", "", "", Encoding::utf8, 0},
      {"ascii", "plain\n", "plain\n", Encoding::utf8, 0},
      {"utf-8", "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80", "naïve € 😀", Encoding::utf8, 0},
      {"utf-8 with mark", "\xef\xbb\xbfhi", "hi", Encoding::utf8, 0},
      {"a mark alone", "\xef\xbb\xbf", "", Encoding::utf8, 0},
      {"utf-16 little", "\xff\xfeh\0i\0\x3d\xd8\x00\xde"s, "hi😀", Encoding::utf16, 0},
      {"utf-16 big", "\xfe\xff\0h\x20\xac"s, "h€", Encoding::utf16, 0},
      {"utf-16 lone surrogate", "\xff\xfeh\0\x3d\xd8i\0"s, "h\uFFFDi", Encoding::utf16, 1},
      {"utf-16 odd byte", "\xff\xfeh\0i"s, "h\uFFFD", Encoding::utf16, 1},
      {"utf-32 little", "\xff\xfe\0\0h\0\0\0\0\xf6\x01\0"s, "h😀", Encoding::utf32, 0},
      {"utf-32 big", "\0\0\xfe\xff\0\0\0h"s, "h", Encoding::utf32, 0},
      {"utf-32 beyond unicode", "\0\0\xfe\xff\0\x11\0\0"s, "\uFFFD", Encoding::utf32, 1},
      {"latin-1", "caf\xe9", "café", Encoding::windows1252, 0},
      {"windows quotes", "\x93hi\x94 \x80", "“hi” €", Encoding::windows1252, 0},
      {"undefined in windows-1252", "a\x81z", "a\uFFFDz", Encoding::windows1252, 1},
      {"both in one file", "caf\xe9 na\xc3\xafve", "café naïve", Encoding::mixed, 0},
      {"sequence cut short", "euro \xe2\x82 end", "euro \uFFFD end", Encoding::mixed, 1},
      {"overlong slash", "a\xc0\xafz", "aÀ¯z", Encoding::windows1252, 0},
      {"encoded surrogate", "a\xed\xa0\x80z", "aí\u00a0€z", Encoding::windows1252, 0},
      {"beyond unicode", "a\xf5z", "aõz", Encoding::windows1252, 0},
      {"one stray control in a long text", std::string(400, 'a') + "\x01", std::string(400, 'a') + "\x01",
       Encoding::utf8, 0},
  };
  for (const Case& each : cases) {
    INFO(each.what);
    Decoded decoded;
    const auto rejection = decode(each.bytes, decoded);
    CHECK(!rejection);
    CHECK(decoded.text == each.text);
    CHECK(name_of(decoded.encoding) == name_of(each.encoding));
    CHECK(decoded.n_replaced == each.n_replaced);
  }
}

TEST_CASE("what is not text is refused by name") {
  struct Case {
    const char* what;
    std::string bytes, reason, detail;
  };
  std::string noise = "\xff\xfe";
  Rng rng(7);
  for (int i = 0; i < 4000; ++i) noise += static_cast<char>(rng.below(256));
  const Case cases[] = {
      {"an executable",
       "\x7f"
       "ELF\x02\x01\x01\0\0\0\0\0\0\0\0\0"s,
       "not-text", "12 of 16 bytes"},
      {"a PDF", "%PDF-1.4\n" + std::string(1000, 'x'), "not-text", "PDF"},
      {"PostScript", "%!PS-Adobe-3.0\n" + std::string(1000, 'x'), "not-text", "PostScript"},
      {"noise that begins like UTF-16", noise, "not-text", "begins like utf-16"},
      {"koi8-r", "\xf0\xd2\xc9\xd7\xc5\xd4, \xcd\xc9\xd2! \xeb\xc1\xcb \xc4\xc5\xcc\xc1?", "unknown-encoding", "iconv"},
      {"gbk", "\xc4\xe3\xba\xc3\xa3\xac\xca\xc0\xbd\xe7\xa1\xa3\xd6\xd0\xce\xc4", "unknown-encoding",
       " bytes are neither"},
  };
  for (const Case& each : cases) {
    INFO(each.what);
    Decoded decoded;
    const auto rejection = decode(each.bytes, decoded);
    REQUIRE(rejection);
    CHECK(rejection->reason == each.reason);
    CHECK(rejection->detail.find(each.detail) != std::string::npos);
  }
}

namespace {

// The text in a charset.
std::string encoded(const std::string& text, const char* charset) {
  iconv_t converter = iconv_open(charset, "UTF-8");
  REQUIRE(converter != reinterpret_cast<iconv_t>(-1));
  std::string bytes(4 * text.size(), '\0'), from = text;
  char *in = from.data(), *out = bytes.data();
  std::size_t in_left = from.size(), out_left = bytes.size();
  const std::size_t done = iconv(converter, &in, &in_left, &out, &out_left);
  iconv_close(converter);
  REQUIRE(done == 0);
  bytes.resize(bytes.size() - out_left);
  return bytes;
}

}  // namespace

TEST_CASE("real texts in encodings that nothing declares are told by their bytes") {
  // Tolstoy, Anna Karenina; Shevchenko, the Testament; Cavafy, Ithaca; Soseki, I am a Cat; Lu Xun, A Madman's Diary.
  const std::string russian =
      "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.\n"
      "Все смешалось в доме Облонских. Жена узнала, что муж был в связи с бывшею в их доме француженкою-гувернанткой, "
      "и объявила мужу, что не может жить с ним в одном доме.\n";
  const std::string ukrainian =
      "Як умру, то поховайте\nМене на могилі,\nСеред степу широкого,\nНа Вкраїні милій,\nЩоб лани широкополі,\n"
      "І Дніпро, і кручі\nБули видні, було чути,\nЯк реве ревучий.\n";
  const std::string greek =
      "Σα βγεις στον πηγαιμό για την Ιθάκη, να εύχεσαι νάναι μακρύς ο δρόμος, γεμάτος περιπέτειες, γεμάτος γνώσεις.\n"
      "Τους Λαιστρυγόνας και τους Κύκλωπας, τον θυμωμένο Ποσειδώνα μη φοβάσαι.\n";
  const std::string japanese =
      "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗いじめじめした所で"
      "ニャーニャー泣いていた事だけは記憶している。吾輩はここで始めて人間というものを見た。\n";
  const std::string chinese =
      "今天晚上，很好的月光。我不见他，已是三十多年；今天见了，精神分外爽快。才知道以前的三十多年，全是发昏；"
      "然而须十分小心。不然，那赵家的狗，何以看我两眼呢？我怕得有理。\n";
  const std::vector<std::pair<std::string, std::vector<const char*>>> texts = {
      {russian, {"KOI8-R", "WINDOWS-1251", "IBM866", "ISO-8859-5"}},
      {ukrainian, {"WINDOWS-1251"}},
      {greek, {"WINDOWS-1253", "ISO-8859-7"}},
      {japanese, {"SHIFT_JIS", "EUC-JP"}},
      {chinese, {"GB18030"}}};
  for (const auto& [text, charsets] : texts) {
    for (const char* charset : charsets) {
      INFO(charset);
      Decoded decoded;
      const auto rejection = decode(encoded(text, charset), decoded);
      CHECK(!rejection);
      CHECK(decoded.text == text);
      CHECK(decoded.encoding == Encoding::guessed);
      CHECK(!decoded.charset.empty());
    }
  }
}

TEST_CASE("Western texts stay Windows-1252, and bytes that are no writing are refused") {
  const std::string french =
      "Longtemps, je me suis couché de bonne heure. Parfois, à peine ma bougie éteinte, mes yeux se fermaient si vite "
      "que je n’avais pas le temps de me dire : « Je m’endors. » Et, une demi-heure après, la pensée qu’il était temps "
      "de chercher le sommeil m’éveillait ; je voulais poser le volume que je croyais avoir encore dans les mains.\n";
  Decoded decoded;
  CHECK(!decode(encoded(french + french, "WINDOWS-1252"), decoded));
  CHECK(decoded.encoding == Encoding::windows1252);
  CHECK(decoded.text == french + french);
  Rng rng(11);
  for (int i = 0; i < 200; ++i) {  // bytes above 127 without order
    std::string noise;
    for (int k = 0; k < 2000; ++k) noise += static_cast<char>(k % 9 == 8 ? ' ' : 0x80 + rng.below(128));
    decoded = {};
    const auto rejection = decode(noise, decoded);
    if (!rejection) FAIL("noise is taken for " << decoded.charset << std::string(name_of(decoded.encoding)));
  }
}

TEST_CASE("whatever the bytes, what is decoded is valid UTF-8") {
  Rng rng(11);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes;
    const auto length = rng.below(60);
    for (std::uint64_t i = 0; i < length; ++i)
      bytes += static_cast<char>(rng.below(3) == 0 ? rng.below(256) : 0x20 + rng.below(96));
    Decoded decoded;
    if (decode(bytes, decoded)) continue;
    CHECK(is_valid_utf8(decoded.text));
    Repairs repairs;
    CHECK(is_valid_utf8(normalize(decoded.text, repairs)));
  }
}

TEST_CASE("validity of UTF-8 agrees with utf8proc on every sequence of up to three bytes and many of four") {
  const auto valid_by_utf8proc = [](const std::string& text) {
    utf8proc_int32_t code_point = 0;
    return utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                            static_cast<utf8proc_ssize_t>(text.size()),
                            &code_point) == static_cast<utf8proc_ssize_t>(text.size());
  };
  std::uint64_t n_wrong = 0;
  const int edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
  for (int a = 0x80; a < 0x100; ++a) {
    for (int b = 0; b < 0x100; ++b) {
      std::string two{static_cast<char>(a), static_cast<char>(b)};
      n_wrong += (utf8_sequence(two, 0) == 2) != valid_by_utf8proc(two) ? 1 : 0;
      for (const int c : edges) {
        std::string three = two + static_cast<char>(c);
        n_wrong += (utf8_sequence(three, 0) == 3) != valid_by_utf8proc(three) ? 1 : 0;
        for (const int d : edges) {
          std::string four = three + static_cast<char>(d);
          n_wrong += (utf8_sequence(four, 0) == 4) != valid_by_utf8proc(four) ? 1 : 0;
        }
      }
    }
  }
  CHECK(n_wrong == 0);
}

TEST_CASE("controls and line ends") {
  struct Case {
    std::string in, out;
    bool line_ends, controls;
  };
  const Case cases[] = {
      {"a\tb\n  c\f\n", "a\tb\n  c\f\n", false, false},
      {"a\r\nb\rc\r", "a\nb\nc\n", true, false},
      {"a\r\r\nb", "a\n\nb", true, false},
      {"a\vb", "a\nb", true, false},
      {"a\0b\x7f"s, "ab", false, true},
      {"\x1b[1;31mred\x1b[0m", "red", false, true},
      {"\x1b]0;title\abody", "body", false, true},
      {"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link", false, true},
      {"end\x1b", "end", false, true},
      {"odd\x1b[", "odd[", false, true},
      {"N\bNA\bAM\bME\bE", "NAME", false, true},
      {"_\bf_\bi", "fi", false, true},
      {"f\b_i\b_", "fi", false, true},
      {"é\bé", "é", false, true},
      {"\bx", "x", false, true},
      {"it\u0092s \u0081 50\u00a0%", "it’s  50\u00a0%", false, true},
      {std::string(200, 'a') + "\r\n" + std::string(200, 'b'), std::string(200, 'a') + "\n" + std::string(200, 'b'),
       true, false},
  };
  for (const Case& each : cases) {
    INFO(each.in);
    Repairs repairs;
    CHECK(normalize(each.in, repairs) == each.out);
    CHECK(repairs.line_ends == each.line_ends);
    CHECK(repairs.controls == each.controls);
    CHECK(!repairs.composed);
    Repairs again;
    CHECK(normalize(each.out, again) == each.out);  // nothing is left to repair
  }
}

TEST_CASE("canonical composition") {
  struct Case {
    std::string in, out;
  };
  const Case cases[] = {
      {"e\u0301", "\u00e9"},
      {"caf"
       "e\u0301 au lait",
       "café au lait"},
      {"a\u0323\u0302 a\u0302\u0323", "\u1ead \u1ead"},  // marks in either order
      {"\u1100\u1161\u11a8", "\uac01"},                  // Korean from its letters
      {"\uac00\u11a8", "\uac01"},
      {"\u212b \u2126", "\u00c5 \u03a9"},  // singletons
      {"\u0915\u093c", "\u0915\u093c"},    // excluded from composition
      {"\u0301 alone", "\u0301 alone"},
      {"nothing to do", "nothing to do"},
  };
  for (const Case& each : cases) {
    INFO(each.in);
    Repairs repairs;
    CHECK(normalize(each.in, repairs) == each.out);
    CHECK(repairs.composed == (each.in != each.out));
  }
}

TEST_CASE("characters called stable are unchanged by utf8proc, alone and behind any base") {
  std::string second_parts;  // all that can follow in a canonical decomposition
  std::uint64_t n_wrong = 0;
  std::vector<bool> joins(0x110000, false);
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    utf8proc_int32_t parts[16];
    int last_class = 0;
    const auto n =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts, 16, UTF8PROC_DECOMPOSE, &last_class);
    for (utf8proc_ssize_t i = 1; i < n; ++i) joins[static_cast<std::size_t>(parts[i])] = true;
  }
  for (char32_t c = 0; c < 0x110000; ++c) {
    if ((c >= 0xd800 && c < 0xe000) || !is_stable_character(c)) continue;
    const bool moves = utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class != 0;
    if (moves || joins[c] || nfc_by_utf8proc(utf8(c)) != utf8(c)) {
      ++n_wrong;
      UNSCOPED_INFO("U+" << std::hex << static_cast<std::uint32_t>(c));
    }
  }
  CHECK(n_wrong == 0);
}

TEST_CASE("composing by pieces gives what utf8proc gives on the whole") {
  const char32_t pool[] = {'a',     'e',    ' ',    0xe9,   0x301,   0x302, 0x323, 0x327,  0x1100,
                           0x1161,  0x11a8, 0xac00, 0x212b, 0x915,   0x93c, 0x9c7, 0x9be,  0x1d158,
                           0x1d165, 0x4e2d, 0x3099, 0x304b, 0x1f600, 0x5d0, 0x5b0, 0xf900, 0x2adc};
  Rng rng(3);
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (std::uint64_t i = rng.below(24); i > 0; --i) text += utf8(pool[rng.below(std::size(pool))]);
    INFO(text);
    CHECK(compose(text) == nfc_by_utf8proc(text));
  }
}

}  // namespace hearth::text
