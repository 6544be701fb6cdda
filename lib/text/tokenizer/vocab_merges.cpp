// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/vocab_merges.h"

#include <algorithm>

#include "lib/base/json_value.h"

namespace hearth::text {

// As a tokenizer.json, which checks everything.
TokenizerFile parse_vocab_and_merges(std::string_view vocab, std::string_view merges, std::string_view where) {
  using Value = nlohmann::json;  // its objects are sorted: quick for many keys
  Value list = Value::array();
  for (bool first = true; !merges.empty(); first = false) {
    const std::size_t end = std::min(merges.find('\n'), merges.size());
    std::string_view line = merges.substr(0, end);
    merges.remove_prefix(std::min(end + 1, merges.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || (first && line.starts_with("#version"))) continue;
    list.push_back(line);
  }
  Value layout{{"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
               {"decoder", {{"type", "ByteLevel"}}},
               {"model", {{"type", "BPE"}, {"merges", std::move(list)}}}};
  try {
    layout["model"]["vocab"] = Value::parse(vocab);
    return parse_tokenizer_json(layout.dump(), where);
  } catch (const Value::exception& error) {
    throw Error(Kind::data, std::string(where) + ": not JSON in UTF-8: " + error.what());
  }
}

}  // namespace hearth::text
