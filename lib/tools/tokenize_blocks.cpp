// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/tokenize_blocks.h"

#include <cstring>

#include "lib/base/error.h"

namespace hearth::tools {
namespace {

void append(std::string& bytes, std::uint64_t number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void append(std::string& bytes, const std::string& text) {
  append(bytes, text.size());
  bytes += text;
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  std::string_view take(std::uint64_t n) {
    if (n > left_.size()) throw Error(Kind::data, "an encoded block is cut");
    const std::string_view taken = left_.substr(0, n);
    left_.remove_prefix(n);
    return taken;
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string text() { return std::string(take(number())); }
  std::size_t left() const { return left_.size(); }

 private:
  std::string_view left_;
};

}  // namespace

std::string EncodedBlock::packed() const {
  std::string bytes;
  append(bytes, parts.size());
  for (const Part& part : parts) {
    append(bytes, static_cast<std::uint64_t>(part.split));
    append(bytes, part.text_bytes);
    append(bytes, part.end);
    append(bytes, part.type);
    append(bytes, part.source);
  }
  bytes.append(reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof ids[0]);
  return bytes;
}

EncodedBlock EncodedBlock::unpacked(std::string_view bytes) {
  Reader reader(bytes);
  EncodedBlock block;
  const std::uint64_t n_parts = reader.number();
  for (std::uint64_t i = 0; i < n_parts; ++i) {
    Part part;
    part.split = static_cast<formats::Split>(reader.number());
    part.text_bytes = reader.number();
    part.end = reader.number();
    part.type = reader.text();
    part.source = reader.text();
    block.parts.push_back(std::move(part));
  }
  const std::string_view ids = reader.take(reader.left());
  block.ids.resize(ids.size() / sizeof block.ids[0]);
  if (!ids.empty()) std::memcpy(block.ids.data(), ids.data(), block.ids.size() * sizeof block.ids[0]);
  if (block.ids.size() != (block.parts.empty() ? 0 : block.parts.back().end)) {
    throw Error(Kind::data, "an encoded block is cut");
  }
  return block;
}

}  // namespace hearth::tools
