#include "model/grid.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
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
#include "model/trading_calendar.hpp"

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

Calendars parse_calendars(const std::vector<std::string>& texts) {
  // A short text may stand for many sessions.
  constexpr std::size_t kPartsMax = 250'000;
  Calendars calendars;
  std::size_t parts = 0;
  for (const std::string& text : texts) {
    calendars.push_back(std::make_shared<const TradingCalendar>(TradingCalendar::parse(text)));
    parts += calendars.back()->parts().size();
    if (parts > kPartsMax)
      throw InvalidArgument(Reason::SETTING_INVALID,
                            "calendars have more than 250,000 parts of sessions together; give shorter ones");
    if (find_calendar(calendars.back()->name(), calendars) != calendars.back())
      throw InvalidArgument(Reason::SETTING_INVALID,
                            "calendar " + calendars.back()->name() + " is given twice; give each calendar once");
  }
  return calendars;
}

std::shared_ptr<const TradingCalendar> find_calendar(std::string_view name, const Calendars& calendars) {
  const auto found =
      std::ranges::find(calendars, name, [](const auto& each) -> std::string_view { return each->name(); });
  return found == calendars.end() ? nullptr : *found;
}

Calendars joined(Calendars calendars, const Calendars& more) {
  for (const auto& calendar : more) {
    const auto known = std::ranges::find(calendars, calendar->name(), [](const auto& each) { return each->name(); });
    if (known == calendars.end())
      calendars.push_back(calendar);
    else if ((*known)->extends(*calendar))
      continue;  // the same sessions, or fewer: its text stays
    else if (calendar->extends(**known))
      *known = calendar;
    else
      throw InvalidArgument(Reason::SETTING_INVALID, "calendar " + calendar->name() +
                                                         " has other sessions than the engine's calendar of that "
                                                         "name, to which only later sessions can be added; give it "
                                                         "another name, or keep the sessions of the engine's");
  }
  return calendars;
}

bool has_calendars(const Calendars& calendars, const Calendars& wanted) {
  return std::ranges::all_of(wanted, [&](const auto& calendar) {
    const auto known = find_calendar(calendar->name(), calendars);
    return known != nullptr && known->extends(*calendar);
  });
}

void check_names(const Clocks& clocks) {
  for (const auto& calendar : clocks.calendars)
    if (find_zone(calendar->name(), clocks.zones) != nullptr)
      throw InvalidArgument(
          Reason::SETTING_INVALID,
          "calendar " + calendar->name() + " has the name of a time zone of the engine; give it another name");
}

Grid::Grid(const BarType& type, std::int64_t origin_offset_ns, const Clocks& clocks)
    : step_(type.kind == BarKind::kTime && type.zone.empty() ? type.step64() : 0),
      origin_(type.zone.empty() ? origin_offset_ns : 0),
      unit_(type.kind),
      count_(type.step64()),
      // A session that starts at 12:00 or later belongs to the next date.
      shift_s_(type.start_s < kDayS / 2 ? type.start_s : type.start_s - kDayS),
      zone_(find_zone(type.zone, clocks.zones)),
      calendar_(find_calendar(type.zone, clocks.calendars)),
      session_step_(type.kind == BarKind::kTime ? type.step64() : 0) {
  const auto demand = [&](bool holds, const char* what) {
    if (!holds) throw InvalidArgument(Reason::BAR_TYPE_INVALID, "bar type '" + type.name + "' " + what);
  };
  const bool needs_calendar = type.kind == BarKind::kTime && !type.zone.empty();
  demand(!needs_calendar || calendar_ != nullptr, "needs its calendar; give that in calendars");
  demand(calendar_ != nullptr || zone_ != nullptr,
         "needs the rules of its time zone in time_zones, or its calendar in calendars");
  const bool is_session = type.kind == BarKind::kDay && type.step == 1 && type.start_s == 0;
  demand(calendar_ == nullptr || needs_calendar || is_session,
         "names a calendar; only 1day and shorter times may, without a session start");
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

// Before all sessions, what lies outside begins with 1970; after them, it never ends.
Span Grid::session_span(std::int64_t ts) const {
  const std::vector<Span>& spans = session_step_ == 0 ? calendar_->sessions() : calendar_->parts();
  const auto next = std::ranges::upper_bound(spans, ts, {}, &Span::end);
  if (next == spans.end()) return {spans.back().end, kNever, true};
  if (ts < next->start) return {next == spans.begin() ? 0 : std::prev(next)->end, next->start, true};
  if (session_step_ == 0) return *next;
  const std::int64_t start = floor_to_step(ts, session_step_, next->start);
  return {start, std::min(start + session_step_, next->end)};
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
