// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/sentencepiece.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <unordered_map>

#include "lib/base/error.h"
#include "lib/text/tokenizer/unicode_classes.h"

namespace hearth::text {
namespace {

// A field of a protobuf message: a number, or bytes.
struct Field {
  std::uint32_t number = 0;
  std::uint64_t value = 0;
  std::string_view bytes;
};

// Reads the fields of a message one after the other; damage is nullopt with failed() true.
class Message {
 public:
  explicit Message(std::string_view bytes) : left_(bytes) {}
  bool failed() const { return failed_; }

  std::optional<Field> next() {
    if (failed_ || left_.empty()) return std::nullopt;
    const std::uint64_t tag = varint();
    Field field{static_cast<std::uint32_t>(tag >> 3), 0, {}};
    switch (tag & 7) {
      case 0:
        field.value = varint();
        break;
      case 1:
        field.value = fixed(8);
        break;
      case 2:
        field.bytes = take(varint());
        break;
      case 5:
        field.value = fixed(4);
        break;
      default:
        failed_ = true;
    }
    return failed_ || field.number == 0 ? (failed_ = true, std::nullopt) : std::optional(field);
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !left_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(left_[0]);
      left_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7Fu) << shift;
      if (byte < 0x80) return value;
    }
    failed_ = true;
    return 0;
  }
  std::string_view take(std::uint64_t n) {
    if (n > left_.size()) {
      failed_ = true;
      return {};
    }
    const std::string_view taken = left_.substr(0, n);
    left_.remove_prefix(n);
    return taken;
  }
  std::uint64_t fixed(std::size_t n) {
    std::uint64_t value = 0;
    const std::string_view bytes = take(n);
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }

  std::string_view left_;
  bool failed_ = false;
};

enum Type : std::uint64_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

struct Piece {
  std::string text;
  float score = 0;
  std::uint64_t type = normal;
};

struct Model {
  std::vector<Piece> pieces;
  std::uint64_t model_type = 1;  // Unigram, where nothing is said
  bool byte_fallback = false, space_is_suffix = false;
  bool adds_prefix = true, removes_spaces = true, escapes_spaces = true;
  bool normalizes = false;
  std::string normalization;
};

class Reader {
 public:
  Reader(std::string_view bytes, std::string_view where) : where_(where) { read(bytes); }

  TokenizerFile file() {
    check();
    file_.pattern = Pattern::sentencepiece;
    CharacterLevel& level = file_.characters.emplace();
    level.by_normalizer = true;
    level.joins_unknown = true;
    level.prefix = model_.adds_prefix ? CharacterLevel::Prefix::always : CharacterLevel::Prefix::none;
    level.n_stripped = model_.adds_prefix ? 1 : 0;
    for (std::uint32_t id = 0; id < model_.pieces.size(); ++id) add_piece(id, model_.pieces[id], level);
    if (level.unknown == no_id) fail("no piece is the unknown one");
    if (model_.byte_fallback && !level.has_all_bytes()) fail("byte_fallback without a piece for every byte");
    add_merges();
    return std::move(file_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw Error(Kind::data, std::string(where_) + ": " + what); }
  [[noreturn]] void refuse(const std::string& what) const {
    fail("a SentencePiece model " + what + ", which hearth cannot do exactly");
  }

  template <class OnField>
  void for_each_field(std::string_view bytes, OnField on_field) const {
    Message message(bytes);
    while (const std::optional<Field> field = message.next()) on_field(*field);
    if (message.failed()) fail("a SentencePiece model that is damaged or cut");
  }

  void read(std::string_view bytes) {
    for_each_field(bytes, [&](const Field& field) {
      if (field.number == 1) read_piece(field.bytes);
      if (field.number == 2) read_trainer(field.bytes);
      if (field.number == 3) read_normalizer(field.bytes);
    });
  }
  void read_piece(std::string_view bytes) {
    Piece& piece = model_.pieces.emplace_back();
    for_each_field(bytes, [&](const Field& field) {
      if (field.number == 1) piece.text = field.bytes;
      if (field.number == 2) piece.score = std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
      if (field.number == 3) piece.type = field.value;
    });
  }
  void read_trainer(std::string_view bytes) {
    for_each_field(bytes, [&](const Field& field) {
      if (field.number == 3) model_.model_type = field.value;
      if (field.number == 24) model_.space_is_suffix = field.value != 0;
      if (field.number == 35) model_.byte_fallback = field.value != 0;
    });
  }
  void read_normalizer(std::string_view bytes) {
    for_each_field(bytes, [&](const Field& field) {
      if (field.number == 1) model_.normalization = field.bytes;
      if (field.number == 2) model_.normalizes = !field.bytes.empty();
      if (field.number == 3) model_.adds_prefix = field.value != 0;
      if (field.number == 4) model_.removes_spaces = field.value != 0;
      if (field.number == 5) model_.escapes_spaces = field.value != 0;
    });
  }

  void check() const {
    constexpr const char* types[] = {"of type 0", "of type Unigram", "of type BPE", "of type WORD", "of type CHAR"};
    if (model_.pieces.empty()) fail("a SentencePiece model without pieces");
    if (model_.model_type != 2) refuse(model_.model_type < 5 ? types[model_.model_type] : "of a type unknown here");
    if (model_.normalizes) refuse("with the normalization '" + model_.normalization + "'");
    if (model_.removes_spaces) refuse("with remove_extra_whitespaces");
    if (model_.space_is_suffix) refuse("with treat_whitespace_as_suffix");
    if (!model_.escapes_spaces) refuse("without escape_whitespaces");
  }

  void add_piece(std::uint32_t id, const Piece& piece, CharacterLevel& level) {
    if (piece.text.empty() || piece.text.find(' ') != std::string::npos) {
      fail("piece " + std::to_string(id) + " is empty or holds a space");
    }
    if (!ids_.emplace(piece.text, id).second) fail("the piece '" + piece.text + "' stands there twice");
    file_.tokens.push_back(bytes_of_token(piece.text));
    level.spelled.push_back(marks_to_spaces(piece.text));
    switch (piece.type) {
      case normal:
        break;
      case unknown:
        if (level.unknown != no_id) fail("two pieces are the unknown one");
        level.unknown = id;
        file_.added.push_back({id, piece.text});
        break;
      case control:
        file_.added.push_back({id, piece.text});
        break;
      case user_defined:
        // In front of one that begins a text SentencePiece puts its space, tokenizers does not.
        if (model_.adds_prefix) refuse("with add_dummy_prefix and pieces of the user's own ('" + piece.text + "')");
        file_.added.push_back({id, piece.text, false, true});
        break;
      case byte: {
        const auto value = byte_of_token(piece.text);
        if (!value) fail("the piece '" + piece.text + "' is not that of a byte");
        if (model_.byte_fallback) level.byte_ids[*value] = id;
        break;
      }
      default:
        refuse("with unused pieces ('" + piece.text + "')");
    }
    if (piece.type != normal && character_length(piece.text) == piece.text.size()) {
      if (piece.type != user_defined) refuse("with the piece '" + piece.text + "' of one character that is not text");
    }
  }

  static std::size_t character_length(std::string_view text) {
    const auto* const p = reinterpret_cast<const unsigned char*>(text.data());
    return *p < 0x80 ? 1 : decode_multibyte(p, p + text.size(), class_table()).length;
  }

  bool is_normal(std::uint32_t id) const { return model_.pieces[id].type == normal; }

  // By score, and of one piece by the ids of its parts.
  void add_merges() {
    std::vector<std::uint32_t> order;
    for (std::uint32_t id = 0; id < model_.pieces.size(); ++id) {
      const std::string& text = model_.pieces[id].text;
      if (is_normal(id) && character_length(text) < text.size()) order.push_back(id);
    }
    const auto score = [&](std::uint32_t id) { return model_.pieces[id].score; };
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return score(a) > score(b); });
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (i > 0 && score(order[i]) == score(order[i - 1])) {
        refuse("with two pieces of one score ('" + model_.pieces[order[i - 1]].text + "' and '" +
               model_.pieces[order[i]].text + "')");
      }
      add_merges_of(order[i]);
    }
  }

  void add_merges_of(std::uint32_t id) {
    const std::string_view text = model_.pieces[id].text;
    const std::size_t first = file_.merges.size();
    for (std::size_t cut = 0; cut < text.size();) {
      const std::size_t length = character_length(text.substr(cut));
      if (!ids_.contains(std::string(text.substr(cut, length)))) {
        refuse("with the piece '" + std::string(text) + "' of a character that is not a piece");
      }
      cut += length;
      const auto left = ids_.find(std::string(text.substr(0, cut))), right = ids_.find(std::string(text.substr(cut)));
      if (left == ids_.end() || right == ids_.end() || !is_normal(left->second) || !is_normal(right->second)) continue;
      file_.merges.push_back({left->second, right->second, id});
    }
    std::sort(file_.merges.begin() + static_cast<std::ptrdiff_t>(first), file_.merges.end(),
              [](const Merge& a, const Merge& b) { return std::pair(a.left, a.right) < std::pair(b.left, b.right); });
  }

  std::string_view where_;
  Model model_;
  TokenizerFile file_;
  std::unordered_map<std::string, std::uint32_t> ids_;
};

}  // namespace

bool looks_like_sentencepiece(std::string_view bytes) {
  const std::optional<Field> piece = Message(bytes).next();
  if (!piece || piece->number != 1 || piece->bytes.empty()) return false;
  const std::optional<Field> text = Message(piece->bytes).next();
  return text && text->number == 1 && !text->bytes.empty();
}

TokenizerFile parse_sentencepiece(std::string_view bytes, std::string_view where) {
  return Reader(bytes, where).file();
}

}  // namespace hearth::text
