// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_row.h"

#include "lib/base/error.h"
#include "lib/text/identity.h"

namespace hearth::tools::shard {
namespace {

// Numbers of seven bits a byte, the low ones first; strings with their length in front.
class Packer {
 public:
  void operator()(const std::uint64_t& number) {
    std::uint64_t left = number;
    for (; left >= 0x80; left >>= 7) bytes += static_cast<char>(left | 0x80);
    bytes += static_cast<char>(left);
  }
  void operator()(const std::uint32_t& number) { (*this)(std::uint64_t{number}); }
  void operator()(const bool& flag) { (*this)(std::uint64_t{flag}); }
  void operator()(const std::string& text) {
    (*this)(std::uint64_t{text.size()});
    bytes += text;
  }
  template <class Element, class Each>
  void list(const std::vector<Element>& elements, Each each) {
    (*this)(std::uint64_t{elements.size()});
    for (const Element& element : elements) each(element);
  }
  std::string bytes;
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : left_(bytes) {}
  void operator()(std::uint64_t& number) {
    number = 0;
    for (unsigned shift = 0;; shift += 7) {
      if (left_.empty() || shift > 63) throw damaged();
      const auto byte = static_cast<unsigned char>(left_.front());
      left_.remove_prefix(1);
      number |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return;
    }
  }
  void operator()(std::uint32_t& number) { number = static_cast<std::uint32_t>(value()); }
  void operator()(bool& flag) { flag = value() != 0; }
  void operator()(std::string& text) {
    const std::uint64_t size = value();
    if (size > left_.size()) throw damaged();
    text.assign(left_.substr(0, size));
    left_.remove_prefix(size);
  }
  template <class Element, class Each>
  void list(std::vector<Element>& elements, Each each) {
    const std::uint64_t size = value();
    if (size > left_.size()) throw damaged();  // each element has a byte at least
    elements.resize(size);
    for (Element& element : elements) each(element);
  }
  bool at_end() const { return left_.empty(); }

 private:
  std::uint64_t value() {
    std::uint64_t number = 0;
    (*this)(number);
    return number;
  }
  static Error damaged() { return {Kind::data, "a document's record is cut"}; }
  std::string_view left_;
};

// One list of the fields for both directions.
template <class RowType, class Visitor>
void visit(RowType& row, Visitor& v) {
  auto& document = row.document;
  for (auto* text : {&document.id, &document.source, &document.type, &document.language, &document.license,
                     &document.attributes, &row.own_id, &row.encoding}) {
    v(*text);
  }
  v(row.repairs.line_ends), v(row.repairs.controls), v(row.repairs.composed);
  v(row.read_bytes), v(row.path_hash), v(row.text_hash.high), v(row.text_hash.low);
  v(row.root), v(row.reference), v(row.stage);
  v.list(row.counts, [&](auto& count) { v(count.first), v(count.second); });
  v.list(row.sizes, [&](auto& size) { v(size.stage), v(size.bytes); });
  v.list(row.sketches, [&](auto& sketch) { v(sketch); });
}

}  // namespace

std::string Row::id() const {
  return own_id.empty() ? text::document_id(path_hash, text_hash) : own_id;
}

std::string Row::packed() const {
  Packer packer;
  visit(*this, packer);
  packer(rejection.has_value());
  if (rejection) packer(rejection->reason), packer(rejection->detail);
  return std::move(packer.bytes);
}

Row Row::unpacked(std::string_view bytes) {
  Unpacker unpacker(bytes);
  Row row;
  visit(row, unpacker);
  bool rejected = false;
  unpacker(rejected);
  if (rejected) unpacker(row.rejection.emplace().reason), unpacker(row.rejection->detail);
  if (!unpacker.at_end()) throw Error(Kind::data, "a document's record is too long");
  return row;
}

}  // namespace hearth::tools::shard
