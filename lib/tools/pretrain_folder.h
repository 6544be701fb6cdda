// SPDX-License-Identifier: Apache-2.0
// The run folder of pretrain: made or taken over, its tokenizer, and whether a run in it may be gone on with.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "lib/base/json.h"
#include "lib/data/corpus.h"
#include "lib/tools/pretrain.h"

namespace hearth::tools {

// The checkpoint to resume from, if any, as --resume says. Throws Error{cannot_create} when the folder holds something
// else or a run that must not be resumed, Error{missing} when there is none that must.
std::optional<std::filesystem::path> checkpoint_to_resume(const std::filesystem::path& folder,
                                                          const std::string& resume);

// Throws Error{cannot_create} unless the folder is there, or can be made, and can be written to.
void make_run_folder(const std::filesystem::path& folder);

// tokenizer.json whose digest the data carry: --tokenizer, else where the tokens file says it was, else beside the
// tokens file. Nothing for "none". Throws Error{config} for a wrong one, Error{missing} when none is found.
std::optional<std::filesystem::path> find_tokenizer(const std::string& option, const data::Corpus& corpus);

// The options that decide what a run computes, as given, and the identity of its data.
Json binding_options(const Json& config, const data::Corpus& corpus, std::optional<double> max_epochs);
// Throws Error{config} naming the first that differs, with both values and the way out.
void check_same_run(const Json& now, const Json& before);

}  // namespace hearth::tools
