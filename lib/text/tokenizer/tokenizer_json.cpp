// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/tokenizer_json.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "lib/base/json_value.h"
#include "lib/text/tokenizer/byte_level.h"
#include "lib/text/tokenizer/character_json.h"

namespace hearth::text {
namespace {

// Objects as std::map: ordered_json looks keys up one by one, far too slow for a vocabulary.
using Value = nlohmann::json;

constexpr std::uint32_t most_ids = 1u << 24;

std::string shown(const Value& value) {
  std::string text = value.dump(-1, ' ', false, Value::error_handler_t::replace);
  return text.size() <= 300 ? text : text.substr(0, 300) + "...";
}

// Reads one file; what it cannot do exactly is an Error naming the field and its value.
class Parser {
 public:
  Parser(std::string_view text, std::string_view where) : where_(where) {
    try {
      root_ = Value::parse(text);
    } catch (const Value::exception& error) {
      const std::string what = error.what();
      fail("not JSON: " + what.substr(std::min(what.size(), what.find("] ") + 2)));
    }
  }

  TokenizerFile parse() {
    const Value& model = member(root_, "model");
    check_model(model);
    if (is_character_level(root_)) {
      file_.pattern = Pattern::sentencepiece;
      file_.characters = read_character_level(root_, where_);
      read_vocab(member(model, "vocab"));
    } else {
      read_normalizer();
      read_pre_tokenizer();
      const Value decoder = optional_member(root_, "decoder");
      if (text_of(optional_member(decoder, "type")) != "ByteLevel") refuse("decoder", decoder);
      read_vocab(member(model, "vocab"));
      read_bytes();
    }
    read_merges(member(model, "merges"));
    read_added();
    return std::move(file_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw Error(Kind::data, std::string(where_) + ": " + what); }
  [[noreturn]] void refuse(const std::string& field, const Value& value) const {
    fail("hearth cannot do this " + field + " exactly: " + shown(value));
  }
  const Value& member(const Value& object, const char* key) const {
    if (!object.is_object() || !object.contains(key))
      fail("not a tokenizer.json: '" + std::string(key) + "' is missing");
    return object.at(key);
  }
  static Value optional_member(const Value& object, const char* key) {
    return object.is_object() && object.contains(key) ? object.at(key) : Value();
  }
  static std::string text_of(const Value& value) {
    return value.is_string() ? value.get<std::string>() : std::string();
  }
  static bool is_true(const Value& value) { return value.is_boolean() && value.get<bool>(); }

  void check_model(const Value& model) {
    const Value type = optional_member(model, "type");
    if (!type.is_null() && type != "BPE") {
      fail("the model is " + shown(type) + "; hearth reads BPE only");
    }
    for (const char* field : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      if (const Value value = optional_member(model, field); !text_of(value).empty()) refuse(field, value);
    }
    if (const Value dropout = optional_member(model, "dropout"); dropout.is_number() && dropout != 0.0) {
      refuse("dropout", dropout);
    }
    file_.ignore_merges = is_true(optional_member(model, "ignore_merges"));
  }

  // null, NFC, or a Sequence of nothing else.
  void read_normalizer() {
    const Value normalizer = optional_member(root_, "normalizer");
    if (normalizer.is_null()) return;
    const Value list = optional_member(normalizer, "normalizers");
    for (const Value& step : list.is_array() ? list : Value::array({normalizer})) {
      if (text_of(optional_member(step, "type")) != "NFC") refuse("normalizer", normalizer);
      file_.nfc = true;
    }
  }

  // Splits by known expressions, then ByteLevel; or ByteLevel alone, with GPT-2's expression or none.
  void read_pre_tokenizer() {
    const Value whole = optional_member(root_, "pre_tokenizer");
    const Value list = optional_member(whole, "pretokenizers");
    const Value steps = list.is_array() ? list : Value::array({whole});
    std::vector<std::string> regexes;
    bool every_split_isolates = true;
    for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
      const Value& step = steps[i];
      const std::string behavior = text_of(optional_member(step, "behavior"));
      const bool inverted = is_true(optional_member(step, "invert"));
      const bool isolates = behavior == "Isolated" && !inverted;
      every_split_isolates = every_split_isolates && isolates;
      if (text_of(optional_member(step, "type")) != "Split" || !(isolates || (behavior == "Removed" && inverted))) {
        refuse("pre_tokenizer", step);
      }
      regexes.push_back(text_of(optional_member(optional_member(step, "pattern"), "Regex")));
    }
    const Value last = steps.empty() ? whole : steps.back();
    const Value use_regex = optional_member(last, "use_regex");
    const bool gpt2 = use_regex.is_null() || is_true(use_regex);
    if (text_of(optional_member(last, "type")) != "ByteLevel" || is_true(optional_member(last, "add_prefix_space")) ||
        (gpt2 && !regexes.empty())) {
      refuse("pre_tokenizer", last);
    }
    if (regexes.empty()) {
      file_.pattern = gpt2 ? Pattern::gpt2 : Pattern::none;
      return;
    }
    const PatternInfo* known = pattern_by_regexes(regexes);
    // What is between the matches is dropped by "Removed, inverted"; only DeepSeek's expressions leave anything there.
    if (known != nullptr && (every_split_isolates || known->pattern != Pattern::deepseek3)) {
      file_.pattern = known->pattern;
      return;
    }
    std::string all;
    for (const std::string& regex : regexes) all += "\n  " + regex;
    fail("the pre-tokenizer's regular expression is not one that hearth knows:" + all);
  }

  std::uint32_t checked_id(const Value& id, const std::string& token) const {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= most_ids) {
      fail("the id of '" + token + "' is " + shown(id) + ", not a whole number below " + std::to_string(most_ids));
    }
    return id.get<std::uint32_t>();
  }

  void set_token(std::uint32_t id, const std::string& spelled) {
    if (id >= file_.tokens.size()) file_.tokens.resize(id + 1);
    file_.tokens[id] = file_.characters ? bytes_of_token(spelled) : from_byte_level(spelled).value_or(spelled);
  }

  void read_vocab(const Value& vocab) {
    if (!vocab.is_object() || vocab.empty()) fail("the vocabulary is not an object of tokens, or is empty");
    vocab_.reserve(vocab.size() * 2);
    for (const auto& [spelled, value] : vocab.items()) {
      const std::uint32_t id = checked_id(value, spelled);
      if (id < file_.tokens.size() && !file_.tokens[id].empty()) fail("two tokens have the id " + std::to_string(id));
      vocab_.emplace(spelled, id);
      set_token(id, spelled);
    }
    if (!file_.characters) return;
    file_.characters->spelled.resize(file_.tokens.size());
    for (const auto& [spelled, id] : vocab_) {
      if (spelled.find(' ') == std::string::npos) file_.characters->spelled[id] = marks_to_spaces(spelled);
    }
  }

  void read_bytes() {
    file_.byte_ids.resize(256);
    for (unsigned byte = 0; byte < 256; ++byte) {
      const auto found = vocab_.find(to_byte_level(std::string(1, static_cast<char>(byte))));
      if (found == vocab_.end())
        fail("the vocabulary has no token for byte " + std::to_string(byte) + ": not byte-level BPE");
      file_.byte_ids[byte] = found->second;
    }
  }

  std::uint32_t merge_part(const std::string& spelled) const {
    const auto found = vocab_.find(spelled);
    if (found == vocab_.end()) fail("a merge names '" + spelled + "', which is not in the vocabulary");
    return found->second;
  }

  void read_merges(const Value& merges) {
    if (!merges.is_array()) fail("'merges' is not a list");
    file_.merges.reserve(merges.size());
    for (const Value& merge : merges) {
      std::string left, right;
      if (merge.is_array() && merge.size() == 2) {
        left = text_of(merge[0]);
        right = text_of(merge[1]);
      } else {  // the older spelling, "left right"
        const std::string both = text_of(merge);
        const std::size_t space = both.find(' ');
        if (space == std::string::npos) fail("not a merge: " + shown(merge));
        left = both.substr(0, space);
        right = both.substr(space + 1);
      }
      file_.merges.push_back({merge_part(left), merge_part(right), merge_part(left + right)});
    }
  }

  void read_added() {
    const Value added = optional_member(root_, "added_tokens");
    for (const Value& entry : added.is_array() ? added : Value::array()) {
      AddedToken token;
      token.content = text_of(member(entry, "content"));
      token.id = checked_id(member(entry, "id"), token.content);
      // As the library does: the vocabulary's id counts.
      if (const auto known = vocab_.find(token.content); known != vocab_.end()) token.id = known->second;
      token.special = is_true(optional_member(entry, "special"));
      token.normalized = is_true(optional_member(entry, "normalized"));
      token.lstrip = is_true(optional_member(entry, "lstrip"));
      token.rstrip = is_true(optional_member(entry, "rstrip"));
      token.single_word = is_true(optional_member(entry, "single_word"));
      if (token.content.empty()) fail("an added token is empty");
      set_token(token.id, token.content);
      file_.added.push_back(std::move(token));
    }
  }

  std::string_view where_;
  Value root_;
  TokenizerFile file_;
  std::unordered_map<std::string, std::uint32_t> vocab_;
};

std::string json_string(std::string_view text) {
  return dump_json(Json(text));
}

Json byte_level_step(bool add_prefix_space, bool use_regex) {
  return {
      {"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

Json pre_tokenizer_of(Pattern pattern) {
  const PatternInfo& info = info_of(pattern);
  if (info.regexes.empty()) return byte_level_step(false, pattern == Pattern::gpt2);
  Json steps = Json::array();
  for (const std::string_view regex : info.regexes) {
    steps.push_back({{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}, {"invert", false}});
  }
  steps.push_back(byte_level_step(false, false));
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

Json added_tokens_of(const TokenizerFile& file) {
  Json list = Json::array();
  for (const AddedToken& token : file.added) {
    list.push_back({{"id", token.id},
                    {"content", token.content},
                    {"single_word", token.single_word},
                    {"lstrip", token.lstrip},
                    {"rstrip", token.rstrip},
                    {"normalized", token.normalized},
                    {"special", token.special}});
  }
  return list;
}

// The members around the lists, indented as the lists are written below.
std::string member_text(const char* key, const Json& value) {
  return "  " + json_string(key) + ": " + dump_json(value) + ",\n";
}

// As the file spells a token of the model.
std::string spelled(const TokenizerFile& file, std::uint32_t id) {
  return file.characters ? spaces_to_marks(file.characters->spelled[id]) : to_byte_level(file.tokens[id]);
}

std::string vocab_line(bool first, const std::string& token, std::size_t id) {
  return (first ? "\n      " : ",\n      ") + json_string(token) + ": " + std::to_string(id);
}

// The members of "vocab".
std::string vocab_text(const TokenizerFile& file) {
  std::string text;
  if (file.characters) {
    for (std::uint32_t id = 0; id < file.characters->spelled.size(); ++id) {
      if (!file.characters->spelled[id].empty()) text += vocab_line(text.empty(), spelled(file, id), id);
    }
    return text;
  }
  const std::size_t n_model = file.tokens.size() - file.added.size();
  bool follow = true;  // do the added tokens stand behind the others, without a gap?
  std::vector<const std::string*> names(file.tokens.size());
  for (const AddedToken& token : file.added) {
    follow = follow && token.id >= n_model;
    names[token.id] = &token.content;
  }
  for (std::uint32_t id = 0; id < file.tokens.size(); ++id) {
    if (file.tokens[id].empty() || (names[id] != nullptr && follow)) continue;
    text += vocab_line(text.empty(), names[id] != nullptr ? *names[id] : spelled(file, id), id);
  }
  return text;
}

// The members of the text's working, from the normalizer to the decoder.
std::string step_members(const TokenizerFile& file) {
  if (file.characters) return write_character_members(*file.characters);
  Json post_processor = byte_level_step(false, false);
  post_processor["trim_offsets"] = false;
  return member_text("normalizer", file.nfc ? Json{{"type", "NFC"}} : Json(nullptr)) +
         member_text("pre_tokenizer", pre_tokenizer_of(file.pattern)) + member_text("post_processor", post_processor) +
         member_text("decoder", byte_level_step(true, true));
}

}  // namespace

TokenizerFile parse_tokenizer_json(std::string_view text, std::string_view where) {
  return Parser(text, where).parse();
}

std::string write_tokenizer_json(const TokenizerFile& file) {
  std::string text = "{\n";
  text += member_text("version", "1.0") + member_text("truncation", nullptr) + member_text("padding", nullptr);
  text += member_text("added_tokens", added_tokens_of(file));
  text += step_members(file);
  const bool has_unknown = file.characters && file.characters->unknown != no_id;
  text += "  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": ";
  text += has_unknown ? json_string(spelled(file, file.characters->unknown)) : "null";
  text += ",\n    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n    \"fuse_unk\": ";
  text += file.characters && file.characters->joins_unknown ? "true" : "false";
  text += ",\n    \"byte_fallback\": ";
  text += file.characters && file.characters->has_all_bytes() ? "true" : "false";
  text += ",\n    \"ignore_merges\": ";
  text += file.ignore_merges ? "true,\n" : "false,\n";
  text += "    \"vocab\": {";
  text += vocab_text(file);
  text += "\n    },\n    \"merges\": [";
  for (std::size_t i = 0; i < file.merges.size(); ++i) {
    text += i == 0 ? "\n      [" : ",\n      [";
    text +=
        json_string(spelled(file, file.merges[i].left)) + ", " + json_string(spelled(file, file.merges[i].right)) + "]";
  }
  return text + (file.merges.empty() ? "]\n  }\n}\n" : "\n    ]\n  }\n}\n");
}

}  // namespace hearth::text
