// SPDX-License-Identifier: Apache-2.0
#include "lib/base/libraries.h"

#include <openssl/crypto.h>
#include <xxhash.h>

#include <boost/version.hpp>

#include "lib/base/json_value.h"

namespace hearth {

std::vector<Library> base_libraries() {
  const unsigned xxhash = XXH_versionNumber();
  const std::string boost = std::to_string(BOOST_VERSION / 100000) + "." + std::to_string(BOOST_VERSION / 100 % 1000) +
                            "." + std::to_string(BOOST_VERSION % 100);
  return {{"Boost", boost},
          {"nlohmann JSON", Json::meta()["version"]["string"].get<std::string>()},
          {"OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING)},
          {"xxHash", std::to_string(xxhash / 10000) + "." + std::to_string(xxhash / 100 % 100) + "." +
                         std::to_string(xxhash % 100)}};
}

}  // namespace hearth
