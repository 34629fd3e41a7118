#include "model/session.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "model/bar_type.hpp"
#include "model/grid.hpp"

namespace alphaforge {

namespace {

constexpr std::string_view kDay = "1day";

[[noreturn]] void refuse(std::string_view session, const std::string& problem) {
  throw InvalidArgument(Reason::SETTING_INVALID, "session '" + std::string(session) + "' " + problem);
}

BarType parse_session(std::string_view session) {
  try {
    return BarType::parse(bar_type_of_session(std::string(session)));
  } catch (const InvalidArgument&) {
    refuse(session, "must be a time zone, optionally with a start, such as America/New_York+17:00");
  }
}

}  // namespace

std::string bar_type_of_session(const std::string& session) {
  return session.empty() ? std::string(kDay) : std::string(kDay) + "@" + session;
}

std::string canonical_session(std::string_view session) {
  if (session.size() > kSessionBytesMax) refuse(session.substr(0, kSessionBytesMax), "is too long");
  const std::string name = parse_session(session).name;
  return name.size() > kDay.size() ? name.substr(kDay.size() + 1) : std::string();
}

std::unique_ptr<const Grid> make_days(const std::string& session, const std::string& zone_rules) {
  if (session.empty() && !zone_rules.empty()) refuse(session, "is in UTC, so time_zone must be empty");
  if (session.empty()) return nullptr;
  const BarType type = parse_session(session);
  const TimeZones zones = zone_rules.empty() ? TimeZones{} : parse_time_zones({zone_rules});
  if (find_zone(type.zone, zones) == nullptr)
    refuse(session, "names a time zone, so time_zone must have the rules of that zone");
  return std::make_unique<const Grid>(type, 0, Clocks{zones, {}});
}

}  // namespace alphaforge
