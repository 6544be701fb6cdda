// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/watched_ranks.h"

#include <memory>
#include <optional>

#include "lib/base/error.h"
#include "lib/base/launcher.h"
#include "lib/base/signals.h"
#include "lib/comm/agreement.h"
#include "lib/comm/heartbeat.h"
#include "lib/comm/mesh.h"

namespace hearth::tools {

std::string this_node() {
  const std::optional<Launch> launch = find_launch();
  return launch ? launch->node : "";
}

void watched(Context& context, const std::filesystem::path& run, double watchdog_s, const std::function<void()>& body) {
  comm::Communicator& world = context.mesh->world();
  const comm::Activity* activity = world.activity();
  const std::filesystem::path folder = run / "heartbeats";
  std::error_code ignored;
  comm::together(world, [&] {  // those of an earlier start, maybe of more ranks
    if (world.rank() == 0) std::filesystem::remove_all(folder, ignored);
  });
  if (world.size() == 1 || activity == nullptr) return body();
  constexpr int code = static_cast<int>(Kind::unavailable);
  std::unique_ptr<comm::Heartbeat> heartbeat;
  const auto hung = [&](const std::string& what, bool speaks) {
    if (speaks) context.log.error(what);
    heartbeat->end(code, what);
    leave_now(code);
  };
  heartbeat = std::make_unique<comm::Heartbeat>(folder, comm::Heartbeat::Rank{world.rank(), this_node()}, *activity,
                                                watchdog_s, hung, [&world] { return world.failure(); });
  try {
    body();
    heartbeat->end(0, "");
  } catch (const comm::PeerError& error) {  // this rank is not the cause, whatever it ends with
    heartbeat->end(code, error.what());
    throw;
  } catch (const Error& error) {
    heartbeat->end(error.exit_code(), error.what());
    throw;
  }
}

}  // namespace hearth::tools
