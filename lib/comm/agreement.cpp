// SPDX-License-Identifier: Apache-2.0
#include "lib/comm/agreement.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <map>
#include <new>

#include "lib/base/digest.h"
#include "lib/comm/on_the_host.h"

namespace hearth::comm {
namespace {

// "3", "1, 2 and 5", "1, 2, 3 and 40 more"
std::string listed(const std::vector<int>& ranks) {
  constexpr std::size_t shown = 6;
  std::string text;
  for (std::size_t i = 0; i < std::min(shown, ranks.size()); ++i) {
    const bool last = i + 1 == ranks.size();
    text += (i == 0 ? "" : last ? " and " : ", ") + std::to_string(ranks[i]);
  }
  if (ranks.size() > shown) text += " and " + std::to_string(ranks.size() - shown) + " more";
  return text;
}

template <class T>
Tensor whole(std::vector<T>& values) {
  return Tensor(values.data(), {static_cast<std::int64_t>(values.size())});
}

// Everyone's, in rank order.
std::vector<std::int64_t> gathered(Communicator& world, std::vector<std::int64_t> own) {
  std::vector<std::int64_t> all(own.size() * static_cast<std::size_t>(world.size()));
  on_the_host([&](Stream& stream) { world.all_gather(stream, whole(own), whole(all)).wait(stream); });
  return all;
}

// One rank's text, on all.
std::string text_of_rank(Communicator& world, const std::string& text, int rank) {
  std::vector<std::int64_t> length{static_cast<std::int64_t>(text.size())};
  std::string all = text;
  on_the_host([&](Stream& stream) {
    world.broadcast(stream, whole(length), rank).wait(stream);
    all.resize(static_cast<std::size_t>(length[0]));
    world.broadcast(stream, Tensor(all.data(), DType::u8, {length[0]}), rank).wait(stream);
  });
  return all;
}

}  // namespace

void together(Communicator& world, const std::function<void()>& body) {
  if (world.size() == 1) return body();
  std::exception_ptr failure;
  std::int64_t kind = 0;
  std::string message;
  const auto note = [&](Kind of, const char* what) {
    failure = std::current_exception();
    kind = static_cast<std::int64_t>(of);
    message = what;
  };
  try {
    body();
  } catch (const Error& error) {
    note(error.kind(), error.what());
  } catch (const std::bad_alloc&) {
    note(Kind::unavailable, "out of memory");
  } catch (const std::exception& error) {
    note(Kind::internal, error.what());
  }
  const std::vector<std::int64_t> kinds = gathered(world, {kind});
  std::vector<int> failed;
  for (std::size_t r = 0; r < kinds.size(); ++r) {
    if (kinds[r] != 0) failed.push_back(static_cast<int>(r));
  }
  if (failed.empty()) return;
  // A rank that was stopped did not fail: where another did, it has that one's error like the rest.
  const auto kind_of = [&](int rank) { return kinds[static_cast<std::size_t>(rank)]; };
  const auto was_stopped = [&](int rank) { return kind_of(rank) == static_cast<std::int64_t>(Kind::stopped); };
  if (!std::ranges::all_of(failed, was_stopped)) std::erase_if(failed, was_stopped);
  message = text_of_rank(world, message, failed.front());
  if (std::ranges::binary_search(failed, world.rank())) std::rethrow_exception(failure);
  int speaker = 0;  // the first that did not fail
  while (std::ranges::binary_search(failed, speaker)) ++speaker;
  throw PeerError(static_cast<Kind>(kind_of(failed.front())),
                  "rank" + std::string(failed.size() > 1 ? "s " : " ") + listed(failed) + ": " + message,
                  world.rank() == speaker);
}

std::vector<std::int64_t> largest(Communicator& world, const std::vector<std::int64_t>& values) {
  std::vector<std::int64_t> most = values;
  on_the_host([&](Stream& stream) { world.all_reduce(stream, whole(most), Reduce::max).wait(stream); });
  return most;
}

std::vector<std::string> all_texts(Communicator& world, const std::string& text) {
  constexpr std::size_t n_words = 8, n_bytes = n_words * sizeof(std::int64_t);
  std::vector<std::int64_t> own(n_words, 0);
  std::memcpy(own.data(), text.data(), std::min(text.size(), n_bytes - 1));
  const std::vector<std::int64_t> all = gathered(world, own);
  std::vector<std::string> texts;
  for (std::size_t at = 0; at < all.size(); at += n_words) texts.emplace_back(reinterpret_cast<const char*>(&all[at]));
  return texts;
}

std::string shared_text(Communicator& world, const std::string& text) {
  return world.size() == 1 ? text : text_of_rank(world, text, 0);
}

std::vector<std::string> gathered_texts(Communicator& world, const std::string& text) {
  const std::vector<std::int64_t> lengths = gathered(world, {static_cast<std::int64_t>(text.size())});
  const std::int64_t longest = *std::ranges::max_element(lengths);
  if (longest == 0) return std::vector<std::string>(lengths.size());
  std::string own = text;
  own.resize(static_cast<std::size_t>(longest));
  std::string all(own.size() * lengths.size(), '\0');
  on_the_host([&](Stream& stream) {
    const Tensor from(own.data(), DType::u8, {longest}), to(all.data(), DType::u8, {longest * world.size()});
    world.all_gather(stream, from, to).wait(stream);
  });
  std::vector<std::string> texts;
  for (std::size_t r = 0; r < lengths.size(); ++r)
    texts.push_back(all.substr(r * own.size(), static_cast<std::size_t>(lengths[r])));
  return texts;
}

void check_agreement(Communicator& world, const std::vector<Fact>& facts) {
  if (world.size() == 1) return;
  const std::size_t n_facts = facts.size(), n_ranks = static_cast<std::size_t>(world.size());
  std::vector<std::int64_t> own;
  for (const Fact& fact : facts) {
    const Hash128 digest = hash128(fact.value);
    own.push_back(static_cast<std::int64_t>(digest.high));
    own.push_back(static_cast<std::int64_t>(digest.low));
  }
  const std::vector<std::int64_t> all = gathered(world, own);

  std::string problems;
  for (std::size_t f = 0; f < n_facts; ++f) {
    std::map<std::pair<std::int64_t, std::int64_t>, std::vector<int>> ranks_of;
    for (std::size_t r = 0; r < n_ranks; ++r) {
      const std::size_t at = 2 * (r * n_facts + f);
      ranks_of[{all[at], all[at + 1]}].push_back(static_cast<int>(r));
    }
    if (ranks_of.size() == 1) continue;
    // The value of most ranks is taken for right; of two as frequent, that of the lowest rank.
    const auto most = std::ranges::max_element(ranks_of, [](const auto& a, const auto& b) {
      if (a.second.size() != b.second.size()) return a.second.size() < b.second.size();
      return a.second.front() > b.second.front();
    });
    std::vector<int> others;
    for (const auto& [digest, ranks] : ranks_of) {
      if (digest != most->first) others.insert(others.end(), ranks.begin(), ranks.end());
    }
    std::ranges::sort(others);
    problems += (problems.empty() ? "" : "; ") + facts[f].what + " of rank" + (others.size() > 1 ? "s " : " ") +
                listed(others) + " differ" + " from the rest";
  }
  if (!problems.empty()) {
    throw Error(Kind::config,
                problems + ": all ranks must run the same program on the same input with the same options");
  }
}

}  // namespace hearth::comm
