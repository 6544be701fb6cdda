// SPDX-License-Identifier: Apache-2.0
// Values to bytes and back, for files and pipes that one run uses alone: numbers of seven bits a byte, the low ones
// first; strings and lists with their length in front. One list of fields can serve both directions:
//   template <class Visitor> void visit(Record& record, Visitor& v) { v(record.name), v(record.bytes); }
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace hearth {

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

// Throws Error{data} where bytes end too early.
class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : left_(bytes) {}
  void operator()(std::uint64_t& number) {
    number = 0;
    for (unsigned shift = 0;; shift += 7) {
      if (left_.empty() || shift > 63) throw cut();
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
    if (size > left_.size()) throw cut();
    text.assign(left_.substr(0, size));
    left_.remove_prefix(size);
  }
  template <class Element, class Each>
  void list(std::vector<Element>& elements, Each each) {
    const std::uint64_t size = value();
    if (size > left_.size()) throw cut();  // each element has a byte at least
    elements.clear();
    for (std::uint64_t i = 0; i < size; ++i) each(elements.emplace_back());
  }
  std::string_view rest() const { return left_; }
  bool at_end() const { return left_.empty(); }

 private:
  std::uint64_t value() {
    std::uint64_t number = 0;
    (*this)(number);
    return number;
  }
  static Error cut() { return {Kind::data, "a record is cut"}; }
  std::string_view left_;
};

}  // namespace hearth
