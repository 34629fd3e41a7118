#include "model/grid.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "base/time.hpp"
#include "model/bar_type.hpp"
#include "model/span.hpp"
#include "model/time_zone.hpp"

namespace alphaforge {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kDayS = 86'400;

std::int64_t floor_divide(std::int64_t value, std::int64_t by) {
  return value / by - static_cast<std::int64_t>(value % by < 0);
}

// Dates are days since 1970-01-01.
std::int64_t month_of(std::int64_t date) {
  const std::chrono::year_month_day day{std::chrono::sys_days{std::chrono::days{date}}};
  return (std::int64_t{static_cast<int>(day.year())} - 1970) * 12 + static_cast<unsigned>(day.month()) - 1;
}

std::int64_t date_of_month(std::int64_t month) {
  const std::int64_t year = floor_divide(month, 12);
  const std::chrono::year_month_day first{std::chrono::year{static_cast<int>(1970 + year)},
                                          std::chrono::month{static_cast<unsigned>(month - year * 12 + 1)},
                                          std::chrono::day{1}};
  return std::chrono::sys_days{first}.time_since_epoch().count();
}

}  // namespace

std::shared_ptr<const TimeZone> find_zone(std::string_view name, const TimeZones& zones) {
  if (name.empty() || name == "UTC") return std::make_shared<const TimeZone>();
  const auto found = std::find_if(zones.begin(), zones.end(), [&](const auto& zone) { return zone->name() == name; });
  return found == zones.end() ? nullptr : *found;
}

TimeZones parse_time_zones(const std::vector<std::string>& rules) {
  TimeZones zones;
  for (const std::string& text : rules) zones.push_back(std::make_shared<const TimeZone>(TimeZone::parse(text)));
  return joined({}, zones);
}

TimeZones joined(TimeZones zones, const TimeZones& more) {
  for (const auto& zone : more)
    if (find_zone(zone->name(), zones) == nullptr) zones.push_back(zone);
  return zones;
}

Grid::Grid(const BarType& type, std::int64_t origin_offset_ns, const TimeZones& zones)
    : step_(type.kind == BarKind::kTime ? type.step64() : 0),
      origin_(type.zone.empty() ? origin_offset_ns : 0),
      unit_(type.kind),
      count_(type.step64()),
      // A session that starts at 12:00 or later belongs to the next date.
      shift_s_(type.start_s < kDayS / 2 ? type.start_s : type.start_s - kDayS),
      zone_(find_zone(type.zone, zones)) {
  if (zone_ == nullptr)
    throw InvalidArgument(Reason::BAR_TYPE_INVALID, "bar type '" + type.name + "' needs its time zone in time_zones");
}

std::int64_t Grid::number_of(std::int64_t date) const {
  if (unit_ == BarKind::kMonth) return floor_divide(month_of(date), count_);
  // Weeks begin on Mondays, such as 1969-12-29.
  return unit_ == BarKind::kWeek ? floor_divide(date + 3, 7 * count_) : floor_divide(date, count_);
}

std::int64_t Grid::begins(std::int64_t number) const {
  std::int64_t date = number * count_;
  if (unit_ == BarKind::kMonth) date = date_of_month(date);
  if (unit_ == BarKind::kWeek) date = date * 7 - 3;
  std::int64_t time = zone_->first_at(date * kDayS + shift_s_);
  if (__builtin_mul_overflow(time, kSecondNs, &time) || __builtin_add_overflow(time, origin_, &time)) return kNever;
  return time;
}

Span Grid::calendar_span(std::int64_t ts) const {
  if (ts == kNever) return {kNever, kNever};
  const std::int64_t local = zone_->local(floor_divide(ts - origin_, kSecondNs));
  std::int64_t number = number_of(floor_divide(local - shift_s_, kDayS));
  // Clocks may be set back past a start.
  while (begins(number) > ts) --number;
  while (begins(number + 1) <= ts) ++number;
  return {begins(number), begins(number + 1)};
}

}  // namespace alphaforge
