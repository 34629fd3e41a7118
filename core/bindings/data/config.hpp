#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bindings/bindings.hpp"
#include "data/config.hpp"

namespace alphaforge::bindings {

// Options that only services use: member, default, minimum, maximum.
#define ALPHAFORGE_DATA_SERVICE_LIMITS(X)      \
  X(close_grace_ns, 0, 0, kDayNs)              \
  X(max_replay_trades, 100'000, 0, 10'000'000) \
  X(max_replay_bars, 10'000, 0, 1'000'000)

// A configuration that remembers which options were given, so that an engine's settings are compared only in those.
struct GivenDataConfig : data::DataEngineConfig {
  bool live_clock = false;
  std::string durability = "os";
#define X(name, preset, least, greatest) std::int64_t name = preset;
  ALPHAFORGE_DATA_SERVICE_LIMITS(X)
#undef X
  std::vector<std::string> given;  // in the order of the keywords
};

// `known`, and the rules, looked up, of the other time zones that bar types name, unless `calendars` have their names.
// Throws what Python raises.
std::vector<std::string> time_zones_of(const std::vector<std::string>& bar_types, const std::vector<std::string>& known,
                                       const std::vector<std::string>& calendars = {});
// A list of str, or of objects of which str() gives one.
std::vector<std::string> to_names(nb::handle value, const char* option);
// The configuration with the rules of the zones that its own bar types name; `calendars` are those of the engine.
data::DataEngineConfig with_time_zones(const GivenDataConfig& config, std::vector<std::string> calendars = {});

}  // namespace alphaforge::bindings
