// SPDX-License-Identifier: Apache-2.0
#include "lib/train/replicas.h"

#include <map>
#include <span>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/comm/agreement.h"
#include "lib/device/memory.h"

namespace hearth::train {
namespace {

std::string digest_of(Stream& stream, const nn::ParameterSet& parameters, bool experts) {
  std::string digests;
  for (const nn::Parameter& parameter : parameters.all()) {
    // Weights that are shared out are nobody's twice.
    if ((parameter.spec.copies == nn::Copies::expert_data) != experts || !parameter.weight) continue;
    const Tensor& weight = parameter.weight;
    const Tensor bytes(weight.data, DType::u8, {static_cast<std::int64_t>(weight.bytes())});
    if (stream.is_host()) {
      stream.wait();
      digests += hash128(std::span(bytes.data, bytes.bytes())).hex();
    } else {
      const std::vector<std::uint8_t> copy = host_copy<std::uint8_t>(stream, bytes);
      digests += hash128(std::as_bytes(std::span(copy))).hex();
    }
  }
  return hash128(digests).hex();
}

void compare(const std::string& digest, comm::Communicator& replicas, const std::string& node) {
  if (replicas.size() == 1) return;
  const std::vector<std::string> digests = comm::all_texts(replicas, digest);
  const std::vector<std::string> nodes = comm::all_texts(replicas, node);
  std::map<std::string, int> counts;
  for (const std::string& digest : digests) ++counts[digest];
  if (counts.size() == 1) return;
  const std::string* most = &digests.front();  // of two as frequent, that of the lowest rank
  for (const std::string& digest : digests) {
    if (counts[digest] > counts[*most]) most = &digest;
  }
  std::string who;
  for (std::size_t r = 0; r < digests.size(); ++r) {
    if (digests[r] != *most) who += (who.empty() ? "replica " : ", replica ") + std::to_string(r) + " on " + nodes[r];
  }
  throw Error(Kind::unavailable, "the weights differ between replicas: " + who +
                                     " against the rest. Something changed bits there (memory, processor, network): "
                                     "keep that node out and go on from the last checkpoint");
}

}  // namespace

void compare_replicas(Stream& stream, const nn::ParameterSet& parameters, const comm::Mesh& mesh,
                      const std::string& node) {
  compare(digest_of(stream, parameters, false), mesh.replicas(), node);
  compare(digest_of(stream, parameters, true), mesh.expert_replicas(), node);
}

}  // namespace hearth::train
