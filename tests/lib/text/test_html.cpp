// SPDX-License-Identifier: Apache-2.0
// Main text of HTML pages: a table of small pages, one of Doxygen's shape, and hostile ones.
#include <string>

#include "lib/base/rng.h"
#include "lib/text/encoding.h"
#include "lib/text/html.h"
#include "lib/text/html_tree.h"
#include "tests/support/catch.h"

namespace hearth::text {
namespace {

std::string text_of(const std::string& html) {
  std::string text;
  REQUIRE(!html_to_text(html, text));
  return text;
}

std::string repeated(const std::string& part, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += part;
  return all;
}

}  // namespace

TEST_CASE("HTML becomes readable text") {
  struct Case {
    const char* what;
    std::string html, text;
  };
  const Case cases[] = {
      {"nothing", "", ""},
      {"plain words", "hello", "hello\n"},
      {"white space", "<p>a\n   b\t<b>c</b> d</p>", "a b c d\n"},
      {"words run together stay so", "<p>un<b>believ</b>able", "unbelievable\n"},
      {"paragraphs and headings", "<h1>T</h1><p>one.</p><h2>S</h2><p>two.", "# T\n\none.\n\n## S\n\ntwo.\n"},
      {"title", "<title>My\n page</title><p>text.", "# My page\n\ntext.\n"},
      {"title said again", "<title>Usage - Site</title><h1>Usage</h1><p>text.", "# Usage\n\ntext.\n"},
      {"entities", "<p>a &lt; b &amp;&amp; c&nbsp;d &#8364; soft&shy;hyphen", "a < b && c d € softhyphen\n"},
      {"line break", "<p>a<br>b</p>", "a\nb\n"},
      {"list", "<ul><li>a<li>b <i>c</i></ul>", "- a\n- b c\n"},
      {"ordered list", "<ol><li>a</li><li><p>b</p><p>c</p></li></ol>", "1. a\n2. b\n\n  c\n"},
      {"nested list", "<ul><li>a<ul><li>b</ul><li>c</ul>", "- a\n  - b\n- c\n"},
      {"definition list", "<dl><dt>term<dd>meaning", "term\n\nmeaning\n"},
      {"table", "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td><p>2</p></td></tr></table>", "a | b\n1 | 2\n"},
      {"table that arranges the page", "<table><tr><td><h2>Menu</h2></td><td><p>text.</p></td></tr></table>",
       "## Menu\n\ntext.\n"},
      {"preformatted", "<p>x:<pre>\n  if (a)\n\tb;\n</pre>", "x:\n\n```\n  if (a)\n\tb;\n```\n"},
      {"preformatted with fences", "<pre>```sh</pre>", "````\n```sh\n````\n"},
      {"powers", "<p>10<sup>6</sup> and 2<sup>-3</sup>, not the 1<sup>st</sup> H<sub>2</sub>O",
       "10^6 and 2^-3, not the 1st H2O\n"},
      {"scripts, styles, comments", "<script>x<y</script><style>p{}</style><!-- no --><p>yes.<noscript>no</noscript>",
       "yes.\n"},
      {"page furniture",
       "<header>h</header><nav>n</nav><div class='sidebar x'>s</div><div "
       "role=navigation>r</div><p>yes.<aside>a</aside><form><p>f</p></form><footer>f</footer>",
       "yes.\n"},
      {"a page inside a form", "<form><h2>T</h2><p>text.</p><select><option>o</select></form>", "## T\n\ntext.\n"},
      {"hidden", "<p hidden>a<p style='display:none'>b<p aria-hidden=true>c<p>yes.", "yes.\n"},
      {"a header inside an article", "<article><header><h1>T</h1></header><p>text.</article>", "# T\n\ntext.\n"},
      {"marks behind headings",
       "<h2>A<a href='#a'>#</a></h2><p>text.<h2>B<a class=headerlink href='#b'>P</a></h2><p>text.",
       "## A\n\ntext.\n\n## B\n\ntext.\n"},
      {"a link in prose", "<p>See <a href=x>the manual</a> for all the rest of it.",
       "See the manual for all the rest of it.\n"},
      {"a menu of links",
       "<p>text here.<h3>More</h3><ul><li><a href=1>a</a><li><a href=2>b</a><li><a href=3>c</a><li><a "
       "href=4>d</a></ul><p>end of it.",
       "text here.\n\nend of it.\n"},
      {"a few links in the middle stay", "<p>text here.<ul><li><a href=1>a</a><li><a href=2>b</a></ul><p>end.",
       "text here.\n\n- a\n- b\n\nend.\n"},
      {"links at the edges go", "<p><a href=1>up</a><p>text here.<p><a href=1>next</a>", "text here.\n"},
      {"links alone are nothing", "<p><a href=1>up</a> <a href=2>down</a>", ""},
      {"unknown elements are transparent", "<x-y>a <z>b</z></x-y>", "a b\n"},
      {"svg and math", "<p>a<svg><title>no</title><text>no</text></svg> <math><mi>x</mi></math>", "a x\n"},
  };
  for (const Case& each : cases) {
    INFO(each.what);
    CHECK(text_of(each.html) == each.text);
  }
}

TEST_CASE("the element a page marks as its main part is believed when it holds something") {
  const std::string prose = repeated("This is a sentence of the page. ", 10);
  CHECK(text_of("<div>site name.</div><main><p>" + prose + "</main><div>about us.</div>") ==
        prose.substr(0, prose.size() - 1) + "\n");
  CHECK(text_of("<p>" + prose + "</p><main>x</main>").find("a sentence") != std::string::npos);
}

TEST_CASE("a page as Doxygen writes it") {
  const std::string page = R"(<!DOCTYPE html><html><head><title>Demo: demo::Ring Class</title></head><body>
    <div id="top"><div id="titlearea">Demo 1.0</div><div id="main-nav"></div><div id="nav-path" class="navpath"><ul><li><a href="a">demo</a></li></ul></div></div>
    <div class="header"><div class="summary"><a href="#m">Public Member Functions</a> | <a href="l">List of all members</a></div>
      <div class="headertitle"><div class="title">demo::Ring Class Reference</div></div></div>
    <div class="contents"><p>A ring of <em>n</em> places. <a href="#details">More...</a></p>
    <table class="memberdecls"><tr class="heading"><td colspan="2"><h2>Public Member Functions</h2></td></tr></table>
    <table class="memberdecls"><tr><td class="memItemLeft">bool&#160;</td><td class="memItemRight"><a href="#p">push</a> (int value)</td></tr>
      <tr><td class="mdescLeft">&#160;</td><td class="mdescRight">Puts a value at the end. <br /></td></tr></table>
    <div class="memproto"><table class="memname"><tr><td class="memname">bool demo::Ring::push</td><td>(</td><td class="paramtype">int&#160;</td>
      <td class="paramname"><em>value</em></td><td>)</td><td></td></tr></table></div>
    <div class="fragment"><div class="line"><a id="l1"></a><span class="lineno">    1</span><span class="keywordtype">int</span> main() {</div>
<div class="line"><span class="lineno">    2</span>  <span class="keywordflow">return</span> 0;</div>
<div class="line"><span class="lineno">    3</span>}</div>
</div></div></body></html>)";
  CHECK(text_of(page) ==
        "# Demo: demo::Ring Class\n\ndemo::Ring Class Reference\n\nA ring of n places. More...\n\n## Public Member "
        "Functions\n\n"
        "bool push (int value)\nPuts a value at the end.\n\nbool demo::Ring::push ( int value )\n\n```\nint main() {\n "
        " return 0;\n}\n```\n");
}

TEST_CASE("hostile pages end, in bounded memory, with text or a named rejection") {
  std::string text;
  const auto deep = html_to_text(repeated("<div>", 400'000) + "x", text);
  REQUIRE(deep);
  CHECK(deep->reason == "html-too-deep");
  // Every paragraph opens all the unclosed elements again.
  std::string fonts;
  for (int i = 0; i < 300; ++i) fonts += "<font size=" + std::to_string(i) + ">";
  const auto large = html_to_text("<p>" + fonts + repeated("<p>x", 3000), text);
  REQUIRE(large);
  CHECK(large->reason == "html-too-large");
  CHECK(text_of(repeated("<div>", 20'000) + "x") == "x\n");  // deep enough for recursion to overflow a thread's stack
  CHECK(text_of(repeated("<table><tr><td>", 300) + "x").find('x') != std::string::npos);
  CHECK(text_of("<p>a" + std::string("\0b", 2) + "<").starts_with("a"));
  CHECK(text_of("<a href='" + std::string(100'000, 'x') + "'>y</a> and more text of the page.").find("and more") !=
        std::string::npos);
}

TEST_CASE("random tags give valid UTF-8") {
  const std::string parts[] = {
      "<p>",     "</p>",     "<table>", "<tr>",         "<td>",       "</table>", "<ul>",
      "<li>",    "</ul>",    "<pre>",   "</pre>",       "<a href=x>", "</a>",     "word ",
      "é",       "\xc2\xa0", "&#0;",    "&#xd800;",     "<!--",       "-->",      "<main>",
      "</main>", "<b",       ">",       "<h2>",         "</h2>",      "<br>",     "<div class=fragment>",
      "</div>",  "<sup>",    "2",       "\xe2\x80\x8b", "<script>",   "</script>"};
  Rng rng(5);
  for (int round = 0; round < 2000; ++round) {
    std::string page;
    for (std::uint64_t i = rng.below(60); i > 0; --i) page += parts[rng.below(std::size(parts))];
    std::string text;
    INFO(page);
    if (html_to_text(page, text)) continue;
    CHECK(is_valid_utf8(text));
  }
}

}  // namespace hearth::text
