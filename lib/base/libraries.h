// SPDX-License-Identifier: Apache-2.0
// The libraries a layer stands on, as found at run time where the library can say so (`hearth doctor` lists them).
#pragma once
#include <string>
#include <vector>

namespace hearth {

struct Library {
  std::string name, version;
};

std::vector<Library> base_libraries();

}  // namespace hearth
