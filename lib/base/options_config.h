// SPDX-License-Identifier: Apache-2.0
// The config file half of the option table (key = value lines; see options.h). Internal to lib/base.
#pragma once
#include <string_view>

namespace hearth {
class Command;
class Option;
}  // namespace hearth

namespace hearth::options_detail {

// Checks text against the option's type, range and choices and stores it; "where" names its source in the error.
void assign_checked(Option& option, std::string_view text, std::string_view where);

// Reads the files named by --config, the last one first, into options not given before.
void assign_from_config_files(Command& command);

}  // namespace hearth::options_detail
