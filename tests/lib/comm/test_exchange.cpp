// SPDX-License-Identifier: Apache-2.0
#include "lib/comm/exchange.h"

#include <memory>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "tests/lib/comm/thread_transport.h"
#include "tests/support/catch.h"

namespace hearth::comm {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw Error(Kind::internal, what);
}

}  // namespace

TEST_CASE("records and texts reach the ranks they are for, in the order of those that sent them") {
  for (const int n : {1, 2, 5}) {
    with_thread_ranks(n, [&](std::unique_ptr<Communicator> world) {
      const auto size = static_cast<std::size_t>(n);
      struct Record {
        int from, to, number;
      };
      std::vector<std::vector<Record>> outgoing(size);
      std::vector<std::string> texts(size);
      for (int to = 0; to < n; ++to) {  // as many as rank and receiver make together; to some none
        for (int i = 0; i < (world->rank() + to) % 3; ++i) {
          outgoing[static_cast<std::size_t>(to)].push_back({world->rank(), to, i});
        }
        texts[static_cast<std::size_t>(to)] = std::string(static_cast<std::size_t>(world->rank()), 'x');
      }
      const Received<Record> received = exchanged(*world, std::move(outgoing));
      const std::vector<std::string> came = exchanged_texts(*world, std::move(texts));
      require(came.size() == size, "a text of each");
      for (int from = 0; from < n; ++from) {
        const auto records = received.from(from);
        require(records.size() == static_cast<std::size_t>((from + world->rank()) % 3), "another number of records");
        for (std::size_t i = 0; i < records.size(); ++i) {
          require(records[i].from == from && records[i].to == world->rank() && records[i].number == static_cast<int>(i),
                  "another record");
        }
        require(came[static_cast<std::size_t>(from)].size() == static_cast<std::size_t>(from), "another text");
      }
      require(summed(*world, {1, world->rank()})[0] == n, "the sum");
    });
  }
}

TEST_CASE("things are numbered over ranks, the first ones in front; holders answer for them") {
  // Ranks 0 to 3 have 2, 0, 1, 0 first things and 1, 0, 3, 2 others: numbers 0 1 | 2 | 3 | 4 5 6 | 7 8.
  const std::vector<std::uint64_t> n_first{2, 0, 1, 0}, n_others{1, 0, 3, 2};
  const std::vector<int> holders{0, 0, 2, 0, 2, 2, 2, 3, 3};
  const std::vector<std::uint64_t> owns{0, 1, 0, 2, 1, 2, 3, 0, 1};
  with_thread_ranks(4, [&](std::unique_ptr<Communicator> world) {
    const auto rank = static_cast<std::size_t>(world->rank());
    const Numbering numbering(*world, n_first[rank], n_others[rank]);
    require(numbering.n() == holders.size(), "the number of all");
    std::vector<std::uint64_t> asked;
    for (std::uint64_t number = 0; number < numbering.n(); ++number) {
      require(numbering.holder(number) == holders[number] && numbering.own(number) == owns[number], "another holder");
      if (holders[number] == world->rank()) require(numbering.shared(owns[number]) == number, "another number");
      asked.insert(asked.begin(), number);
      asked.push_back(number);
    }
    const auto answers = fetched<std::uint64_t>(*world, numbering, asked, [&](std::uint64_t own) {
      return static_cast<std::uint64_t>(world->rank()) * 100 + own;
    });
    for (std::size_t i = 0; i < asked.size(); ++i)
      require(answers[i] == static_cast<std::uint64_t>(holders[asked[i]]) * 100 + owns[asked[i]], "another answer");
  });
  const Numbering alone;
  CHECK(alone.holder(12) == 0);
  CHECK(alone.own(12) == 12);
  CHECK(alone.shared(12) == 12);
}

}  // namespace hearth::comm
