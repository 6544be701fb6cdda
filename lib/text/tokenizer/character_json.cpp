// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/character_json.h"

#include <cstdio>

#include "lib/base/json_value.h"

namespace hearth::text {
namespace {

using Value = nlohmann::json;
using Prefix = CharacterLevel::Prefix;

Value member(const Value& object, const char* key) {
  return object.is_object() && object.contains(key) ? object.at(key) : Value();
}
std::string text_of(const Value& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}
bool is_true(const Value& value) {
  return value.is_boolean() && value.get<bool>();
}
std::string type_of(const Value& step) {
  return text_of(member(step, "type"));
}
// The steps of a Sequence; of anything else itself, of null none.
Value steps_of(const Value& value, const char* key) {
  if (value.is_null()) return Value::array();
  const Value list = member(value, key);
  return list.is_array() ? list : Value::array({value});
}
bool replaces(const Value& step, std::string_view from, std::string_view to) {
  return type_of(step) == "Replace" && text_of(member(member(step, "pattern"), "String")) == from &&
         text_of(member(step, "content")) == to;
}

class Reader {
 public:
  Reader(const Value& root, std::string_view where) : root_(root), where_(where) {}

  CharacterLevel read() {
    read_normalizer();
    read_pre_tokenizer();
    read_model(root_.at("model"));
    read_decoder();
    return level_;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw Error(Kind::data, std::string(where_) + ": " + what); }
  [[noreturn]] void refuse(const std::string& field, const Value& value) const {
    fail("hearth cannot do this " + field + " exactly: " + value.dump(-1, ' ', false, Value::error_handler_t::replace));
  }

  void read_normalizer() {
    const Value normalizer = member(root_, "normalizer");
    for (const Value& step : steps_of(normalizer, "normalizers")) {
      if (type_of(step) == "Prepend" && text_of(member(step, "prepend")) == space_mark &&
          level_.prefix == Prefix::none) {
        level_.prefix = Prefix::always;
      } else if (replaces(step, " ", space_mark) && !level_.by_normalizer) {
        level_.by_normalizer = true;
      } else {
        refuse("normalizer", normalizer);
      }
    }
    if (level_.prefix != Prefix::none && !level_.by_normalizer) refuse("normalizer", normalizer);
  }

  // Metaspace; after a normalizer nothing, or a split at spaces, of which the normalizer has left none.
  void read_pre_tokenizer() {
    const Value pre_tokenizer = member(root_, "pre_tokenizer");
    for (const Value& step : steps_of(pre_tokenizer, "pretokenizers")) {
      const bool splits_nothing = type_of(step) == "Split" && text_of(member(member(step, "pattern"), "String")) == " ";
      if (level_.by_normalizer && splits_nothing && !is_true(member(step, "invert"))) continue;
      if (level_.by_normalizer || has_metaspace_ || type_of(step) != "Metaspace")
        refuse("pre_tokenizer", pre_tokenizer);
      read_metaspace(step);
    }
    if (!level_.by_normalizer && !has_metaspace_) refuse("pre_tokenizer", pre_tokenizer);
  }

  void read_metaspace(const Value& step) {
    const Value scheme = member(step, "prepend_scheme"), split = member(step, "split");
    if (text_of(member(step, "replacement")) != space_mark) refuse("pre_tokenizer", step);
    if (scheme == "first") {
      level_.prefix = Prefix::where_missing_at_begin;
    } else if (scheme == "never") {
      level_.prefix = Prefix::none;
    } else if (scheme.is_null() || scheme == "always") {
      level_.prefix = Prefix::where_missing;
    } else {
      refuse("pre_tokenizer", step);
    }
    if (const Value adds = member(step, "add_prefix_space");
        adds.is_boolean() && adds.get<bool>() == (level_.prefix == Prefix::none)) {
      refuse("pre_tokenizer", step);  // the library says that the two do not match
    }
    level_.cut_at_spaces = split.is_null() || is_true(split);
    has_metaspace_ = true;
  }

  std::uint32_t id_of(const Value& model, const std::string& token) const {
    const Value id = member(member(model, "vocab"), token.c_str());
    return id.is_number_unsigned() ? id.get<std::uint32_t>() : no_id;
  }

  void read_model(const Value& model) {
    level_.joins_unknown = is_true(member(model, "fuse_unk"));
    const std::string unknown = text_of(member(model, "unk_token"));
    if (!unknown.empty()) level_.unknown = id_of(model, unknown);
    if (!unknown.empty() && level_.unknown == no_id) fail("'unk_token' is '" + unknown + "', not in the vocabulary");
    if (!is_true(member(model, "byte_fallback"))) return;
    for (unsigned byte = 0; byte < 256; ++byte) {
      char spelled[8];
      std::snprintf(spelled, sizeof spelled, "<0x%02X>", byte);
      level_.byte_ids[byte] = id_of(model, spelled);
    }
    falls_back_ = true;
  }

  // Replace, ByteFallback, Fuse and Strip, of which the last two may be missing.
  void read_decoder() {
    const Value decoder = member(root_, "decoder");
    const Value steps = steps_of(decoder, "decoders");
    std::size_t at = 0;
    const auto is_next = [&](const char* type) { return at < steps.size() && type_of(steps[at]) == type; };
    if (!is_next("Replace") || !replaces(steps[at], space_mark, " ")) refuse("decoder", decoder);
    ++at;
    const bool bytes = is_next("ByteFallback");
    if (bytes) ++at;
    if (!bytes && falls_back_) refuse("decoder", decoder);
    const bool fuses = is_next("Fuse");
    if (fuses) ++at;
    if (fuses && is_next("Strip")) {
      const Value &strip = steps[at], start = member(strip, "start"), stop = member(strip, "stop");
      if (text_of(member(strip, "content")) != " " || !start.is_number_unsigned() || stop != 0) {
        refuse("decoder", decoder);
      }
      level_.n_stripped = start.get<unsigned>();
      ++at;
    }
    if (at != steps.size()) refuse("decoder", decoder);
  }

  const Value& root_;
  std::string_view where_;
  CharacterLevel level_;
  bool has_metaspace_ = false, falls_back_ = false;
};

}  // namespace

bool is_character_level(const nlohmann::json& root) {
  if (is_true(member(member(root, "model"), "byte_fallback"))) return true;
  for (const Value& step : steps_of(member(root, "pre_tokenizer"), "pretokenizers")) {
    if (type_of(step) == "Metaspace") return true;
  }
  for (const Value& step : steps_of(member(root, "normalizer"), "normalizers")) {
    if (text_of(member(step, "content")) == space_mark) return true;
  }
  return false;
}

CharacterLevel read_character_level(const nlohmann::json& root, std::string_view where) {
  return Reader(root, where).read();
}

std::string write_character_members(const CharacterLevel& level) {
  const auto replace = [](std::string_view from, std::string_view to) {
    return Json{{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
  };
  Json normalizer = replace(" ", space_mark);
  if (level.prefix != Prefix::none) {
    normalizer = {{"type", "Sequence"},
                  {"normalizers", Json::array({{{"type", "Prepend"}, {"prepend", space_mark}}, normalizer})}};
  }
  Json decoders = Json::array({replace(space_mark, " ")});
  if (level.has_all_bytes()) decoders.push_back({{"type", "ByteFallback"}});
  decoders.push_back({{"type", "Fuse"}});
  if (level.n_stripped > 0) {
    decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", level.n_stripped}, {"stop", 0}});
  }
  return "  \"normalizer\": " + dump_json(normalizer) + ",\n  \"pre_tokenizer\": null,\n  \"post_processor\": null,\n" +
         "  \"decoder\": " + dump_json(Json{{"type", "Sequence"}, {"decoders", decoders}}) + ",\n";
}

}  // namespace hearth::text
