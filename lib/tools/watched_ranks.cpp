// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/watched_ranks.h"

#include <cstdio>
#include <memory>
#include <new>
#include <optional>

#include "lib/base/error.h"
#include "lib/base/json_value.h"
#include "lib/base/launcher.h"
#include "lib/base/signals.h"
#include "lib/comm/agreement.h"
#include "lib/comm/heartbeat.h"
#include "lib/comm/mesh.h"
#include "lib/tools/tool.h"

namespace hearth::tools {

std::string this_node() {
  const std::optional<Launch> launch = find_launch();
  return launch ? launch->node : "";
}

void watched(Context& context, const std::filesystem::path& run, double watchdog_s,
             const std::function<void(const Guard& guard)>& body) {
  comm::Communicator& world = context.mesh->world();
  const comm::Activity* activity = world.activity();
  const std::filesystem::path folder = run / "heartbeats";
  std::error_code ignored;
  comm::together(world, [&] {  // those of an earlier start, maybe of more ranks
    if (world.rank() == 0) std::filesystem::remove_all(folder, ignored);
  });
  if (world.size() == 1 || activity == nullptr) return body([](const auto& work) { work(); });
  constexpr int code = static_cast<int>(Kind::unavailable);
  std::unique_ptr<comm::Heartbeat> heartbeat;
  const auto hung = [&](const std::string& what, bool speaks) {
    if (speaks) context.log.error(what);
    heartbeat->end(code, what);
    leave_now(code);
  };
  heartbeat = std::make_unique<comm::Heartbeat>(folder, comm::Heartbeat::Rank{world.rank(), this_node()}, *activity,
                                                watchdog_s, hung, [&world] { return world.failure(); });
  const auto last_beat = [&](const Error& error) {  // of another's error this rank is not the cause
    const bool of_other = dynamic_cast<const comm::PeerError*>(&error) != nullptr;
    heartbeat->end(of_other ? code : error.exit_code(), error.what());
  };
  const auto leave = [&](const Error& error) {
    last_beat(error);
    context.log.event("exit", Json{{"code", error.exit_code()}, {"message", error.what()}});
    const int ends_with = tell(context.invocation.tool, error);
    std::fflush(nullptr);
    leave_now(ends_with);
  };
  const auto guard = [&](const std::function<void()>& work) {
    if (context.stream.is_host()) return work();
    try {
      work();
    } catch (const Error& error) {
      leave(error);
    } catch (const std::bad_alloc&) {
      leave(Error(Kind::unavailable, "out of memory"));
    } catch (const std::exception& error) {
      leave(Error(Kind::internal, error.what()));
    }
  };
  try {
    body(guard);
    heartbeat->end(0, "");
  } catch (const Error& error) {
    last_beat(error);
    throw;
  }
}

}  // namespace hearth::tools
