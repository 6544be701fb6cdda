// SPDX-License-Identifier: Apache-2.0
#include "formats/parts.h"

#include <algorithm>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/json_value.h"

namespace hearth::formats {
namespace fs = std::filesystem;
namespace {

// As names say, whatever links lie on the way.
std::string name_of(const fs::path& part, const fs::path& index) {
  const auto whole = [](const fs::path& path) { return fs::absolute(path).lexically_normal(); };
  return whole(part).lexically_relative(whole(index).parent_path()).generic_string();
}

// A name that leads nowhere but below the index's folder.
bool is_inside(const fs::path& name) {
  if (name.empty() || name.is_absolute()) return false;
  return std::none_of(name.begin(), name.end(), [](const fs::path& step) { return step == ".."; });
}

}  // namespace

void write_index(const fs::path& path, bool overwrite, const FormatVersion& version, const std::vector<Part>& parts,
                 const Json& provenance, const std::vector<std::pair<std::string, std::string>>& texts) {
  Hdf5Writer file(path, overwrite, version);
  Json list = Json::array();
  Sha256 digest;
  for (const Part& part : parts) {
    const std::string name = name_of(part.path, path);
    HEARTH_CHECK(is_inside(name), path.string() + " is to be an index of " + name + ", outside its folder");
    list.push_back({{"file", name}, {"digest", part.digest}});
    digest.update(part.digest);
  }
  file.set_required({std::string(parts_feature)});
  file.write_text("parts", dump_json(list));
  file.write_text("provenance", dump_json(provenance));
  for (const auto& [name, text] : texts) file.write_text(name, text);
  file.set("digest", digest.hex());
  file.finish();
}

std::vector<Part> parts_of(const Hdf5Reader& file, const fs::path& path) {
  if (!file.has("parts")) return {};
  const std::string where = path.string() + ": parts";
  std::vector<Part> parts;
  for (const Json& entry : parse_json(file.read_text("parts"), where)) {
    const fs::path name = json_get<std::string>(entry, "file", where);
    if (!is_inside(name)) {
      throw Error(Kind::data,
                  where + ": " + dump_json(Json(name.string())) +
                      " lies outside the folder of the index: " + "damaged, or made by others; make it again");
    }
    parts.push_back({path.parent_path() / name, json_get<std::string>(entry, "digest", where)});
  }
  if (parts.empty()) throw Error(Kind::data, where + ": an index of no parts; make it again");
  return parts;
}

void check_part(const fs::path& index, const Part& part, const std::string& digest) {
  if (part.digest == digest) return;
  throw Error(Kind::data, index.string() + ": its part " + part.path.string() +
                              " is not the one it was made with: restore that, or make all of it again");
}

}  // namespace hearth::formats
