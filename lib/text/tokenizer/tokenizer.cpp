// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/tokenizer.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/text/tokenizer/added_tokens.h"
#include "lib/text/tokenizer/bridges.h"
#include "lib/text/tokenizer/character_pairs.h"
#include "lib/text/tokenizer/encode_pieces.h"
#include "lib/text/tokenizer/nfc.h"
#include "lib/text/tokenizer/open_tokenizer.h"
#include "lib/text/tokenizer/side_files.h"
#include "lib/text/tokenizer/tokenizer_json.h"

namespace hearth::text {
namespace {

// The bytes of each id of the model; empty for added tokens.
std::vector<std::string> model_tokens(const TokenizerFile& file) {
  std::vector<std::string> tokens = file.tokens;
  for (const AddedToken& token : file.added) tokens[token.id].clear();
  return tokens;
}

Bpe bpe_of(const TokenizerFile& file) {
  if (file.characters) return Bpe(*file.characters, file.merges, file.ignore_merges);
  return Bpe(file.byte_ids, file.merges, model_tokens(file), file.ignore_merges);
}

Bridges bridges_of(const TokenizerFile& file, const Bpe& bpe) {
  Bridges bridges;
  if (file.characters) return bridges;
  for (std::uint32_t id = 0; id < file.tokens.size(); ++id) {
    bridges.add(file.tokens[id]);
    if (bpe.has_merges() && bpe.is_whole_only(id)) bridges.add_whole(file.tokens[id]);
  }
  return bridges;
}

// As hearth holds text of characters: spaces for U+2581, one in front where prefixed. kept holds it where it is
// changed.
std::string_view marked(std::string_view text, bool prefixed, std::string& kept) {
  const bool has_marks = text.find(space_mark) != std::string_view::npos;
  if (!prefixed && !has_marks) return text;
  kept = has_marks ? marks_to_spaces(text) : std::string(text);
  if (prefixed) kept.insert(kept.begin(), ' ');
  return kept;
}

}  // namespace

struct Tokenizer::State {
  // Without side files they are made up.
  State(std::string json, TokenizerFile parsed, std::string_view where, std::optional<SideFiles> side_files,
        std::string_view end_of_text)
      : json_text(std::move(json)),
        digest(sha256_hex(json_text)),
        file(std::move(parsed)),
        bpe(bpe_of(file)),
        bridges(bridges_of(file, bpe)),
        pairs(file.characters ? CharacterPairs(file) : CharacterPairs()),
        cutter(file.characters ? PieceCutter(&pairs) : PieceCutter(file.pattern, &bridges)),
        side(side_files ? std::move(*side_files) : make_side_files(file, end_of_text)) {
    roles = roles_of(side, file, where);
    for (const AddedToken& token : file.added) {
      ids_by_name.emplace(token.content, token.id);
      if (token.special) special.insert(token.id);
    }
    const bool marks = file.characters && file.characters->by_normalizer;
    std::vector<AddedToken> added = file.added;
    for (AddedToken& token : added) {
      if (!token.normalized) continue;
      token.content = normalized(token.content);
      if (file.nfc || marks) file.tokens[token.id] = token.content;  // as the library decodes it
    }
    for (const bool normalized : {false, true}) {
      as_text[normalized] = AddedTokenFinder(added, normalized, false, normalized && marks);
      parse[normalized] = AddedTokenFinder(added, normalized, true, normalized && marks);
    }
  }

  // Text as the normalizer leaves it.
  std::string normalized(std::string_view text) const {
    if (file.nfc) return nfc_where_valid(text);
    if (!file.characters || !file.characters->by_normalizer) return std::string(text);
    return (file.characters->prefix == CharacterLevel::Prefix::always ? " " : "") + marks_to_spaces(text);
  }

  // Calls on_stretch with text as the model takes it, for each stretch between added tokens.
  template <class OnToken, class OnStretch>
  void for_each_stretch(std::string_view text, SpecialTokens special, OnToken on_token, OnStretch on_stretch) const {
    const AddedTokenFinder* const finders = special == SpecialTokens::parse ? parse : as_text;
    std::string kept;
    finders[0].split(text, on_token, [&](std::string_view raw) {
      if (file.characters && !file.characters->by_normalizer) {
        finders[1].split(raw, on_token, [&](std::string_view stretch) {
          on_stretch(marked(stretch, takes_prefix(stretch, stretch.data() == text.data()), kept));
        });
        return;
      }
      std::string_view changed = raw;
      if (file.characters) changed = marked(raw, file.characters->prefix == CharacterLevel::Prefix::always, kept);
      if (file.nfc && !is_nfc_stable(raw)) changed = kept = nfc_where_valid(raw);
      finders[1].split(changed, on_token, on_stretch);
    });
  }

  // Of a stretch that is not empty: does the pre-tokenizer put a space in front of it?
  bool takes_prefix(std::string_view stretch, bool begins_text) const {
    using Prefix = CharacterLevel::Prefix;
    const Prefix prefix = file.characters->prefix;
    return (prefix == Prefix::where_missing || (prefix == Prefix::where_missing_at_begin && begins_text)) &&
           !stretch.starts_with(' ') && !stretch.starts_with(space_mark);
  }

  std::unique_ptr<PieceCache> borrow_cache() const {
    const std::lock_guard lock(mutex);
    if (idle_caches.empty()) return std::make_unique<PieceCache>();
    std::unique_ptr<PieceCache> cache = std::move(idle_caches.back());
    idle_caches.pop_back();
    return cache;
  }
  void give_back(std::unique_ptr<PieceCache> cache) const {
    const std::lock_guard lock(mutex);
    idle_caches.push_back(std::move(cache));
  }
  std::optional<std::uint32_t> id_of(const std::optional<std::string>& name) const {
    if (!name) return std::nullopt;
    const auto found = ids_by_name.find(*name);
    return found == ids_by_name.end() ? std::nullopt : std::optional(found->second);
  }

  std::string json_text, digest;
  TokenizerFile file;
  Bpe bpe;
  Bridges bridges;
  CharacterPairs pairs;
  PieceCutter cutter;
  SideFiles side;
  Roles roles;
  std::unordered_map<std::string, std::uint32_t> ids_by_name;  // of added tokens
  std::unordered_set<std::uint32_t> special;
  AddedTokenFinder as_text[2], parse[2];  // [normalized]
  mutable std::mutex mutex;
  mutable std::vector<std::unique_ptr<PieceCache>> idle_caches;  // as many as threads ever encoded at once
};

Tokenizer::Tokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::load(const fs::path& path, std::string_view pretokenizer) {
  OpenedTokenizer opened = open_tokenizer(path, pretokenizer);
  std::optional<SideFiles> side = std::move(opened.side);
  if (!side->config) side.reset();
  return Tokenizer(
      std::make_unique<State>(std::move(opened.json), std::move(opened.file), opened.where, std::move(side), ""));
}

Tokenizer Tokenizer::from_json(std::string json_text, std::string_view where, std::string_view end_of_text) {
  TokenizerFile file = parse_tokenizer_json(json_text, where);
  return Tokenizer(std::make_unique<State>(std::move(json_text), std::move(file), where, std::nullopt, end_of_text));
}

void Tokenizer::encode(std::string_view text, std::vector<std::uint32_t>& ids, SpecialTokens special) const {
  const State& s = *state_;
  std::unique_ptr<PieceCache> cache = s.borrow_cache();
  s.for_each_stretch(
      text, special, [&](std::uint32_t id) { ids.push_back(id); },
      [&](std::string_view stretch) { encode_pieces(s.cutter, s.bpe, *cache, stretch, ids); });
  s.give_back(std::move(cache));
}

std::vector<std::uint32_t> Tokenizer::encode(std::string_view text, SpecialTokens special) const {
  std::vector<std::uint32_t> ids;
  encode(text, ids, special);
  return ids;
}

std::string Tokenizer::decode(std::span<const std::uint32_t> ids, bool skip_special) const {
  std::string text;
  for (const std::uint32_t id : ids) {
    if (id >= vocab_size()) {
      throw Error(Kind::data, "token id " + std::to_string(id) + " is not in the vocabulary of " +
                                  std::to_string(vocab_size()) + ": the ids come from another tokenizer");
    }
    if (!skip_special || !is_special(id)) text += bytes(id);
  }
  if (state_->file.characters) {
    const std::size_t n_spaces = std::min(text.find_first_not_of(' '), text.size());
    text.erase(0, std::min<std::size_t>(n_spaces, state_->file.characters->n_stripped));
  }
  return text;
}

std::uint32_t Tokenizer::vocab_size() const {
  return static_cast<std::uint32_t>(state_->file.tokens.size());
}

std::string_view Tokenizer::bytes(std::uint32_t id) const {
  HEARTH_CHECK(id < vocab_size(), "id beyond the vocabulary");
  return state_->file.tokens[id];
}

bool Tokenizer::is_special(std::uint32_t id) const {
  return state_->special.contains(id);
}

std::vector<std::uint16_t> Tokenizer::token_bytes() const {
  std::vector<std::uint16_t> lengths(vocab_size());
  for (std::uint32_t id = 0; id < vocab_size(); ++id) {
    lengths[id] = is_special(id) ? 0 : static_cast<std::uint16_t>(std::min<std::size_t>(bytes(id).size(), 0xFFFF));
  }
  return lengths;
}

std::vector<std::uint32_t> Tokenizer::special_ids() const {
  std::vector<std::uint32_t> ids(state_->special.begin(), state_->special.end());
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::optional<std::uint32_t> Tokenizer::id_of(std::string_view name) const {
  return state_->id_of(std::string(name));
}
std::optional<std::uint32_t> Tokenizer::end_of_text() const {
  return state_->id_of(state_->roles.end_of_text);
}
std::optional<std::uint32_t> Tokenizer::bos() const {
  return state_->id_of(state_->roles.bos);
}
std::optional<std::uint32_t> Tokenizer::eos() const {
  return state_->id_of(state_->roles.eos);
}
std::optional<std::uint32_t> Tokenizer::pad() const {
  return state_->id_of(state_->roles.pad);
}

std::string_view Tokenizer::pretokenizer() const {
  return info_of(state_->file.pattern).name;
}
std::string_view Tokenizer::gguf_name() const {
  return info_of(state_->file.pattern).gguf_name;
}
std::size_t Tokenizer::n_merges() const {
  return state_->file.merges.size();
}

std::vector<std::pair<std::uint32_t, std::uint32_t>> Tokenizer::merges() const {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
  for (const Merge& merge : state_->file.merges) pairs.emplace_back(merge.left, merge.right);
  return pairs;
}

const std::string& Tokenizer::json() const {
  return state_->json_text;
}
const std::string& Tokenizer::digest() const {
  return state_->digest;
}

const std::string& Tokenizer::chat_template() const {
  static const std::string none;
  return state_->side.chat_template ? *state_->side.chat_template : none;
}

void Tokenizer::write_folder(const fs::path& folder) const {
  write(folder / "tokenizer.json");
}

void Tokenizer::write(const fs::path& json_path) const {
  write_file(json_path, state_->json_text);
  write_side_files(state_->side, json_path.parent_path());
}

}  // namespace hearth::text
