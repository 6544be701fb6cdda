// SPDX-License-Identifier: Apache-2.0
// GPT-2's way of writing bytes as printable characters, in which tokenizer.json spells its tokens: bytes 33-126,
// 161-172 and 174-255 are the code point of their value, the other 68, in order, U+0100 and up (a space is U+0120).
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hearth::text {

std::string to_byte_level(std::string_view bytes);
// The bytes spelled by text; nullopt when it holds a character that stands for no byte.
std::optional<std::string> from_byte_level(std::string_view text);
// All 256 bytes in the order of the characters that stand for them: the alphabet's order in Hugging Face's trainer.
std::array<std::uint8_t, 256> byte_level_alphabet();

}  // namespace hearth::text
