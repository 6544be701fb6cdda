// SPDX-License-Identifier: Apache-2.0
#include "lib/text/html_tree.h"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace hearth::text {
namespace {

constexpr std::size_t first_chunk_bytes = 64 << 10, largest_chunk_bytes = 4 << 20;
constexpr std::size_t base_limit_bytes = 16 << 20, limit_per_html_byte = 32;  // real pages need 5 to 20
constexpr std::uint64_t most_tag_steps = 1'000'000'000;  // tags times nesting depth: some seconds of Gumbo's searches
constexpr std::size_t alignment = alignof(std::max_align_t);

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Elements without an end tag, or that the next of their kind ends.
bool nests(std::string_view name) {
  static constexpr std::array<std::string_view, 28> flat = {
      "area",   "base",  "body", "br",    "col", "colgroup", "dd",   "dt",     "embed", "head",
      "hr",     "html",  "img",  "input", "li",  "link",     "meta", "option", "p",     "param",
      "source", "tbody", "td",   "tfoot", "th",  "thead",    "tr",   "wbr"};
  return !std::binary_search(flat.begin(), flat.end(), name);
}

struct TagCount {
  std::uint64_t n_tags = 0, depth = 0;
};

// An upper estimate of how deep a page nests, from its tags alone.
TagCount count_tags(std::string_view html) {
  TagCount count;
  std::array<std::uint32_t, 256> open{};  // by a hash of the name: an end tag without a start does not count
  std::uint64_t depth = 0;
  char name[16];
  for (std::size_t at = html.find('<'); at != std::string_view::npos; at = html.find('<', at + 1)) {
    const bool closes = at + 1 < html.size() && html[at + 1] == '/';
    const std::size_t begin = at + (closes ? 2 : 1);
    std::size_t length = 0;
    std::uint8_t hash = 0;
    for (std::size_t i = begin; i < html.size() && length < sizeof name &&
                                (is_letter(html[i]) || (length > 0 && html[i] >= '0' && html[i] <= '9'));
         ++i) {
      name[length] = static_cast<char>(html[i] | 0x20);
      hash = static_cast<std::uint8_t>(hash * 31 + name[length++]);
    }
    if (length == 0) continue;
    ++count.n_tags;
    if (!nests({name, length})) continue;
    if (!closes) {
      ++open[hash];
      count.depth = std::max(count.depth, ++depth);
    } else if (open[hash] > 0) {
      --open[hash];
      --depth;
    }
  }
  return count;
}

}  // namespace

// Memory in chunks, given back all at once. Gumbo's parser is C: when the limit is reached, allocate leaves it by
// longjmp, which passes no frame of C++.
struct HtmlTree::Arena {
  std::vector<std::unique_ptr<std::byte[]>> chunks;
  std::byte* next = nullptr;
  std::size_t left = 0, total = 0, limit = 0;
  std::jmp_buf out_of_memory;

  static void* allocate(void* self, std::size_t bytes) {
    auto& arena = *static_cast<Arena*>(self);
    bytes = (bytes + alignment - 1) / alignment * alignment;
    if (bytes > arena.left && !arena.grow(bytes)) std::longjmp(arena.out_of_memory, 1);
    std::byte* result = arena.next;
    arena.next += bytes;
    arena.left -= bytes;
    return result;
  }
  static void release(void*, void*) {}

  bool grow(std::size_t bytes) {
    const std::size_t size = std::max(bytes, std::clamp(total, first_chunk_bytes, largest_chunk_bytes));
    if (total + size > limit) return false;
    chunks.emplace_back(new std::byte[size]);
    next = chunks.back().get();
    left = size;
    total += size;
    return true;
  }

  GumboOutput* parse(const GumboOptions& options, std::string_view html) {
    if (setjmp(out_of_memory) != 0) return nullptr;
    return gumbo_parse_with_options(&options, html.data(), html.size());
  }
};

HtmlTree::HtmlTree() : arena_(std::make_unique<Arena>()) {}
HtmlTree::~HtmlTree() = default;

std::optional<Rejection> HtmlTree::parse(std::string_view html) {
  const TagCount tags = count_tags(html);
  if (tags.depth * tags.n_tags > most_tag_steps) {
    return Rejection{"html-too-deep",
                     std::to_string(tags.n_tags) + " tags, nested up to " + std::to_string(tags.depth) + " deep"};
  }
  arena_->limit = base_limit_bytes + limit_per_html_byte * html.size();
  GumboOptions options = kGumboDefaultOptions;
  options.allocator = &Arena::allocate;
  options.deallocator = &Arena::release;
  options.userdata = arena_.get();
  options.max_errors = 0;
  const GumboOutput* output = arena_->parse(options, html);
  if (output == nullptr) {
    return Rejection{"html-too-large", "its tree needs more than " + std::to_string(arena_->limit >> 20) + " MiB"};
  }
  root_ = output->root;
  return std::nullopt;
}

std::string_view attribute(const GumboNode& element, const char* name) {
  const GumboAttribute* found = gumbo_get_attribute(&element.v.element.attributes, name);
  return found == nullptr ? std::string_view() : std::string_view(found->value);
}

bool has_attribute(const GumboNode& element, const char* name) {
  return gumbo_get_attribute(&element.v.element.attributes, name) != nullptr;
}

}  // namespace hearth::text
