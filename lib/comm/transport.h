// SPDX-License-Identifier: Apache-2.0
// Messages of bytes between processes, as one table of functions: what the collectives of host memory stand on. The
// MPI behind it lies in a shared object of its own (libhearth_mpi.so, lib/comm/mpi/), opened only under a launcher:
// tools start without MPI, and a site rebuilds that one file against its own.
//
// Every member of a group makes the same collective calls in the same order. A failure throws Error{unavailable}.
#pragma once
#include <cstddef>

namespace hearth::comm {

using Group = void*;    // processes numbered from 0; one opaque handle each
using Request = void*;  // a message under way

struct Transport {
  const char* (*name)();         // "Open MPI 4.1.4"
  void (*start)();   // before any other call; once
  void (*finish)();  // after all others, on every process

  Group (*world)();
  Group (*split)(Group group, int color, int key);  // color < 0: in none of the new groups, returns none
  void (*release)(Group group);
  int (*rank)(Group group);
  int (*size)(Group group);

  // The memory must stay until wait. Messages between two processes with one tag arrive in the order sent.
  Request (*send)(Group group, const void* from, std::size_t bytes, int to, int tag);
  Request (*receive)(Group group, void* to, std::size_t bytes, int from, int tag);  // exactly so many bytes
  void (*wait)(Request* requests, int n);                                           // none among them are skipped

  void (*barrier)(Group group);
  void (*broadcast)(Group group, void* data, std::size_t bytes, int root);
  // At most 1 GiB each. from may be where it will stand in to.
  void (*all_gather)(Group group, const void* from, void* to, std::size_t bytes_each);
};

// The table of libhearth_mpi.so, which lies beside the tools or in ../lib of them. Throws Error{unavailable} that says
// where it was looked for and what to install or rebuild.
const Transport& mpi_transport();

// What the shared object exports; a table of another version is refused.
constexpr int transport_version = 1;
constexpr const char* transport_symbol = "hearth_mpi_transport";
using TransportEntry = const Transport* (*)(int version);  // none: it has another version

}  // namespace hearth::comm
