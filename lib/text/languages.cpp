// SPDX-License-Identifier: Apache-2.0
#include "lib/text/languages.h"

#include <algorithm>
#include <string>
#include <unordered_map>

namespace hearth::text {
namespace {

// Extensions shared by several languages stand at the most frequent one; file_type.cpp looks into .h .m .pl .v .ts,
// and into .pp and .inc, which no language has most of.
constexpr Language table[] = {
    {"ada", "ada adb ads gpr", "", ""},
    {"apl", "apl dyalog", "", "apl"},
    {"assembly", "asm s nasm", "", ""},
    {"autoconf", "ac m4 am", "configure.ac Makefile.am", ""},
    {"awk", "awk gawk", "", "awk gawk mawk nawk"},
    {"basic", "bas vb vbs", "", ""},
    {"batch", "bat cmd", "", ""},
    {"c", "c h", "", "tcc"},
    {"c#", "cs csx", "", "dotnet-script"},
    {"c++", "cc cpp cxx c++ hh hpp hxx h++ ipp tpp txx tcc inl ixx cppm", "", ""},
    {"clojure", "clj cljs cljc edn", "", "clojure bb"},
    {"cmake", "cmake", "CMakeLists.txt", ""},
    {"cobol", "cob cbl cpy", "", ""},
    {"coccinelle", "cocci", "", "spatch"},
    {"common lisp", "lisp lsp cl asd", "", "sbcl clisp ecl"},
    {"coq", "coq", "", ""},
    {"crystal", "cr", "", "crystal"},
    {"css", "css scss sass less", "", ""},
    {"cuda", "cu cuh", "", ""},
    {"cython", "pyx pxd pxi", "", ""},
    {"d", "d di", "", "rdmd"},
    {"dart", "dart", "", "dart"},
    {"diff", "diff patch", "", ""},
    {"dockerfile", "dockerfile containerfile", "Dockerfile Containerfile", ""},
    {"elixir", "ex exs", "mix.lock", "elixir"},
    {"elm", "elm", "", ""},
    {"emacs lisp", "el", ".emacs", "emacs"},
    {"erlang", "erl hrl", "rebar.config", "escript"},
    {"f#", "fs fsi fsx", "", ""},
    {"forth", "4th forth fth", "", "gforth"},
    {"fortran", "f f77 f90 f95 f03 f08 for ftn fpp", "", ""},
    {"glsl", "glsl vert frag geom comp tesc tese", "", ""},
    {"gnuplot", "gp gnuplot plt gnu", "", "gnuplot"},
    {"go", "go", "go.mod", ""},
    {"graphql", "graphql gql", "", ""},
    {"graphviz", "dot gv", "", ""},
    {"groovy", "groovy gradle", "Jenkinsfile", "groovy"},
    {"haskell", "hs lhs hsc cabal", "", "runghc runhaskell"},
    {"hcl", "tf tfvars hcl", "", ""},
    {"ini", "ini cfg conf properties desktop service socket timer mount", ".editorconfig .gitconfig", ""},
    {"java", "java", "", "jshell"},
    {"javascript", "js mjs cjs jsx", "", "node nodejs"},
    {"json", "json json5 webmanifest geojson", ".babelrc .eslintrc", ""},
    {"julia", "jl", "", "julia"},
    {"kotlin", "kt kts", "", "kotlin"},
    {"latex", "tex sty cls ltx bib dtx ins", "", ""},
    {"lex", "l lex ll", "", ""},
    {"llvm", "ll", "", ""},
    {"lua", "lua", "", "lua luajit"},
    {"makefile", "mk mak make", "Makefile makefile GNUmakefile", "make"},
    {"maple", "mpl", "", ""},
    {"matlab", "matlab", "", "octave"},
    {"meson", "", "meson.build meson_options.txt", ""},
    {"mlir", "mlir td", "", ""},
    {"nim", "nim nims", "", "nim"},
    {"nix", "nix", "", "nix-shell"},
    {"objective-c", "mm", "", ""},
    {"ocaml", "ml mli mll mly", "dune dune-project", "ocaml"},
    {"opencl", "opencl", "", ""},
    {"pascal", "pas dpr lpr", "", "instantfpc"},
    {"perl", "pl pm pod t xs", "cpanfile", "perl"},
    {"php", "php php3 php4 php5 phtml", "", "php"},
    {"postscript", "ps eps", "", ""},
    {"powershell", "ps1 psm1 psd1", "", "pwsh"},
    {"prolog", "pro prolog", "", "swipl"},
    {"protobuf", "proto", "", ""},
    {"puppet", "", "Puppetfile", "puppet"},
    {"python", "py pyi pyw wsgi", "SConstruct SConscript wscript", "python pypy"},
    {"r", "r rd rmd", ".Rprofile", "rscript"},
    {"racket", "rkt", "", "racket"},
    {"rexx", "rexx rex", "", "rexx regina"},
    {"ruby", "rb rake gemspec ru", "Rakefile Gemfile Vagrantfile", "ruby jruby"},
    {"rust", "rs", "", "rust-script"},
    {"scala", "scala sc sbt", "", "scala"},
    {"scheme", "scm ss sld", "", "guile scheme"},
    {"sed", "sed", "", "sed"},
    {"shell", "sh bash zsh ksh csh fish bats ebuild", ".bashrc .profile .zshrc configure PKGBUILD",
     "sh bash dash zsh ksh csh tcsh fish busybox"},
    {"smalltalk", "st", "", "gst"},
    {"solidity", "sol", "", ""},
    {"sql", "sql psql pgsql mysql", "", ""},
    {"starlark", "bzl bazel star", "BUILD WORKSPACE BUILD.bazel", ""},
    {"svelte", "svelte", "", ""},
    {"swift", "swift", "", "swift"},
    {"swig", "swg", "", ""},
    {"systemverilog", "sv svh", "", ""},
    {"tcl", "tcl tk itcl exp", "", "tclsh wish expect"},
    {"toml", "toml", "Cargo.lock Pipfile poetry.lock", ""},
    {"typescript", "ts tsx mts cts", "", "ts-node deno bun"},
    {"verilog", "v vh", "", ""},
    {"vhdl", "vhd vhdl", "", ""},
    {"vim", "vim", ".vimrc vimrc", "vim"},
    {"vue", "vue", "", ""},
    {"xml", "xml xsd xsl xslt svg dtd rng ui qrc plist rss atom", "", "xsltproc"},
    {"yacc", "y yy yacc", "", ""},
    {"yaml", "yaml yml", ".clang-format .clang-tidy", ""},
    {"zig", "zig zon", "", "zig"},
};

// Names people and editors use where the table has another.
constexpr std::pair<std::string_view, std::string_view> other_names[] = {
    {"cpp", "c++"},          {"csharp", "c#"},          {"elisp", "emacs lisp"}, {"emacs-lisp", "emacs lisp"},
    {"lisp", "common lisp"}, {"js", "javascript"},      {"ts", "typescript"},    {"bash", "shell"},
    {"sh", "shell"},         {"shell-script", "shell"}, {"zsh", "shell"},        {"cperl", "perl"},
    {"make", "makefile"},    {"gmake", "makefile"},     {"f90", "fortran"},      {"asm", "assembly"},
    {"conf", "ini"},         {"dosini", "ini"},         {"tex", "latex"},        {"objc", "objective-c"},
    {"golang", "go"},        {"py", "python"},          {"rb", "ruby"},          {"m4", "autoconf"},
    {"fundamental", ""},
};

using Index = std::unordered_map<std::string_view, std::string_view>;

Index index_of(std::string_view Language::*words) {
  Index index;
  for (const Language& language : table) {
    std::string_view rest = language.*words;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(' '), rest.size());
      if (end > 0) index.emplace(rest.substr(0, end), language.name);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return index;
}

std::string_view find(const Index& index, std::string_view word) {
  const auto found = index.find(word);
  return found == index.end() ? std::string_view() : found->second;
}

}  // namespace

std::span<const Language> languages() {
  return table;
}

std::string_view language_of_extension(std::string_view extension) {
  static const Index index = index_of(&Language::extensions);
  return find(index, extension);
}

std::string_view language_of_file_name(std::string_view name) {
  static const Index index = index_of(&Language::file_names);
  return find(index, name);
}

std::string_view language_of_interpreter(std::string_view program) {
  static const Index index = index_of(&Language::interpreters);
  if (const auto exact = find(index, program); !exact.empty()) return exact;
  const std::size_t end = program.find_last_not_of("0123456789.-");
  return find(index, program.substr(0, end == std::string_view::npos ? 0 : end + 1));
}

std::string_view language_of_mode(std::string_view mode) {
  std::string lower(mode);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  for (const auto& [other, name] : other_names) {
    if (lower == other) return name;
  }
  for (const Language& language : table) {
    if (language.name == lower) return language.name;
  }
  return {};
}

}  // namespace hearth::text
