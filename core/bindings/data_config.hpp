#pragma once

#include <string>
#include <vector>

#include "data/config.hpp"

namespace alphaforge::bindings {

// A configuration that remembers which options were given, so that an engine's settings are compared only in those.
struct GivenDataConfig : data::DataEngineConfig {
  std::vector<std::string> given;  // in the order of the keywords
};

}  // namespace alphaforge::bindings
