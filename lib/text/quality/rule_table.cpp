// SPDX-License-Identifier: Apache-2.0
// The rules and presets. Thresholds are those of the papers and their code: Gopher (Rae et al. 2021, table A1), C4
// (Raffel et al. 2020) and mC4 (Xue et al. 2021), FineWeb (Penedo et al. 2024), StarCoder (Li et al. 2023), StarCoder2
// (Lozhkov et al. 2024), and the defaults of NVIDIA's NeMo Curator. "most" 0 forbids.
#include <algorithm>
#include <limits>

#include "lib/text/quality/rules.h"

namespace hearth::text {
namespace {

constexpr double not_applicable = std::numeric_limits<double>::quiet_NaN();
using M = const Measured&;

double ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? not_applicable : static_cast<double>(part) / static_cast<double>(whole);
}

double per_word(std::uint64_t part, M m) {
  return ratio(part, m.text->words.n_words);
}
double per_character(std::uint64_t part, M m) {
  return ratio(part, m.text->n_characters);
}

// Of the characters, as if the rest of a very long text repeated itself like its beginning.
template <std::size_t n>
double grams(M m) {
  if (m.text->n_looked < n) return not_applicable;
  const double looked = ratio(m.text->n_looked, m.text->words.n_words);
  return per_character(m.text->grams.characters[n], m) / looked;
}

double mean_word(M m) {
  return ratio(m.text->words.spaced_characters, m.text->words.n_spaced);
}
double non_alphanumeric(M m) {
  const WordCounts& words = m.text->words;
  return per_character(m.text->n_characters - words.n_letters - words.n_numbers - m.text->n_white_space, m);
}
double stop_words_found(M m) {
  return m.text->n_stop_words < 0 ? not_applicable : m.text->n_stop_words;
}
double comment_share(M m) {
  return m.code->comment_share < 0 ? not_applicable : m.code->comment_share;
}
double data_characters(M m) {
  return m.code->data ? static_cast<double>(m.code->n_characters) : not_applicable;
}

using enum RuleScope;
using enum Bound;

// Ordered by scope: the first rule broken is the reason.
constexpr Rule table[] = {
    {"gopher-repeated-paragraphs", prose, most, 0.3, "Gopher", "share of paragraphs that occurred before",
     [](M m) { return ratio(m.text->paragraph_pieces.n_repeated, m.text->paragraph_pieces.n_pieces); }},
    {"gopher-repeated-paragraph-characters", prose, most, 0.2, "Gopher", "share of characters in such paragraphs",
     [](M m) { return per_character(m.text->paragraph_pieces.repeated_characters, m); }},
    {"gopher-repeated-lines", prose, most, 0.3, "Gopher", "share of lines that occurred before",
     [](M m) { return ratio(m.text->line_pieces.n_repeated, m.text->line_pieces.n_pieces); }},
    {"gopher-repeated-line-characters", prose, most, 0.2, "Gopher", "share of characters in such lines",
     [](M m) { return per_character(m.text->line_pieces.repeated_characters, m); }},
    {"gopher-top-2-gram", prose, most, 0.2, "Gopher", "share of characters of the most frequent 2 words", grams<2>},
    {"gopher-top-3-gram", prose, most, 0.18, "Gopher", "share of characters of the most frequent 3 words", grams<3>},
    {"gopher-top-4-gram", prose, most, 0.16, "Gopher", "share of characters of the most frequent 4 words", grams<4>},
    {"gopher-repeated-5-grams", prose, most, 0.15, "Gopher", "share of characters in repeated runs of 5 words",
     grams<5>},
    {"gopher-repeated-6-grams", prose, most, 0.14, "Gopher", "share of characters in repeated runs of 6 words",
     grams<6>},
    {"gopher-repeated-7-grams", prose, most, 0.13, "Gopher", "share of characters in repeated runs of 7 words",
     grams<7>},
    {"gopher-repeated-8-grams", prose, most, 0.12, "Gopher", "share of characters in repeated runs of 8 words",
     grams<8>},
    {"gopher-repeated-9-grams", prose, most, 0.11, "Gopher", "share of characters in repeated runs of 9 words",
     grams<9>},
    {"gopher-repeated-10-grams", prose, most, 0.1, "Gopher", "share of characters in repeated runs of 10 words",
     grams<10>},
    {"gopher-few-words", prose, least, 50, "Gopher", "words",
     [](M m) { return static_cast<double>(m.text->words.n_named); }},
    {"gopher-many-words", prose, most, 100000, "Gopher", "words",
     [](M m) { return static_cast<double>(m.text->words.n_named); }},
    {"gopher-short-words", prose, least, 3, "Gopher", "mean characters of a word", mean_word},
    {"gopher-long-words", prose, most, 10, "Gopher", "mean characters of a word", mean_word},
    {"gopher-hashes", prose, most, 0.1, "Gopher", "# for each word", [](M m) { return per_word(m.text->n_hashes, m); }},
    {"gopher-ellipses", prose, most, 0.1, "Gopher", "ellipses for each word",
     [](M m) { return per_word(m.text->n_ellipses, m); }},
    {"gopher-bullet-lines", prose, most, 0.9, "Gopher", "share of lines that begin in a bullet",
     [](M m) { return ratio(m.text->lines.n_bullets, m.text->lines.n_lines); }},
    {"gopher-ellipsis-lines", prose, most, 0.3, "Gopher", "share of lines that end in an ellipsis",
     [](M m) { return ratio(m.text->lines.n_ellipses, m.text->lines.n_lines); }},
    {"gopher-few-letters", prose, least, 0.8, "Gopher", "share of words with a letter",
     [](M m) { return per_word(m.text->words.n_alphabetic, m); }},
    {"gopher-stop-words", prose, least, 2, "Gopher", "distinct ones of the language's eight commonest words",
     stop_words_found},
    {"nemo-symbols", prose, most, 0.25, "NeMo Curator", "share of characters neither letter, digit nor white space",
     non_alphanumeric},
    {"nemo-digits", prose, most, 0.15, "NeMo Curator", "share of digits among characters",
     [](M m) { return per_character(m.text->words.n_numbers, m); }},
    {"nemo-urls", prose, most, 0.2, "NeMo Curator", "share of characters in URLs",
     [](M m) { return per_character(m.text->url_characters, m); }},
    {"nemo-white-space", prose, most, 0.25, "NeMo Curator", "share of white space among characters",
     [](M m) { return per_character(m.text->n_white_space, m); }},
    {"nemo-parentheses", prose, most, 0.1, "NeMo Curator", "share of ( and ) among characters",
     [](M m) { return per_character(m.text->n_parentheses, m); }},
    {"nemo-long-word", prose, most, 1000, "NeMo Curator", "characters of the longest word",
     [](M m) { return static_cast<double>(m.text->words.longest_characters); }},
    {"nemo-repeated-lines", prose, most, 0.7, "NeMo Curator", "share of lines that occurred before",
     [](M m) { return ratio(m.text->lines.filled.n_repeated, m.text->lines.filled.n_pieces); }},
    {"nemo-unfinished-lines", prose, most, 0.85, "NeMo Curator", "share of lines without an end mark",
     [](M m) { return ratio(m.text->lines.n_filled - m.text->lines.n_finished, m.text->lines.n_filled); }},
    {"mc4-long-lines", prose, least, 3, "mC4", "lines of at least 200 characters",
     [](M m) { return static_cast<double>(m.text->lines.n_long); }},

    {"c4-long-word-lines", line, most, 1000, "C4", "characters of a word", nullptr},
    {"c4-citations", line, most, 0, "C4", "marks as [12], [edit]: taken out of the line", nullptr},
    {"c4-unpunctuated-lines", line, most, 0, "C4", "lines without an end mark", nullptr},
    {"c4-short-lines", line, least, 3, "C4", "words of a line", nullptr},
    {"c4-javascript-lines", line, most, 0, "C4", "lines with the word", nullptr},
    {"c4-policy-lines", line, most, 0, "C4", "lines on cookies, privacy policy, terms of use", nullptr},

    {"c4-lorem-ipsum", remaining, most, 0, "C4", "lines with these words",
     [](M m) { return static_cast<double>(m.lines->n_lorem_ipsum); }},
    {"c4-curly-brace", remaining, most, 0, "C4", "lines with {",
     [](M m) { return static_cast<double>(m.lines->n_braces); }},
    {"c4-few-sentences", remaining, least, 5, "C4", "sentences",
     [](M m) { return static_cast<double>(m.lines->n_sentences); }},
    {"fineweb-unpunctuated-lines", remaining, least, 0.12, "FineWeb", "share of lines with an end mark",
     [](M m) { return ratio(m.text->lines.n_finished, m.text->lines.n_filled); }},
    {"fineweb-short-lines", remaining, most, 0.67, "FineWeb", "share of lines of at most 30 characters",
     [](M m) { return ratio(m.text->lines.n_short, m.text->lines.n_filled); }},
    {"fineweb-repeated-lines", remaining, most, 0.01, "FineWeb", "share of characters in lines that occurred before",
     [](M m) { return ratio(m.text->lines.filled.repeated_characters, m.text->n_characters - m.text->n_newlines); }},
    {"fineweb-newlines", remaining, most, 0.3, "FineWeb", "line feeds for each word",
     [](M m) { return per_word(m.text->n_newlines, m); }},

    {"code-long-lines", code, most, 1000, "StarCoder", "characters of the longest line",
     [](M m) { return static_cast<double>(m.code->longest_line); }},
    {"code-mean-line", code, most, 100, "StarCoder", "mean characters of a line",
     [](M m) { return ratio(m.code->n_characters - m.code->n_lines, m.code->n_lines); }},
    {"code-few-alphanumeric", code, least, 0.25, "StarCoder", "share of letters and digits among characters",
     [](M m) { return ratio(m.code->n_alphanumeric, m.code->n_characters); }},
    {"code-few-letters", code, least, 0.25, "StarCoder", "share of letters among characters",
     [](M m) { return ratio(m.code->n_letters, m.code->n_characters); }},
    {"code-few-comments", code, least, 0.01, "StarCoder", "share of comments (Python, Java, JavaScript)",
     comment_share},
    {"code-many-comments", code, most, 0.8, "StarCoder", "share of comments (Python, Java, JavaScript)", comment_share},
    {"code-xml", code, most, 0, "StarCoder", "files that begin as XML",
     [](M m) { return m.code->begins_as_xml ? 1.0 : 0.0; }},
    {"code-small-data", code, least, 50, "StarCoder", "characters of JSON and YAML", data_characters},
    {"code-large-data", code, most, 5000, "StarCoder", "characters of JSON and YAML", data_characters},
    {"code-few-lines", code, least, 10, "NeMo Curator", "lines",
     [](M m) { return static_cast<double>(m.code->n_lines); }},
    {"code-many-lines", code, most, 20000, "NeMo Curator", "lines",
     [](M m) { return static_cast<double>(m.code->n_lines); }},
    {"code-data-lines", code, most, 512, "StarCoder2", "lines of JSON, YAML, Graphviz; here XML too",
     [](M m) { return m.code->data_lines ? static_cast<double>(m.code->n_lines) : 0.0; }},
    {"code-generated", code, most, 0, "StarCoder2", "files that say in their first five lines that they are generated",
     [](M m) { return m.code->generated ? 1.0 : 0.0; }},
    {"code-encoded-run", code, most, 1024, "StarCoder2", "characters of the longest run of base64, hexadecimal, \\u",
     [](M m) { return static_cast<double>(m.code->longest_encoded); }},
    {"code-encoded", code, most, 0.5, "StarCoder2", "share of characters in such runs",
     [](M m) { return ratio(m.code->encoded_characters, m.code->n_characters); }},
    {"code-vendored", code, most, 0, "Linguist", "lockfiles, *.min.js and folders of other people's code",
     [](M m) { return m.code->vendored ? 1.0 : 0.0; }},
};

constexpr std::string_view starcoder =
    "code-long-lines code-mean-line code-few-alphanumeric code-few-letters code-few-comments code-many-comments "
    "code-xml code-small-data code-large-data";

constexpr Preset preset_table[] = {
    {"none", "no rule", ""},
    {"default", "an organisation's own documents and code: only what no reader would miss",
     "gopher-repeated-10-grams=0.7 gopher-top-2-gram=0.5 gopher-long-words=30 gopher-few-letters=0.25 "
     "nemo-symbols=0.65 nemo-digits=0.5 nemo-urls=0.75 "
     "code-mean-line=300 code-few-alphanumeric=0.1 code-few-letters=0.1"},
    {"gopher", "quality and repetition", "gopher-"},
    {"c4", "rules on lines and documents; changes the text", "c4-"},
    {"fineweb", "FineWeb's own filter", "fineweb-"},
    {"nemo", "NeMo Curator's rules on strings", "nemo-"},
    {"web", "FineWeb's pipeline: gopher, c4 without unpunctuated lines, fineweb",
     "gopher- c4- !c4-unpunctuated-lines fineweb-"},
    {"starcoder", "StarCoder's rules on code", starcoder},
    {"starcoder2", "StarCoder2's rules on code",
     "code-long-lines code-mean-line code-many-lines=100000 code-few-letters code-generated code-encoded-run "
     "code-encoded code-small-data code-large-data code-data-lines"},
    {"code", "lines, characters and length of code; generated files and data in code",
     "code-long-lines code-mean-line code-few-alphanumeric code-few-letters code-many-lines "
     "code-generated code-encoded-run code-encoded"},
};

std::span<const Rule> in_scopes(RuleScope first, RuleScope last) {
  const auto begin = std::ranges::find_if(table, [&](const Rule& rule) { return rule.scope >= first; });
  const auto end = std::find_if(begin, std::end(table), [&](const Rule& rule) { return rule.scope > last; });
  return {begin, end};
}

}  // namespace

std::span<const Rule> rules() {
  return table;
}
std::span<const Rule> prose_rules() {
  return in_scopes(prose, prose);
}
std::span<const Rule> line_and_remaining_rules() {
  return in_scopes(line, remaining);
}
std::span<const Rule> code_rules() {
  return in_scopes(code, code);
}
std::span<const Preset> presets() {
  return preset_table;
}

}  // namespace hearth::text
