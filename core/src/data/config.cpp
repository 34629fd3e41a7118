#include "data/config.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "model/bar_type.hpp"
#include "model/grid.hpp"
#include "model/names.hpp"

namespace alphaforge::data {

std::string_view name_of(ZeroQuantity policy) { return policy == ZeroQuantity::kPriceOnly ? "price_only" : "reject"; }

ZeroQuantity zero_quantity_of(std::string_view name) {
  for (const ZeroQuantity policy : {ZeroQuantity::kReject, ZeroQuantity::kPriceOnly})
    if (name == name_of(policy)) return policy;
  throw InvalidArgument(Reason::SETTING_INVALID,
                        "zero_quantity is \"" + std::string(name) + "\"; expected \"reject\" or \"price_only\"");
}

void DataEngineConfig::validate() const {
  const auto check = [](const char* name, std::int64_t value, std::int64_t least, std::int64_t greatest) {
    if (value < least || value > greatest)
      throw InvalidArgument(Reason::SETTING_INVALID, std::string(name) + " is " + std::to_string(value) +
                                                         "; expected " + std::to_string(least) + " to " +
                                                         std::to_string(greatest));
  };
#define X(name, preset, least, greatest) check(#name, name, least, greatest);
  ALPHAFORGE_DATA_LIMITS(X)
#undef X
  parse_bar_types(bar_types);
  if (time_zones.size() > kTimeZonesMax)
    throw InvalidArgument(Reason::SETTING_INVALID, "time_zones has " + std::to_string(time_zones.size()) +
                                                       " rules; expected at most " + std::to_string(kTimeZonesMax));
  if (calendars.size() > kCalendarsMax)
    throw InvalidArgument(Reason::SETTING_INVALID, "calendars has " + std::to_string(calendars.size()) +
                                                       " calendars; expected at most " + std::to_string(kCalendarsMax));
  check_names({parse_time_zones(time_zones), parse_calendars(calendars)});
  if (negative_price_instruments.size() > kNegativePriceInstrumentsMax)
    throw InvalidArgument(Reason::SETTING_INVALID,
                          "negative_price_instruments has " + std::to_string(negative_price_instruments.size()) +
                              " names; expected at most " + std::to_string(kNegativePriceInstrumentsMax));
  for (const std::string& name : negative_price_instruments)
    check_name(name, "negative_price_instruments", kInstrumentIdBytesMax);
}

std::vector<std::shared_ptr<const BarType>> parse_bar_types(const std::vector<std::string>& names) {
  std::vector<std::shared_ptr<const BarType>> types;
  for (const std::string& name : names) {
    BarType type = BarType::parse(name);
    const auto equal = [&](const auto& known) { return *known == type; };
    if (std::none_of(types.begin(), types.end(), equal))
      types.push_back(std::make_shared<const BarType>(std::move(type)));
  }
  if (types.empty() || types.size() > kBarTypesMax)
    throw InvalidArgument(Reason::SETTING_INVALID, "bar_types has " + std::to_string(types.size()) +
                                                       " different types; expected 1 to " +
                                                       std::to_string(kBarTypesMax));
  return types;
}

}  // namespace alphaforge::data
