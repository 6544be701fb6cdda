// SPDX-License-Identifier: Apache-2.0
// The transport over MPI: all of hearth that is compiled against MPI. Messages above 1 GiB go in pieces, as MPI counts
// in int.
#include <mpi.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/comm/transport.h"

namespace hearth::comm {
namespace {

constexpr std::size_t piece_bytes = std::size_t{1} << 30;

void check(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw Error(Kind::unavailable, std::string(what) + ": " + std::string(text, static_cast<std::size_t>(length)));
}

MPI_Comm& comm_of(Group group) {
  return *static_cast<MPI_Comm*>(group);
}

// One message: a request, and one for every further piece.
struct Message {
  MPI_Request first = MPI_REQUEST_NULL;
  std::vector<MPI_Request> others;
};

template <class Each>
Request in_pieces(std::size_t bytes, const Each& each) {
  auto message = std::make_unique<Message>();
  each(0, static_cast<int>(std::min(piece_bytes, bytes)), &message->first);
  for (std::size_t at = piece_bytes; at < bytes; at += piece_bytes)
    each(at, static_cast<int>(std::min(piece_bytes, bytes - at)), &message->others.emplace_back());
  return message.release();
}

void start() {
  int provided = 0;
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
  if (provided < MPI_THREAD_SERIALIZED) {
    throw Error(Kind::unavailable,
                "this MPI has no MPI_THREAD_SERIALIZED, which hearth needs: use another build of it");
  }
  check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
}

Group world() {
  auto* comm = new MPI_Comm;
  check(MPI_Comm_dup(MPI_COMM_WORLD, comm), "MPI_Comm_dup");
  return comm;
}

Group split(Group group, int color, int key) {
  MPI_Comm made = MPI_COMM_NULL;
  check(MPI_Comm_split(comm_of(group), color < 0 ? MPI_UNDEFINED : color, key, &made), "MPI_Comm_split");
  return made == MPI_COMM_NULL ? nullptr : new MPI_Comm(made);
}

void release(Group group) {
  int finished = 0;
  MPI_Finalized(&finished);
  if (finished == 0) MPI_Comm_free(&comm_of(group));
  delete static_cast<MPI_Comm*>(group);
}

int rank(Group group) {
  int value = 0;
  check(MPI_Comm_rank(comm_of(group), &value), "MPI_Comm_rank");
  return value;
}

int size(Group group) {
  int value = 0;
  check(MPI_Comm_size(comm_of(group), &value), "MPI_Comm_size");
  return value;
}

Request send(Group group, const void* from, std::size_t bytes, int to, int tag) {
  return in_pieces(bytes, [&](std::size_t at, int n, MPI_Request* request) {
    check(MPI_Isend(static_cast<const char*>(from) + at, n, MPI_BYTE, to, tag, comm_of(group), request), "MPI_Isend");
  });
}

Request receive(Group group, void* to, std::size_t bytes, int from, int tag) {
  return in_pieces(bytes, [&](std::size_t at, int n, MPI_Request* request) {
    check(MPI_Irecv(static_cast<char*>(to) + at, n, MPI_BYTE, from, tag, comm_of(group), request), "MPI_Irecv");
  });
}

void wait_for_all(std::span<MPI_Request> requests, std::span<MPI_Status> statuses) {
  const int code = MPI_Waitall(static_cast<int>(requests.size()), requests.data(), statuses.data());
  if (code == MPI_ERR_IN_STATUS) {
    for (const MPI_Status& status : statuses) check(status.MPI_ERROR, "a message between ranks");
  }
  check(code, "MPI_Waitall");
}

void wait(Request* requests, int n) {
  constexpr std::size_t few = 8;
  std::array<MPI_Request, few> some;
  std::vector<MPI_Request> many;  // where they are not few
  std::size_t n_some = 0;
  const auto add = [&](MPI_Request request) {
    if (n_some < few)
      some[n_some++] = request;
    else
      many.push_back(request);
  };
  for (int i = 0; i < n; ++i) {
    if (requests[i] == nullptr) continue;
    const std::unique_ptr<Message> message(static_cast<Message*>(std::exchange(requests[i], nullptr)));
    add(message->first);
    std::ranges::for_each(message->others, add);
  }
  std::array<MPI_Status, few> statuses;
  if (many.empty()) return wait_for_all(std::span(some).first(n_some), std::span(statuses).first(n_some));
  many.insert(many.end(), some.begin(), some.end());
  std::vector<MPI_Status> all(many.size());
  wait_for_all(many, all);
}

void broadcast(Group group, void* data, std::size_t bytes, int root) {
  for (std::size_t at = 0; at < bytes; at += piece_bytes) {
    const int n = static_cast<int>(std::min(piece_bytes, bytes - at));
    check(MPI_Bcast(static_cast<char*>(data) + at, n, MPI_BYTE, root, comm_of(group)), "MPI_Bcast");
  }
}

void all_gather(Group group, const void* from, void* to, std::size_t bytes) {
  HEARTH_CHECK(bytes <= piece_bytes, "a rank's share of a gather is above 1 GiB");
  const auto ranks = static_cast<std::size_t>(size(group));
  const char* own = static_cast<const char*>(to) + static_cast<std::size_t>(rank(group)) * bytes;
  const void* given = from == own ? MPI_IN_PLACE : from;
  const int n = static_cast<int>(bytes);
  if (bytes * ranks <= piece_bytes)
    return check(MPI_Allgather(given, n, MPI_BYTE, to, n, MPI_BYTE, comm_of(group)), "MPI_Allgather");
  // Some algorithms of some MPIs multiply counts in int: of all this one block a rank. Making its type takes a while.
  MPI_Datatype block = MPI_DATATYPE_NULL;
  check(MPI_Type_contiguous(n, MPI_BYTE, &block), "MPI_Type_contiguous");
  check(MPI_Type_commit(&block), "MPI_Type_commit");
  const int code = MPI_Allgather(given, 1, block, to, 1, block, comm_of(group));
  MPI_Type_free(&block);
  check(code, "MPI_Allgather");
}

const char* library_name() {
  static const std::string name = [] {
    char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    MPI_Get_library_version(text, &length);
    const std::string whole(text, static_cast<std::size_t>(length));
    return whole.substr(0, whole.find_first_of(",\n"));
  }();
  return name.c_str();
}

}  // namespace
}  // namespace hearth::comm

extern "C" __attribute__((visibility("default"))) const hearth::comm::Transport* hearth_mpi_transport(int version) {
  using namespace hearth::comm;
  static const Transport table{
      .name = library_name,
      .start = start,
      .finish = [] { MPI_Finalize(); },
      .world = world,
      .split = split,
      .release = release,
      .rank = rank,
      .size = size,
      .send = send,
      .receive = receive,
      .wait = wait,
      .barrier = [](Group group) { check(MPI_Barrier(comm_of(group)), "MPI_Barrier"); },
      .broadcast = broadcast,
      .all_gather = all_gather,
  };
  return version == transport_version ? &table : nullptr;
}
