// SPDX-License-Identifier: Apache-2.0
// README.md of an exported folder: what stands on a model's page.
#include "lib/base/json_value.h"
#include "lib/base/provenance.h"
#include "lib/base/text.h"
#include "lib/nn/config.h"
#include "lib/tools/export_write.h"

namespace hearth::tools::exporting {
namespace {

std::string shape_lines(const nn::ModelConfig& config) {
  const nn::ParameterCount count = nn::count_parameters(config);
  std::string text = "| | |\n|---|---|\n| parameters | " + human_count(static_cast<double>(count.total));
  if (config.has_moe()) text += ", of which a token uses " + human_count(static_cast<double>(count.active));
  text += " |\n| layers | " + std::to_string(config.n_layers()) + " |\n| width | " + std::to_string(config.hidden) +
          " |\n| vocabulary | " + std::to_string(config.vocab) + " |\n| context | " + std::to_string(config.context) +
          " tokens |\n";
  return text;
}

}  // namespace

std::string model_card(const std::string& name, const store::ModelSource& source, const Json& config) {
  const bool has_tokenizer = !source.tokenizer_folder().empty();
  std::string text =
      "---\nlibrary_name: transformers\npipeline_tag: text-generation\n---\n\n# " + name + "\n\n" +
      "A language model of the architecture `" + config.at("architectures").at(0).get<std::string>() +
      "`, weights in `" + config.at("dtype").get<std::string>() + "`, written by " + producer() + ".\n\n" +
      shape_lines(source.config()) + "\n## Use\n\n```python\nfrom transformers import AutoModelForCausalLM" +
      std::string(has_tokenizer ? ", AutoTokenizer" : "") +
      "\n\nmodel = AutoModelForCausalLM.from_pretrained(\".\")\n" +
      std::string(has_tokenizer ? "tokenizer = AutoTokenizer.from_pretrained(\".\")\n" : "") + "```\n\n" +
      "## Check\n\n`parity.json` holds prompts with the logits that this model gives in 32-bit precision.\n"
      "`hearth export --verify .` compares the folder with it. There too stands where the model came from;\n"
      "the id of its weights is `" +
      source.id() + "`.\n";
  return text;
}

}  // namespace hearth::tools::exporting
