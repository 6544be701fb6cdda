// SPDX-License-Identifier: Apache-2.0
// Faults of memory and network, put into a run from outside through MPI's profiling interface; preloaded into ranks by
// tests/mpi/test_faults.sh. Once the file $FAULT_FILE is there, rank 1 spoils one message that it has received:
//   FAULT=nan   a part of the gradients becomes NaN      FAULT=flip   one bit of the weights another
// Which message holds what shows in the order of calls: a step's gradients come after one gather, its weights after three.
#include <mpi.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string_view>

namespace {

char* received = nullptr;
int gathers = 0;
bool done = false;

bool due(int expected_gathers) {
  if (done || received == nullptr || gathers != expected_gathers) return false;
  const char* file = std::getenv("FAULT_FILE");
  int rank = 0;
  PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank == 1 && file != nullptr && ::access(file, F_OK) == 0;
}

void spoil() {
  const char* name = std::getenv("FAULT");
  const std::string_view fault = name == nullptr ? "" : name;
  if (fault == "nan" && due(1)) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    std::memcpy(received, &nan, sizeof nan);
  } else if (fault == "flip" && due(3)) {
    received[0] ^= 1;
  } else {
    return;
  }
  done = true;
  std::fprintf(stderr, "fault: %s\n", name);
}

}  // namespace

extern "C" {

int MPI_Irecv(void* to, int count, MPI_Datatype type, int from, int tag, MPI_Comm comm, MPI_Request* request) {
  received = static_cast<char*>(to);
  return PMPI_Irecv(to, count, type, from, tag, comm, request);
}

int MPI_Waitall(int n, MPI_Request requests[], MPI_Status statuses[]) {
  const int code = PMPI_Waitall(n, requests, statuses);
  spoil();
  gathers = 0;
  return code;
}

int MPI_Allgather(const void* from, int n_from, MPI_Datatype from_type, void* to, int n_to, MPI_Datatype to_type,
                  MPI_Comm comm) {
  ++gathers;
  return PMPI_Allgather(from, n_from, from_type, to, n_to, to_type, comm);
}
}
