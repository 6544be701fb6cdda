// SPDX-License-Identifier: Apache-2.0
// Where an output came from: stored in every file hearth writes, so that a chain of tools can be followed back.
#pragma once
#include <string>
#include <vector>

#include "lib/base/json.h"

namespace hearth {

// How the running tool was called.
struct Invocation {
  std::string tool;               // "shard", "tokenize train"
  std::vector<std::string> argv;  // as given
  std::string config;             // what was in force, as JSON text (config_json)
  bool record = true;             // --no-provenance: leave out all that differs between equal runs
};

// One input that an output was made from.
struct InputRecord {
  std::string path;
  std::string digest;  // sha256 of the file's bytes, or the id its format stores
};

std::string version();   // "0.1.0", from the file VERSION
std::string producer();  // "hearth 0.1.0"
std::string commit();    // of the source it was built from, "" when unknown

// {"producer", "tool", "argv", "config", "inputs", "host", "time"}; without invocation.record only producer, tool and the inputs'
// digests: the same bytes for the same work.
Json provenance(const Invocation& invocation, const std::vector<InputRecord>& inputs);

}  // namespace hearth
