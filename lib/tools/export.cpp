// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/export.h"

#include <cstdio>
#include <memory>

#include "lib/base/error.h"
#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/tools/export_write.h"

namespace hearth::tools::exporting {
namespace {

void check_usage(const Options& options) {
  if (!options.verify.empty()) {
    if (!options.model.empty() || !options.to.empty() || !options.output.empty()) {
      throw Error(Kind::usage, "--verify stands alone: it compares a folder that exists and writes nothing");
    }
    return;
  }
  if (options.model.empty())
    throw Error(Kind::usage, "--model is missing: the run, checkpoint or folder to export (or --verify FOLDER)");
  if (options.to.empty()) throw Error(Kind::usage, "--to is missing: hf or hearth");
  if (options.output.empty()) throw Error(Kind::usage, "-o is missing: the folder to write");
  if (options.to == "hearth" && options.max_shard_bytes != Options{}.max_shard_bytes) {
    throw Error(Kind::usage, "--max-shard-bytes belongs to --to hf");
  }
  if (options.max_shard_bytes == 0) throw Error(Kind::usage, "--max-shard-bytes must be above 0");
}

int run_verify(const Options& options, Context& context) {
  const infer::ParityResult result = verify_folder(options.verify, context);
  const bool agrees = result.largest_difference <= options.tolerance;  // false for a NaN
  if (context.json) {
    std::printf("%s\n", dump_json({{"schema", "hearth.export/1"},
                                   {"action", "verify"},
                                   {"folder", options.verify},
                                   {"agrees", agrees},
                                   {"largest_difference", result.largest_difference},
                                   {"where", result.where},
                                   {"compared_logits", result.n_compared},
                                   {"tolerance", options.tolerance}})
                            .c_str());
  } else {
    std::printf("%s: %s its parity file: largest difference of %zu logits %.3g (%s), tolerance %g\n",
                options.verify.c_str(), agrees ? "agrees with" : "DIFFERS from", result.n_compared,
                result.largest_difference, result.where.c_str(), options.tolerance);
  }
  return agrees ? 0 : static_cast<int>(Kind::no);
}

int run_write(const Options& options, Context& context) {
  const Written written = write_folder(options, context);
  const bool dry = options.common.dry_run;
  if (context.json) {
    Json object{{"schema", "hearth.export/1"}, {"action", dry ? "plan" : "write"}, {"model", options.model},
                {"output", options.output},    {"family", written.family},         {"bytes", written.bytes},
                {"files", written.files}};
    if (!dry) object["self_check_difference"] = written.self_check;
    std::printf("%s\n", dump_json(object).c_str());
    return 0;
  }
  const std::string what = written.family + ", " + std::to_string(written.files.size()) +
                           (written.files.size() == 1 ? " file, " : " files, ") +
                           human_bytes(static_cast<double>(written.bytes));
  if (dry) {
    std::printf("%s would become %s: %s\n", options.model.c_str(), options.output.c_str(), what.c_str());
  } else {
    std::printf("%s: %s; read back, its logits differ from the model's by at most %.3g\n", options.output.c_str(),
                what.c_str(), written.self_check);
  }
  return 0;
}

}  // namespace

int run(const Options& options, Context& context) {
  check_usage(options);
  return options.verify.empty() ? run_write(options, context) : run_verify(options, context);
}

Command export_command(const std::vector<std::string>& argv) {
  const auto options = std::make_shared<Options>();
  Command command("export", "write a model as a Hugging Face folder, and back");
  command.details =
      "With --to hf, writes a folder that AutoModelForCausalLM and AutoTokenizer load without custom code: "
      "config.json,\n"
      "safetensors, the tokenizer's files and a README. With --to hearth, writes a run folder from any model hearth "
      "opens.\n"
      "Into both goes parity.json, some prompts with the logits the model gives; before the folder appears it is read "
      "back\n"
      "and must give the same. --verify compares a folder with its parity.json later, on whatever machine: exit 0 when "
      "all\n"
      "logits agree to --tolerance, 1 when they do not.\n\n"
      "A shell runs its own builtin for the bare word: call it as hearth export.";
  command.examples = {
      {"hearth export --model runs/base --to hf -o dist", "for transformers, vLLM and llama.cpp's converter"},
      {"hearth export --model dist --to hearth -o runs/imported", "to train it further or sample from it"},
      {"hearth export --verify dist", "is it still the same model?"}};
  command.option("model", &options->model, "PATH", "hearth run, checkpoint, or Hugging Face folder");
  command.option("to", &options->to, "FORMAT", "what to write").one_of({"hf", "hearth"});
  command.option("output", &options->output, "FOLDER", "folder to write").letter('o');
  command.option("dtype", &options->dtype, "TYPE", "precision of the weights written; same: as they are stored")
      .one_of({"same", "fp32", "bf16"});
  command.size("max-shard-bytes", &options->max_shard_bytes, "SIZE", "largest size of one file of weights");
  command.option("verify", &options->verify, "FOLDER", "compare this folder with its parity.json");
  command.option("tolerance", &options->tolerance, "X", "largest difference of a logit that --verify accepts").range(0);
  add_common(command, options->common, {.dry_run = true, .overwrite = true, .no_provenance = true});
  command.run = [options, argv](const Command& self) {
    return run_with_context(self, options->common, argv, [&](Context& context) { return run(*options, context); });
  };
  return command;
}

}  // namespace hearth::tools::exporting
