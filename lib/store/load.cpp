// SPDX-License-Identifier: Apache-2.0
#include "lib/store/load.h"

namespace hearth::store {

void load_parameters(const ModelSource& source, nn::ParameterSet& parameters, Stream& stream) {
  std::vector<nn::Parameter>& all = parameters.all();
  stream.pool().for_each(static_cast<std::int64_t>(all.size()), [&](std::int64_t index, int) {
    const nn::Parameter& parameter = all[static_cast<std::size_t>(index)];
    source.read(parameter.spec.name, parameter.master ? parameter.master : parameter.weight);
  });
  parameters.refresh_weights(stream);
}

}  // namespace hearth::store
