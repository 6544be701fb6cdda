// SPDX-License-Identifier: Apache-2.0
// Made-up notices of the kinds that are about; and the texts of licences that Debian installs, which nobody here wrote.
#include "lib/text/licences/recognise.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/file.h"
#include "lib/text/licences/words.h"
#include "tests/support/catch.h"

namespace hearth::text::licences {
namespace {

const std::string bsd =
    "Copyright X. Redistribution and use in source and binary forms are fine: redistributions of source code must, "
    "redistributions in binary form must. ";
const std::string mit = "Permission is given to any person obtaining a copy of this software, ";
const std::string isc = "Permission to use and distribute this software for any purpose ";
const std::string hpnd = "Permission to distribute this software and its documentation for any purpose ";

struct Case {
  std::string text, licence;
};

void check(const std::vector<Case>& cases) {
  const Recogniser recogniser;
  for (const Case& one : cases) {
    INFO(one.text);
    CHECK(recogniser.find(one.text) == one.licence);
    CHECK(recogniser.find("#!/bin/sh\n# Copyright 2001 Someone\n" + one.text + "\nint x = 2;\n") == one.licence);
  }
}

}  // namespace

TEST_CASE("notices are words without comment signs, punctuation and line breaks") {
  const Words words("/*\n * The Licence,\n *   Version 2.0 (GPLv2+).\n */\ndnl End\n\"a\\n\"");
  std::string all;
  for (std::size_t i = 0; i < words.size(); ++i) all += std::string(words[i]) + "|";
  CHECK(all == "the|license|version|2.0|gplv2+|end|a|");
  CHECK(words.match(1, "license version 2.0"));
  CHECK_FALSE(words.match(1, "license vers"));
  CHECK_FALSE(words.match(6, "a b"));
  CHECK(words[7].empty());
  CHECK(Words("").size() == 0);
  CHECK(Words("2.").from(0) == "2 ");
}

TEST_CASE("licences are known by their names in notices") {
  check({
      {"// SPDX-License-Identifier: MIT OR Apache-2.0", "MIT OR Apache-2.0"},
      {"; Licensed under the Apache License,\n; Version 2.0 (the \"License\")", "Apache-2.0"},
      {"Under the Apache License v2.0 with LLVM Exceptions.", "Apache-2.0 WITH LLVM-exception"},
      {"Released under the MIT license.", "MIT"},
      {"  \"license\": \"MIT\",", "MIT"},
      {"Under the Apache License, Version 2.0 or the MIT license, as you like", "Apache-2.0 OR MIT"},
      {"under the new BSD license", "BSD-3-Clause"},
      {"Distributed under the Boost Software License, Version 1.0. See http://boost.org/LICENSE_1_0.txt", "BSL-1.0"},
      {"This Source Code is subject to the terms of the Mozilla Public License, v. 2.0.", "MPL-2.0"},
      {"Available under the Eclipse Public License 2.0, https://www.eclipse.org/legal/epl-2.0/", "EPL-2.0"},
      {"Licensed under the OpenSSL license", "OpenSSL"},
      {"License: https://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"},
      {"License: https://creativecommons.org/licenses/by-sa/4.0/", "CC-BY-SA-4.0"},
      {"License: https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"},
      {"This is free and unencumbered software released into the public domain.", "Unlicense"},
      {"For conditions of distribution and use, see copyright notice in zlib.h", "Zlib"},
      {"Licensed to PSF under a Contributor Agreement, Python Software Foundation License version 2", "PSF-2.0"},
      {"This file is in the public domain.", "LicenseRef-Public-Domain"},
      {"The license is in the file LICENSE.", ""},
      {"nothing of that kind", ""},
  });
}

TEST_CASE("licences are known by their texts") {
  check({
      {bsd, "BSD-2-Clause"},
      {bsd + "Neither the name of X", "BSD-3-Clause"},
      {bsd + "The name may not be used to endorse or promote products", "BSD-3-Clause"},
      {bsd + "All advertising materials mentioning features", "BSD-4-Clause"},
      {bsd + "Advertising materials mentioning features ... for use in the OpenSSL Toolkit", "OpenSSL"},
      {mit + "if the above and this permission notice stay.", "MIT"},
      {mit + "whatever they do.", "MIT-0"},
      {mit + "and this permission notice. Except as contained in this notice, the name", "X11"},
      {"Copyright X: to any person or organization obtaining a copy of the software", "BSL-1.0"},
      {isc + "with or without fee, if the notice appear in all copies", "ISC"},
      {isc + "with or without fee", "0BSD"},
      {hpnd + "without fee, and without a written agreement", "PostgreSQL"},
      {hpnd + "without fee", "HPND"},
      {"Permission: the origin of this software must not be misrepresented; altered source versions must be plainly "
       "marked",
       "Zlib"},
      {bsd + mit + "and this permission notice", "BSD-2-Clause AND MIT"},
      {"A choice of one of two licenses: " + bsd + "or the GNU GPL version 2", "GPL-2.0-only OR BSD-2-Clause"},
  });
}

TEST_CASE("GNU licences are known with their versions, and whether later ones will do") {
  const std::string general = "GNU General Public License";
  check({
      {"under the terms of the " + general +
           " as published by the Free Software Foundation; either version 2 of the "
           "License, or (at your option) any later version.",
       "GPL-2.0-or-later"},
      {"under the terms of the " + general + " version 2 as published by the Free Software Foundation.",
       "GPL-2.0-only"},
      {"License: GPLv3+", "GPL-3.0-or-later"},
      {"license: GPL v2", "GPL-2.0-only"},
      {"under version 3 of the " + general, "GPL-3.0-only"},
      {"under version 3 (or later) of the " + general, "GPL-3.0-or-later"},
      {"the GNU Lesser General Public License, version 2.1 or later. See the GNU Lesser General Public License for "
       "more "
       "details.",
       "LGPL-2.1-or-later"},
      {"the GNU Library General Public License, version 2", "LGPL-2.0-only"},
      {"the GNU Lesser General Public License 3.0", "LGPL-3.0-only"},
      {"the GNU Affero General Public License, either version 3 of the license, or any later version",
       "AGPL-3.0-or-later"},
      {"under the GPL", "GPL-1.0-or-later"},
      {"EXPORT_SYMBOL_GPL(x)", ""},
      {"MODULE_LICENSE(\"GPL\")", ""},
      {"the license, unlike the " + general + ", is short", ""},
      {"under the terms of either the GNU LGPL, version 3 or later, or the GNU GPL, version 2 or later",
       "LGPL-3.0-or-later OR GPL-2.0-or-later"},
      {"GPL version 3 or later, with the GCC Runtime Library Exception, version 3.1",
       "GPL-3.0-or-later WITH GCC-exception-3.1"},
      {general + " Version 2, June 1991. Of the " + general + " version 3 nothing is said here", "GPL-2.0-only"},
  });
}

TEST_CASE("reserved rights, tables of licences and large texts") {
  const Recogniser recogniser;
  CHECK(recogniser.find("Copyright 2001 X. All rights reserved.") == all_rights_reserved);
  CHECK(recogniser.find("Copyright 2001 X. All rights reserved. Licensed as told elsewhere.").empty());
  CHECK(recogniser.find("Copyright 2001 X. Proprietary and confidential. All rights reserved.") == proprietary);
  CHECK(
      recogniser.find("license: MIT, license: ISC, license: Zlib, EPL: eclipse public license 2.0, under the unlicense")
          .empty());
  std::string large = "license ";
  while (large.size() < (1u << 20)) large += "gnu general public gpl version v 2 or any permission \\n\xff\xc3 ";
  recogniser.find(large);
  recogniser.find(std::string(1u << 16, '\\') + "license\\");
}

TEST_CASE("texts that Debian installs are named") {
  const std::filesystem::path folder = "/usr/share/common-licenses";
  const std::vector<std::pair<const char*, const char*>> texts = {
      {"Apache-2.0", "Apache-2.0"},  {"Artistic", "Artistic-1.0-Perl"},
      {"BSD", "BSD-3-Clause"},       {"CC0-1.0", "CC0-1.0"},
      {"GFDL-1.2", "GFDL-1.2-only"}, {"GFDL-1.3", "GFDL-1.3-only"},
      {"GPL-1", "GPL-1.0-only"},     {"GPL-2", "GPL-2.0-only"},
      {"GPL-3", "GPL-3.0-only"},     {"LGPL-2", "LGPL-2.0-only"},
      {"LGPL-2.1", "LGPL-2.1-only"}, {"LGPL-3", "LGPL-3.0-only"},
      {"MPL-1.1", "MPL-1.1"},        {"MPL-2.0", "MPL-2.0"},
  };
  if (!std::filesystem::exists(folder)) {
    WARN("skipped: " << folder.string() << " is not there");
    return;
  }
  const Recogniser recogniser;
  for (const auto& [name, licence] : texts) {
    if (!std::filesystem::exists(folder / name)) continue;
    INFO(name);
    const std::string text = read_file(folder / name);
    CHECK(recogniser.find(text) == licence);
    CHECK(recogniser.find(text.substr(0, 16384)) == licence);
  }
}

}  // namespace hearth::text::licences
