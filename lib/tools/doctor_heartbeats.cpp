// SPDX-License-Identifier: Apache-2.0
// hearth doctor --heartbeats: which ranks a run died of.
#include <cstdio>

#include "lib/base/json_value.h"
#include "lib/comm/heartbeat.h"
#include "lib/tools/doctor.h"

namespace hearth::tools::doctor {

int tell_heartbeats(const Options& options, Context& context) {
  const std::vector<comm::Beat> beats = comm::read_beats(options.heartbeats);
  if (beats.empty()) throw Error(Kind::missing, options.heartbeats + ": no heartbeats there");
  const std::vector<comm::Suspect> suspects = comm::find_suspects(beats, true);
  if (context.json) {
    Json json{{"schema", "hearth.doctor.heartbeats/1"}, {"ranks", beats.size()}, {"suspects", Json::array()}};
    for (const comm::Suspect& each : suspects)
      json["suspects"].push_back({{"rank", each.rank}, {"node", each.node}, {"what", each.what}});
    std::printf("%s\n", dump_json(json).c_str());
    return 0;
  }
  for (const comm::Suspect& each : suspects) std::printf("%s\n", comm::text_of(each).c_str());
  if (suspects.empty()) std::printf("no rank can be told from the others (%zu ranks)\n", beats.size());
  return 0;
}

}  // namespace hearth::tools::doctor
