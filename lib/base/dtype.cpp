// SPDX-License-Identifier: Apache-2.0
#include "lib/base/dtype.h"

#include <array>
#include <string>

#include "lib/base/error.h"

namespace hearth {
namespace {

struct Entry {
  std::string_view name;
  std::size_t size;
};
constexpr std::array<Entry, 11> entries{{{"f32", 4},
                                         {"bf16", 2},
                                         {"f16", 2},
                                         {"f64", 8},
                                         {"i8", 1},
                                         {"u8", 1},
                                         {"u16", 2},
                                         {"i32", 4},
                                         {"u32", 4},
                                         {"i64", 8},
                                         {"u64", 8}}};

}  // namespace

std::size_t size_of(DType dtype) { return entries[static_cast<std::size_t>(dtype)].size; }
std::string_view name_of(DType dtype) { return entries[static_cast<std::size_t>(dtype)].name; }

DType dtype_from_name(std::string_view name) {
  std::string known;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].name == name) return static_cast<DType>(i);
    known += (i == 0 ? "" : ", ") + std::string(entries[i].name);
  }
  throw Error(Kind::config, "unknown element type '" + std::string(name) + "' (known: " + known + ")");
}

}  // namespace hearth
