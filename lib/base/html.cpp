// SPDX-License-Identifier: Apache-2.0
#include "lib/base/html.h"

namespace hearth {
namespace {

constexpr const char* shared_style = R"(
:root{--page:#f6f5f2;--card:#fff;--ink:#22211f;--soft:#6b6862;--rule:#e4e1da;--c0:#c2410c;--c1:#1d6fa5;--c2:#4d7c0f;--c3:#7c3aed;--c4:#b08900;--c5:#0f766e;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--page:#191817;--card:#232220;--ink:#eceae5;--soft:#a09c94;--rule:#3a3835;--c0:#fb8b4b;--c1:#69b1e0;--c2:#a3cf5b;--c3:#b79bff;--c4:#e3c04a;--c5:#4fc9bd}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:15px/1.45 system-ui,"Segoe UI",sans-serif}
main{max-width:1220px;margin:0 auto;padding:28px 20px 48px}h1{font-size:24px;margin:0;overflow-wrap:anywhere}h2{font-size:15px;margin:0 0 8px}
header p{margin:4px 0 0;color:var(--soft)}.status{color:var(--ink);font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin-bottom:12px}
.tile,figure,.table{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:12px 14px;margin:0}
.tile b{display:block;font-size:21px;font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:13px}
.grid2{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:12px;margin-bottom:12px}
.none{color:var(--soft)}table{border-collapse:collapse;width:100%;font-size:14px}td,th{padding:3px 10px 3px 0;text-align:left;vertical-align:top;font-weight:400;overflow-wrap:anywhere}
th{color:var(--soft);white-space:nowrap}td{font-variant-numeric:tabular-nums}footer{color:var(--soft);font-size:13px}
)";

}  // namespace

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '<')
      escaped += "&lt;";
    else if (c == '>')
      escaped += "&gt;";
    else if (c == '&')
      escaped += "&amp;";
    else if (c == '"')
      escaped += "&quot;";
    else
      escaped += c;
  }
  return escaped;
}

std::string html_page(std::string_view title, std::string_view style, std::string_view body, int refresh_seconds) {
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\">";
  if (refresh_seconds > 0) {
    html += "<meta http-equiv=\"refresh\" content=\"" + std::to_string(refresh_seconds) + "\">";
  }
  html += "<title>" + escape_html(title) + "</title><style>" + shared_style;
  html.append(style).append("</style></head><body><main>\n").append(body).append("</main></body></html>\n");
  return html;
}

std::string html_tile(std::string_view value, std::string_view label) {
  return "<div class=\"tile\"><b>" + escape_html(value) + "</b><span>" + escape_html(label) + "</span></div>";
}

std::string html_table(std::string_view title, const std::vector<std::pair<std::string, std::string>>& rows) {
  std::string html = "<div class=\"table\"><h2>" + escape_html(title) + "</h2><table>";
  for (const auto& [label, value] : rows)
    html += "<tr><th>" + escape_html(label) + "</th><td>" + escape_html(value) + "</td></tr>";
  return html + "</table></div>\n";
}

}  // namespace hearth
