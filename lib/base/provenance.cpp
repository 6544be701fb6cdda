// SPDX-License-Identifier: Apache-2.0
#include "lib/base/provenance.h"

#include "lib/base/clock.h"
#include "lib/base/json_value.h"
#include "lib/base/machine.h"
#include "lib/base/version.h"  // generated from VERSION by cmake

namespace hearth {

std::string version() { return HEARTH_VERSION; }
std::string producer() { return "hearth " HEARTH_VERSION; }
std::string commit() { return HEARTH_COMMIT; }

Json provenance(const Invocation& invocation, const std::vector<InputRecord>& inputs) {
  Json out{{"producer", producer()}, {"tool", invocation.tool}};
  if (invocation.record) out["argv"] = invocation.argv;
  if (invocation.record) out["config"] = invocation.config.empty() ? Json::object() : parse_json(invocation.config, "config");
  out["inputs"] = Json::array();
  for (const InputRecord& input : inputs) {
    Json record;
    if (invocation.record) record["path"] = input.path;
    record["digest"] = input.digest;
    out["inputs"].push_back(record);
  }
  if (invocation.record) {
    out["commit"] = commit();
    out["host"] = this_machine().host;
    out["time"] = utc_timestamp();
  }
  return out;
}

}  // namespace hearth
