// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/latex/symbols.h"

#include <algorithm>

namespace hearth::text::latex {
namespace {

struct Pair {
  std::string_view name, text;
};

constexpr Pair symbols[] = {
    {"ldots", "…"},
    {"dots", "…"},
    {"textellipsis", "…"},
    {"TeX", "TeX"},
    {"LaTeX", "LaTeX"},
    {"LaTeXe", "LaTeX2e"},
    {"BibTeX", "BibTeX"},
    {"textbackslash", "\\"},
    {"textasciitilde", "~"},
    {"textasciicircum", "^"},
    {"textless", "<"},
    {"textgreater", ">"},
    {"textbar", "|"},
    {"textunderscore", "_"},
    {"textdollar", "$"},
    {"textquotedbl", "\""},
    {"textquotesingle", "'"},
    {"textasciigrave", "`"},
    {"lbrace", "{"},
    {"rbrace", "}"},
    {"textbraceleft", "{"},
    {"textbraceright", "}"},
    {"ss", "ß"},
    {"ae", "æ"},
    {"AE", "Æ"},
    {"oe", "œ"},
    {"OE", "Œ"},
    {"o", "ø"},
    {"O", "Ø"},
    {"aa", "å"},
    {"AA", "Å"},
    {"l", "ł"},
    {"L", "Ł"},
    {"i", "ı"},
    {"j", "ȷ"},
    {"S", "§"},
    {"P", "¶"},
    {"copyright", "©"},
    {"textcopyright", "©"},
    {"textregistered", "®"},
    {"texttrademark", "™"},
    {"pounds", "£"},
    {"texteuro", "€"},
    {"euro", "€"},
    {"dag", "†"},
    {"ddag", "‡"},
    {"textbullet", "•"},
    {"textendash", "–"},
    {"textemdash", "—"},
    {"textdegree", "°"},
    {"textmu", "µ"},
    {"guillemotleft", "«"},
    {"guillemotright", "»"},
    {"og", "« "},
    {"fg", " »"},
    {"glqq", "„"},
    {"grqq", "“"},
    {"flqq", "«"},
    {"frqq", "»"},
    {"textquotedblleft", "“"},
    {"textquotedblright", "”"},
    {"textquoteleft", "‘"},
    {"textquoteright", "’"},
    {"quad", " "},
    {"qquad", " "},
    {"space", " "},
    {"enspace", " "},
    {"thinspace", " "},
    {"newline", " "},
    {"linebreak", " "},
    {"slash", "/"},
    {"textrightarrow", "→"},
    {"textleftarrow", "←"},
    {"texttimes", "×"},
    {"nobreakspace", " "},
    {"and", ", "},
    {"tabularnewline", " "},
    {"dh", "ð"},
    {"th", "þ"},
    {"DH", "Ð"},
    {"TH", "Þ"},
};

constexpr Pair accents[] = {{"'", "\u0301"}, {"`", "\u0300"}, {"^", "\u0302"}, {"\"", "\u0308"}, {"~", "\u0303"},
                            {"=", "\u0304"}, {".", "\u0307"}, {"c", "\u0327"}, {"v", "\u030c"},  {"u", "\u0306"},
                            {"H", "\u030b"}, {"k", "\u0328"}, {"r", "\u030a"}, {"d", "\u0323"},  {"b", "\u0331"}};

// Each name between spaces; by the number of arguments that are dropped.
constexpr std::string_view hidden[] = {
    "",
    " label index glossary vspace hspace bibliographystyle bibliography pagestyle thispagestyle pagenumbering "
    "usepackage "
    "documentclass documentstyle RequirePackage includegraphics hyphenation nocite phantomsection "
    "color stepcounter refstepcounter usetikzlibrary lstset hypersetup graphicspath date thanks "
    "selectlanguage fontfamily fontseries fontshape newcounter newlength newsavebox linespread cline cmidrule "
    "bibliographystyle geometry captionsetup theoremstyle includeonly ProvidesPackage ProvidesFile "
    "NeedsTeXFormat externaldocument input include subfile rowcolor cellcolor "
    "markright sisetup tikzset pgfplotsset addbibresource enlargethispage needspace "
    "hphantom vphantom phantom setmainfont setsansfont setmonofont DeclareGraphicsExtensions "
    "foreignlanguage textcolor raisebox scalebox rotatebox ",
    " setlength addtolength setcounter addtocounter markboth newtheorem fontsize DeclareMathOperator numberwithin "
    "settowidth sbox resizebox lstdefinelanguage lstdefinestyle "
    "pdfbookmark multirow multicolumn ",
    " addcontentsline definecolor titlespacing ",
};

constexpr Pair environments[] = {
    {"math", " equation align gather multline eqnarray displaymath math alignat flalign dmath gathered aligned split "},
    {"verbatim",
     " verbatim Verbatim BVerbatim LVerbatim lstlisting minted alltt code semiverbatim verbatimtab "
     "Code shell sourcecode "},
    {"hidden",
     " tikzpicture picture pgfpicture filecontents comment asy pspicture luacode gnuplot CCSXML "
     "tikzcd forest pycode ganttchart axis "},
    {"itemize", " itemize compactitem "},
    {"enumerate", " enumerate compactenum "},
    {"description", " description thebibliography compactdesc "},
    {"table", " tabular tabularx tabulary longtable tabu longtabu supertabular array tblr xltabular "},
};

}  // namespace

std::optional<std::string_view> symbol(std::string_view command) {
  const auto* found = std::ranges::find(symbols, command, &Pair::name);
  if (found == std::end(symbols)) return std::nullopt;
  return found->text;
}

std::string_view accent(std::string_view command) {
  const auto* found = std::ranges::find(accents, command, &Pair::name);
  return found == std::end(accents) ? std::string_view() : found->text;
}

int hidden_arguments(std::string_view command) {
  const std::string spaced = " " + std::string(command) + " ";
  for (int n = 1; n < static_cast<int>(std::size(hidden)); ++n) {
    if (hidden[n].find(spaced) != std::string_view::npos) return n;
  }
  return -1;
}

int heading_level(std::string_view command) {
  constexpr std::string_view names[] = {"chapter",       "section",   "subsection",
                                        "subsubsection", "paragraph", "subparagraph"};
  if (command == "part") return 1;
  const auto* found = std::ranges::find(names, command);
  return found == std::end(names) ? 0 : static_cast<int>(found - std::begin(names)) + 1;
}

Environment environment(std::string_view name) {
  if (name.ends_with('*')) name.remove_suffix(1);
  const std::string spaced = " " + std::string(name) + " ";
  constexpr Environment kinds[] = {Environment::math,    Environment::verbatim,  Environment::hidden,
                                   Environment::itemize, Environment::enumerate, Environment::description,
                                   Environment::table};
  for (std::size_t i = 0; i < std::size(environments); ++i) {
    if (environments[i].text.find(spaced) != std::string_view::npos) return kinds[i];
  }
  return Environment::text;
}

}  // namespace hearth::text::latex
