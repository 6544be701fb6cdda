// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/text/tokenizer/tokenizer.h"
#include "lib/tools/tokenize.h"
#include "lib/tools/tool.h"

namespace hearth::tools {

int run(const TokenizeConvertOptions& options, Context& context) {
  const text::Tokenizer tokenizer = text::Tokenizer::load(options.tokenizer, options.pretokenizer);
  const fs::path folder = options.output;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw Error(Kind::cannot_create, folder.string() + ": cannot be made: " + error.message());
  for (const char* name :
       {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"}) {
    require_creatable(folder / name, options.overwrite);
  }
  tokenizer.write_folder(folder);
  if (context.json) {
    const Json result{{"schema", "hearth.tokenize.convert/1"}, {"tokenizer", (folder / "tokenizer.json").string()},
                      {"digest", tokenizer.digest()},          {"vocab_size", tokenizer.vocab_size()},
                      {"merges", tokenizer.n_merges()},        {"pretokenizer", tokenizer.pretokenizer()}};
    std::printf("%s\n", dump_json(result).c_str());
  } else if (!context.quiet) {
    std::printf("%s: %u ids (%zu merges), pre-tokenizer %s\n", (folder / "tokenizer.json").c_str(),
                tokenizer.vocab_size(), tokenizer.n_merges(), std::string(tokenizer.pretokenizer()).c_str());
  }
  return 0;
}

}  // namespace hearth::tools
