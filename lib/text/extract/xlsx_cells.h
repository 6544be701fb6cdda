// SPDX-License-Identifier: Apache-2.0
// What an Excel cell's number shows: dates by the number format, other numbers with the 15 digits Excel has.
#pragma once
#include <string>
#include <string_view>

namespace hearth::text {

enum class NumberFormat { number, date, time, date_time };

// Built-in formats by their number (ECMA-376 part 1, 18.8.30), custom ones by their code ("dd/mm/yyyy", "[h]:mm").
NumberFormat builtin_number_format(int id);
NumberFormat number_format_of(std::string_view code);

// "2024-03-01", "2024-03-01 14:30", "14:30:05"; days since 1900 (with its 29 February, which never was) or since 1904.
// A number that is no date stays a number.
std::string show_number(std::string_view value, NumberFormat format, bool since_1904);

// The column of a reference, from 0: "AB12" is 27; -1 when it names none.
int column_of(std::string_view reference);

}  // namespace hearth::text
