#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "model/bar_type.hpp"
#include "model/span.hpp"
#include "model/time_zone.hpp"
#include "model/trading_calendar.hpp"

namespace alphaforge {

using TimeZones = std::vector<std::shared_ptr<const TimeZone>>;
using Calendars = std::vector<std::shared_ptr<const TradingCalendar>>;

// What bar types name after their @.
struct Clocks {
  TimeZones zones;
  Calendars calendars;
};

// Throws InvalidArgument SETTING_INVALID; the first rules given for a zone are used, later ones ignored.
TimeZones parse_time_zones(const std::vector<std::string>& rules);

// Returns the rules of the named zone, UTC's for an empty name; null if there are none.
std::shared_ptr<const TimeZone> find_zone(std::string_view name, const TimeZones& zones);
// Returns `zones` and those zones of `more` that it lacks.
TimeZones joined(TimeZones zones, const TimeZones& more);

// Throws InvalidArgument SETTING_INVALID, also for a name that occurs twice.
Calendars parse_calendars(const std::vector<std::string>& texts);
// Null if there is none of that name.
std::shared_ptr<const TradingCalendar> find_calendar(std::string_view name, const Calendars& calendars);
// Returns `calendars` with those of `more` that it lacks, or of which it has only the first sessions. Throws
// InvalidArgument SETTING_INVALID for one that has other sessions under the same name.
Calendars joined(Calendars calendars, const Calendars& more);
// Whether each of `wanted` is one of `calendars`, or the first sessions of one.
bool has_calendars(const Calendars& calendars, const Calendars& wanted);

// Throws InvalidArgument SETTING_INVALID for a calendar with the name of a time zone.
void check_names(const Clocks& clocks);

// The greatest multiple of `step`, counted from `origin`, that is not after `ts`.
inline std::int64_t floor_to_step(std::int64_t ts, std::int64_t step, std::int64_t origin) {
  const std::int64_t distance = (ts - origin) % step;
  return ts - (distance < 0 ? distance + step : distance);
}

// The intervals of a time bar type: a step of time (rule 2.3), days, weeks or months of a calendar (rule 2.15), or
// those of a trading calendar's sessions, and what lies outside of them (rule 2.19).
class Grid {
 public:
  // Throws InvalidArgument BAR_TYPE_INVALID for a type whose time zone or calendar is not among `clocks`.
  Grid(const BarType& type, std::int64_t origin_offset_ns, const Clocks& clocks);

  // The interval that contains a time; a time at which an interval begins is in that interval.
  Span span_of(std::int64_t ts) const {
    if (step_ == 0) [[unlikely]]
      return calendar_ == nullptr ? calendar_span(ts) : session_span(ts);
    const std::int64_t start = floor_to_step(ts, step_, origin_);
    std::int64_t end = 0;
    return {start, __builtin_add_overflow(start, step_, &end) ? kNever : end};
  }

  // The interval that holds a time; outside of sessions the next one, or what lies outside if there is none.
  Span next_span(std::int64_t ts) const {
    const Span span = span_of(ts);
    return span.is_outside && span.end != kNever ? span_of(span.end) : span;
  }

 private:
  Span session_span(std::int64_t ts) const;
  Span calendar_span(std::int64_t ts) const;
  // Intervals are numbered from 1970. The number of the interval that contains a date, and the begin of an interval.
  std::int64_t number_of(std::int64_t date) const;
  std::int64_t begins(std::int64_t number) const;

  std::int64_t step_ = 0;  // nanoseconds; 0 for days, weeks and months
  std::int64_t origin_ = 0;
  BarKind unit_;
  std::int64_t count_;    // days, weeks or months
  std::int64_t shift_s_;  // from 00:00 of the first date
  std::shared_ptr<const TimeZone> zone_;
  std::shared_ptr<const TradingCalendar> calendar_;
  std::int64_t session_step_ = 0;  // from each open; 0: sessions as a whole
};

}  // namespace alphaforge
