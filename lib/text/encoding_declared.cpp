// SPDX-License-Identifier: Apache-2.0
// Encodings that a file or a message declares. Only common ones go to iconv: its rarer modules have had holes.
#include <iconv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "lib/base/text.h"
#include "lib/text/encoding.h"

namespace hearth::text {
namespace {

constexpr std::size_t head_bytes = 2048;         // in which a declaration stands
constexpr std::uint64_t characters_a_loss = 20;  // more replaced than one in so many: not that encoding

struct Charset {
  std::string_view declared, iconv_name;
};

// The web reads Latin-1 and ASCII as Windows-1252, GB 2312 as GBK and so on: supersets that files really use (WHATWG
// Encoding Standard, labels).
constexpr std::array<Charset, 62> charsets = {{{"ascii", "WINDOWS-1252"},
                                               {"us-ascii", "WINDOWS-1252"},
                                               {"latin1", "WINDOWS-1252"},
                                               {"latin-1", "WINDOWS-1252"},
                                               {"iso-8859-1", "WINDOWS-1252"},
                                               {"iso8859-1", "WINDOWS-1252"},
                                               {"cp1252", "WINDOWS-1252"},
                                               {"windows-1252", "WINDOWS-1252"},
                                               {"latin2", "ISO-8859-2"},
                                               {"latin-2", "ISO-8859-2"},
                                               {"iso-8859-2", "ISO-8859-2"},
                                               {"iso-8859-3", "ISO-8859-3"},
                                               {"iso-8859-4", "ISO-8859-4"},
                                               {"iso-8859-5", "ISO-8859-5"},
                                               {"iso-8859-6", "ISO-8859-6"},
                                               {"iso-8859-7", "ISO-8859-7"},
                                               {"iso-8859-8", "ISO-8859-8"},
                                               {"iso-8859-9", "WINDOWS-1254"},
                                               {"iso-8859-10", "ISO-8859-10"},
                                               {"iso-8859-13", "ISO-8859-13"},
                                               {"iso-8859-14", "ISO-8859-14"},
                                               {"iso-8859-15", "ISO-8859-15"},
                                               {"latin9", "ISO-8859-15"},
                                               {"latin-9", "ISO-8859-15"},
                                               {"iso-8859-16", "ISO-8859-16"},
                                               {"windows-1250", "WINDOWS-1250"},
                                               {"windows-1251", "WINDOWS-1251"},
                                               {"cp1251", "WINDOWS-1251"},
                                               {"windows-1253", "WINDOWS-1253"},
                                               {"windows-1254", "WINDOWS-1254"},
                                               {"windows-1255", "WINDOWS-1255"},
                                               {"windows-1256", "WINDOWS-1256"},
                                               {"windows-1257", "WINDOWS-1257"},
                                               {"windows-1258", "WINDOWS-1258"},
                                               {"windows-874", "WINDOWS-874"},
                                               {"tis-620", "WINDOWS-874"},
                                               {"iso-8859-11", "WINDOWS-874"},
                                               {"koi8-r", "KOI8-R"},
                                               {"koi8-u", "KOI8-U"},
                                               {"ibm437", "IBM437"},
                                               {"ibm850", "IBM850"},
                                               {"ibm852", "IBM852"},
                                               {"ibm855", "IBM855"},
                                               {"ibm866", "IBM866"},
                                               {"cp866", "IBM866"},
                                               {"macintosh", "MACINTOSH"},
                                               {"mac-cyrillic", "MAC-CYRILLIC"},
                                               {"shift_jis", "WINDOWS-31J"},
                                               {"shift-jis", "WINDOWS-31J"},
                                               {"sjis", "WINDOWS-31J"},
                                               {"euc-jp", "EUC-JP"},
                                               {"iso-2022-jp", "ISO-2022-JP"},
                                               {"euc-kr", "UHC"},
                                               {"uhc", "UHC"},
                                               {"ks_c_5601-1987", "UHC"},
                                               {"gb2312", "GBK"},
                                               {"gbk", "GBK"},
                                               {"gb18030", "GB18030"},
                                               {"big5", "BIG5"},
                                               {"utf-16", "UTF-16"},
                                               {"utf-16le", "UTF-16LE"},
                                               {"utf-16be", "UTF-16BE"}}};

class Converter {
 public:
  explicit Converter(std::string_view from) : handle_(iconv_open("UTF-8", std::string(from).c_str())) {}
  ~Converter() {
    if (is_open()) iconv_close(handle_);
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;

  bool is_open() const { return handle_ != reinterpret_cast<iconv_t>(-1); }
  // Converts the front of bytes and takes it away; 0 or the error (E2BIG: there is more).
  int convert(std::string_view& bytes, std::string& out) {
    std::array<char, 16 << 10> buffer;
    char* from = const_cast<char*>(bytes.data());
    char* to = buffer.data();
    std::size_t left = bytes.size(), room = buffer.size();
    const std::size_t done = iconv(handle_, &from, &left, &to, &room);
    const int error_number = done == static_cast<std::size_t>(-1) ? errno : 0;
    out.append(buffer.data(), buffer.size() - room);
    bytes.remove_prefix(bytes.size() - left);
    return error_number;
  }

 private:
  iconv_t handle_;
};

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return lower;
}

// The name behind key ("charset="), perhaps quoted; "" when it does not stand in text.
std::string name_behind(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + key.size());
  text.remove_prefix(std::min(text.find_first_not_of(" \t\"'="), text.size()));
  return std::string(text.substr(0, text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.:")));
}

}  // namespace

std::string declared_charset(std::string_view bytes) {
  const std::string head = lower_case(bytes.substr(0, head_bytes));
  if (trim(head).starts_with("<?xml")) {
    if (auto name = name_behind(std::string_view(head).substr(0, head.find("?>")), "encoding="); !name.empty())
      return name;
  }
  for (std::size_t at = head.find("<meta"); at != std::string::npos; at = head.find("<meta", at + 5)) {
    const std::string_view tag = std::string_view(head).substr(at, head.find('>', at) - at);
    if (auto name = name_behind(tag, "charset="); !name.empty()) return name;
  }
  const std::size_t first = head.find('\n');
  const std::size_t second = first == std::string::npos ? first : head.find('\n', first + 1);
  for (const std::string_view key : {"coding:", "coding="}) {
    if (auto name = name_behind(std::string_view(head).substr(0, second), key); !name.empty()) return name;
  }
  return {};
}

std::optional<Rejection> decode_as(std::string_view charset, std::string_view bytes, Decoded& decoded) {
  const std::string name = lower_case(trim(charset));
  if (name == "utf-8" || name == "utf8") return decode(std::string(bytes), decoded);
  const auto* known =
      std::find_if(charsets.begin(), charsets.end(), [&](const Charset& each) { return each.declared == name; });
  if (known == charsets.end()) return Rejection{"unknown-encoding", "its charset is called '" + name + "'"};
  Converter converter(known->iconv_name);
  if (!converter.is_open()) return Rejection{"unknown-encoding", "iconv here does not know " + name};
  decoded = {};
  decoded.encoding = Encoding::declared;
  decoded.charset = name;
  while (!bytes.empty()) {
    const int error_number = converter.convert(bytes, decoded.text);
    if (error_number == 0 || error_number == E2BIG) continue;
    append_utf8(decoded.text, 0xfffd);
    ++decoded.n_replaced;
    bytes.remove_prefix(std::min<std::size_t>(bytes.size(), 1));
  }
  if (decoded.n_replaced * characters_a_loss > count_characters(decoded.text)) {
    return Rejection{"unknown-encoding", "declared as " + name + ", but " + std::to_string(decoded.n_replaced) +
                                             " characters are none of it"};
  }
  return std::nullopt;
}

}  // namespace hearth::text
