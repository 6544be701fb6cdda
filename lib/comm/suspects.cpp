// SPDX-License-Identifier: Apache-2.0
// Who was the cause. Where all ranks still beat, it is read from who waits for whom: a rank in a call of its group
// waits for the members that have not done that call, in a pipeline for the neighbour that has not sent. Members that
// are in one collective so wait for each other, in a circle; and the circle for a rank that is elsewhere, if there is
// one. What waits for nothing outside itself is the cause: a rank that computes, one whose call all others are through
// with, or a circle. Circles: strongly connected components (Tarjan, SIAM J. Comput. 1(2), 1972).
#include <algorithm>
#include <map>

#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/comm/heartbeat.h"

namespace hearth::comm {
namespace {

std::string doing(const Beat& beat) {
  const std::string number = std::to_string(beat.calls);
  if (beat.call.empty()) return "computing since call " + number;
  return "in " + beat.call + ", call " + number;
}

// Left by their own decision, and not because a peer had gone.
bool failed_by_itself(const Beat& beat) {
  const int peer_gone = static_cast<int>(Kind::unavailable), stopped = static_cast<int>(Kind::stopped);
  return beat.end && *beat.end != 0 && *beat.end != peer_gone && *beat.end != stopped;
}

class WaitGraph {
 public:
  explicit WaitGraph(const std::vector<Beat>& beats) : nodes_(beats.size()) {
    std::map<int, std::size_t> index;
    for (std::size_t i = 0; i < beats.size(); ++i) index[beats[i].rank] = i;
    for (std::size_t i = 0; i < beats.size(); ++i) {
      if (beats[i].call_s < 3 * beats[i].interval_s) continue;  // no call is expected to take no time
      for (const Need& need : beats[i].needs) {
        for (const int rank : *need.ranks) {
          const auto found = index.find(rank);
          if (found == index.end() || found->second == i) continue;
          const Done& done = beats[found->second].done;
          const auto times = done.find(need.step);
          if (times == done.end() || times->second < need.count) nodes_[i].waits_for.push_back(found->second);
        }
      }
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].order == 0) visit(i);
    }
  }

  // The circles, and single ranks, that wait for nobody else and that others wait for, as indices of beats.
  std::vector<std::vector<std::size_t>> causes() const {
    std::vector<bool> waits(circles_.size()), is_waited_for(circles_.size());
    for (const Node& node : nodes_) {
      for (const std::size_t other : node.waits_for) {
        if (nodes_[other].circle == node.circle) continue;
        waits[node.circle] = true;
        is_waited_for[nodes_[other].circle] = true;
      }
    }
    std::vector<std::vector<std::size_t>> found;
    for (std::size_t c = 0; c < circles_.size(); ++c) {
      if (is_waited_for[c] && !waits[c]) found.push_back(circles_[c]);
    }
    return found;
  }

 private:
  struct Node {
    std::vector<std::size_t> waits_for;
    std::size_t order = 0, lowest = 0;  // of the search; 0: not yet seen
    std::size_t circle = none;
  };
  static constexpr std::size_t none = ~std::size_t{0};

  void visit(std::size_t i) {
    nodes_[i].order = nodes_[i].lowest = ++n_seen_;
    open_.push_back(i);
    for (const std::size_t other : nodes_[i].waits_for) {
      if (nodes_[other].order == 0) visit(other);
      if (nodes_[other].circle == none) nodes_[i].lowest = std::min(nodes_[i].lowest, nodes_[other].lowest);
    }
    if (nodes_[i].lowest != nodes_[i].order) return;
    const auto begin = std::ranges::find(open_, i);
    for (auto member = begin; member != open_.end(); ++member) nodes_[*member].circle = circles_.size();
    circles_.emplace_back(begin, open_.end());
    std::ranges::sort(circles_.back());
    open_.erase(begin, open_.end());
  }

  std::vector<Node> nodes_;
  std::vector<std::vector<std::size_t>> circles_;
  std::vector<std::size_t> open_;
  std::size_t n_seen_ = 0;
};

// Work of GPUs waits for other ranks', but not by name: for one that has been in no call all the while.
std::vector<Suspect> away_from_gpus(const std::vector<Beat>& beats) {
  double longest_s = 0;
  std::vector<Suspect> found;
  for (const Beat& beat : beats) {
    if (beat.call == device_call || beat.call == nccl_call) longest_s = std::max(longest_s, beat.call_s);
  }
  for (const Beat& beat : beats) {
    if (longest_s < 3 * beat.interval_s || !beat.call.empty() || beat.call_s < longest_s / 2) continue;
    found.push_back(
        {beat.rank, beat.node,
         "is " + doing(beat) + " for " + human_seconds(beat.call_s) + "; others wait for it on their GPUs"});
  }
  return found.size() < beats.size() ? found : std::vector<Suspect>();
}

// Where every rank lives.
std::vector<Suspect> ends_of_waiting(const std::vector<Beat>& beats) {
  std::vector<Suspect> found;
  double longest_s = 0;
  const std::vector<std::vector<std::size_t>> causes = WaitGraph(beats).causes();
  for (const auto& circle : causes) {
    if (circle.size() == 1) longest_s = std::max(longest_s, beats[circle.front()].call_s);
  }
  for (const auto& circle : causes) {
    for (const std::size_t i : circle) {
      const Beat& beat = beats[i];
      if (circle.size() == 1 && beat.call_s < longest_s / 2) continue;  // has only just begun to
      std::string others;
      for (const std::size_t other : circle) {
        if (other != i) others += (others.empty() ? "" : ", ") + std::to_string(beats[other].rank);
      }
      const std::string seconds = " for " + human_seconds(beat.call_s);
      found.push_back({beat.rank, beat.node,
                       circle.size() == 1 ? "is " + doing(beat) + seconds + "; others wait for it"
                                          : "waits " + doing(beat) + seconds + ": it and " + others +
                                                " wait for each other: one of them, or the network between"});
    }
  }
  if (found.empty()) return away_from_gpus(beats);
  std::ranges::sort(found, {}, &Suspect::rank);
  return found;
}

}  // namespace

std::vector<Suspect> find_suspects(const std::vector<Beat>& beats, bool over) {
  if (beats.empty()) return {};
  const double newest = std::ranges::max_element(beats, {}, &Beat::time)->time;
  std::vector<Suspect> found;
  const auto collect = [&](const auto& is_one, const auto& what) {
    for (const Beat& beat : beats) {
      if (is_one(beat)) found.push_back({beat.rank, beat.node, what(beat)});
    }
    return !found.empty();
  };
  if (collect(failed_by_itself,
              [](const Beat& beat) { return "ended with " + std::to_string(*beat.end) + ": " + beat.message; }))
    return found;
  // What a stopped rank writes when it is woken to be ended comes after this verdict, and would upset the rules below.
  const Beat* judge = nullptr;
  for (const Beat& beat : beats) {
    if (!beat.blamed.empty() && (judge == nullptr || beat.time < judge->time)) judge = &beat;
  }
  if (judge != nullptr) return judge->blamed;
  const auto heard = [&](const Beat& beat) {
    return "was last heard " + human_seconds(newest - beat.time) + " before the others, " + doing(beat);
  };
  if (over && std::ranges::any_of(beats, [](const Beat& beat) { return beat.end.has_value(); })) {
    // A launcher ends those that wait on, some time after the first has left: they were heard longer.
    double first = newest;
    for (const Beat& beat : beats) {
      if (!beat.end) first = std::min(first, beat.time);
    }
    collect([&](const Beat& beat) { return !beat.end && beat.time <= first + 3 * beat.interval_s; }, heard);
    return found;
  }
  if (collect([&](const Beat& beat) { return !beat.end && beat.time < newest - 3 * beat.interval_s; }, heard))
    return found;
  return ends_of_waiting(beats);
}

std::string text_of(const Suspect& suspect) {
  return "rank " + std::to_string(suspect.rank) + " on " + suspect.node + ": " + suspect.what;
}

}  // namespace hearth::comm
