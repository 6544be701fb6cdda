// SPDX-License-Identifier: Apache-2.0
// JSON values (nlohmann::ordered_json: keys keep their order); text is read up to lists and objects nested 1000 deep.
// Include this in headers; a .cpp that touches values includes <nlohmann/json.hpp> through lib/base/json_value.h.
#pragma once
#include <nlohmann/json_fwd.hpp>

namespace hearth {
using Json = nlohmann::ordered_json;
}
