// SPDX-License-Identifier: Apache-2.0
#include "formats/classifier.h"

#include <bit>
#include <cmath>

#include "formats/hdf5_file.h"
#include "lib/base/error.h"
#include "lib/base/json_value.h"

namespace hearth::formats {
namespace {

constexpr FormatVersion version{"classifier", 1, 0, "hearth shard train-classifier"};
constexpr const char* features = "folded-words-2";

}  // namespace

void write_classifier(const std::filesystem::path& path, bool overwrite, const LinearClassifier& classifier,
                      const Json& provenance) {
  HEARTH_CHECK(std::has_single_bit(classifier.weights.size()), "as many buckets as a power of two");
  Hdf5Writer writer(path, overwrite, version);
  writer.set("features", std::string(features));
  writer.set("scope", classifier.scope);
  writer.write("weights", classifier.weights);
  writer.write("bias", std::vector<float>{classifier.bias});
  writer.write_text("evaluation", classifier.evaluation);
  writer.write_text("provenance", dump_json(provenance));
  writer.finish();
}

LinearClassifier read_classifier(const std::filesystem::path& path) {
  const Hdf5Reader reader(path, version);
  if (const std::string made = reader.text("features"); made != features) {
    throw Error(Kind::data, path.string() + ": its features are '" + made +
                                "', which this program does not make; use a "
                                "newer hearth, or train it again");
  }
  LinearClassifier classifier;
  classifier.weights = reader.read<float>("weights");
  const std::vector<float> bias = reader.read<float>("bias");
  bool finite = std::has_single_bit(classifier.weights.size()) && bias.size() == 1 && std::isfinite(bias[0]);
  for (const float weight : classifier.weights) finite = finite && std::isfinite(weight);
  if (!finite) {
    throw Error(Kind::data, path.string() +
                                ": its weights are not as many finite numbers as a power of two, and a "
                                "bias; train it again (hearth shard train-classifier)");
  }
  classifier.bias = bias[0];
  classifier.scope = reader.text("scope");
  classifier.evaluation = reader.read_text("evaluation");
  return classifier;
}

}  // namespace hearth::formats
