// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_row.h"

#include "lib/base/error.h"
#include "lib/base/packing.h"
#include "lib/text/identity.h"

namespace hearth::tools::shard {
namespace {

// One list of the fields for both directions.
template <class RowType, class Visitor>
void visit(RowType& row, Visitor& v) {
  auto& document = row.document;
  for (auto* text : {&document.id, &document.source, &document.type, &document.language, &document.license,
                     &document.attributes, &row.own_id, &row.encoding, &row.repository}) {
    v(*text);
  }
  v(row.repairs.line_ends), v(row.repairs.controls), v(row.repairs.composed);
  v(row.read_bytes), v(row.path_hash), v(row.text_hash.high), v(row.text_hash.low);
  v(row.root), v(row.reference), v(row.reference_split), v(row.stage);
  v.list(row.counts, [&](auto& count) { v(count.first), v(count.second); });
  v.list(row.tallies, [&](auto& tally) { v(tally.stage), v(tally.name), v(tally.number); });
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
