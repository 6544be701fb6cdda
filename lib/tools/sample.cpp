// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/sample.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "lib/base/clock.h"
#include "lib/base/json_value.h"
#include "lib/base/signals.h"
#include "lib/base/text.h"
#include "lib/infer/generate.h"
#include "lib/infer/utf8_stream.h"
#include "lib/nn/config.h"
#include "lib/store/model_source.h"
#include "lib/text/tokenizer/tokenizer.h"

namespace hearth::tools::sample {
namespace {

text::Tokenizer tokenizer_of(const store::ModelSource& source, const std::string& model) {
  if (source.tokenizer_folder().empty()) {
    throw Error(Kind::missing, model + ": has no tokenizer.json, so its tokens are no text; put one into the folder");
  }
  return text::Tokenizer::load(source.tokenizer_folder());
}

// The prompt's ids, after the token that starts a text where the tokenizer has one. Nothing to go by: such a token
// alone.
std::vector<std::uint32_t> prompt_ids(const text::Tokenizer& tokenizer, const std::string& prompt) {
  std::vector<std::uint32_t> ids;
  if (tokenizer.bos()) ids.push_back(*tokenizer.bos());
  tokenizer.encode(prompt, ids);
  if (ids.empty() && tokenizer.end_of_text()) ids.push_back(*tokenizer.end_of_text());
  if (ids.empty()) {
    throw Error(Kind::usage,
                "--prompt is empty, and the tokenizer has no token that starts a text: give at least one letter");
  }
  return ids;
}

std::vector<std::uint32_t> stop_ids(const text::Tokenizer& tokenizer) {
  std::vector<std::uint32_t> ids;
  for (const auto& id : {tokenizer.end_of_text(), tokenizer.eos()}) {
    if (id) ids.push_back(*id);
  }
  return ids;
}

}  // namespace

int run(const Options& options, Context& context) {
  const std::unique_ptr<store::ModelSource> source = store::open_model(options.model);
  const text::Tokenizer tokenizer = tokenizer_of(*source, options.model);
  const std::vector<std::uint32_t> prompt = prompt_ids(tokenizer, options.prompt);
  const auto needed = static_cast<std::int64_t>(prompt.size()) + options.max_tokens;
  const DType dtype = options.dtype == "bf16" ? DType::bf16 : DType::f32;
  infer::LanguageModel model(*source, context.stream, dtype, std::min(needed, source->config().context));

  std::string text;
  infer::Utf8Stream characters;
  const auto show = [&](const std::string& piece) {
    text += piece;
    if (context.json) return;
    std::fwrite(piece.data(), 1, piece.size(), stdout);
    std::fflush(stdout);
  };
  if (!context.json) show(options.prompt);
  text.clear();
  const Stopwatch watch;
  const infer::Sampling sampling{static_cast<float>(options.temperature), options.top_k,
                                 static_cast<float>(options.top_p), context.seed, tokenizer.vocab_size()};
  const infer::Generated generated =
      infer::generate(model, context.stream, prompt, options.max_tokens, sampling,
                      options.keep_going ? std::vector<std::uint32_t>{} : stop_ids(tokenizer), [&](std::uint32_t id) {
                        show(characters.push(tokenizer.decode(std::span(&id, 1), true)));
                        return !stop_requested();
                      });
  show(characters.finish());
  const double rate = static_cast<double>(generated.ids.size()) / std::max(watch.seconds(), 1e-9);
  if (context.json) {
    std::printf("%s\n", dump_json({{"schema", "hearth.sample/1"},
                                   {"model", options.model},
                                   {"prompt", options.prompt},
                                   {"text", text},
                                   {"ids", generated.ids},
                                   {"finish", infer::name_of(generated.finish)},
                                   {"seed", context.seed},
                                   {"tokens_per_second", rate}})
                            .c_str());
  } else {
    std::fputs("\n", stdout);
    std::fflush(stdout);  // the line on stderr comes after the text
    context.log.info(std::to_string(generated.ids.size()) + " tokens, " + format_number(rate, 3) + " tokens/s, seed " +
                     std::to_string(context.seed));
  }
  return 0;
}

Command sample_command(const std::vector<std::string>& argv) {
  const auto options = std::make_shared<Options>();
  Command command("sample", "print text sampled from a model");
  command.details =
      "Continues a prompt token by token and prints the text as it comes. For every token the whole sequence is "
      "computed anew, so it is slow for long ones; beyond the model's context the oldest tokens are forgotten.";
  command.examples = {{"hearth sample --model runs/base --prompt 'The file'", "200 tokens after two words"},
                      {"hearth sample --model dist --temperature 0", "the likeliest text, from a Hugging Face folder"}};
  command.option("model", &options->model, "PATH", "hearth run, checkpoint, or Hugging Face folder").must();
  command.option("prompt", &options->prompt, "TEXT", "text to continue; empty: a new text");
  command.option("max-tokens", &options->max_tokens, "N", "most tokens to print").range(1, 1 << 20);
  command.option("temperature", &options->temperature, "T", "0: always the likeliest token; 1: as the model says")
      .range(0, 100);
  command.option("top-k", &options->top_k, "K", "draw from the K likeliest tokens only; 0: from all").range(0);
  command
      .option("top-p", &options->top_p, "P",
              "draw from the likeliest tokens that hold P of the probability; 1: from all")
      .range(1e-6, 1);
  command.flag("keep-going", &options->keep_going, "go on past the end of a text");
  command.option("dtype", &options->dtype, "TYPE", "precision to compute in").one_of({"fp32", "bf16"});
  add_common(command, options->common, {.seed = true});
  command.run = [options, argv](const Command& self) {
    return run_with_context(self, options->common, argv, [&](Context& context) { return run(*options, context); });
  };
  return command;
}

}  // namespace hearth::tools::sample
