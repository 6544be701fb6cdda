// SPDX-License-Identifier: Apache-2.0
// Whether a stream is a terminal that takes colours.
#pragma once

namespace hearth {

// False, too, when the environment asks for none: NO_COLOR is set to anything (no-color.org).
bool takes_colour(int file_descriptor);

}  // namespace hearth
