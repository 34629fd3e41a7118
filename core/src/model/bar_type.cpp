#include "model/bar_type.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"
#include "base/time.hpp"
#include "model/trading_calendar.hpp"

namespace alphaforge {

namespace {

struct TimeUnit {
  std::string_view name;
  std::int64_t nanos;
};

// The largest first: the canonical name takes the first that divides the step.
constexpr std::array<TimeUnit, 5> kTimeUnits = {{
    {"day", kDayNs},
    {"hour", 3'600'000'000'000},
    {"min", 60'000'000'000},
    {"s", 1'000'000'000},
    {"ms", 1'000'000},
}};

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  constexpr std::size_t kShownMax = 40;
  throw InvalidArgument(Reason::BAR_TYPE_INVALID, "bar type '" + std::string(text.substr(0, kShownMax)) + "' " + why);
}

// The number in front of the unit: digits without a leading zero, then perhaps a point and digits.
std::size_t number_length(std::string_view text) {
  const auto digits = [&](std::size_t from) {
    std::size_t at = from;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at;
  };
  const std::size_t whole = digits(0);
  if (whole == 0 || (whole > 1 && text[0] == '0')) return 0;
  if (whole == text.size() || text[whole] != '.') return whole;
  const std::size_t end = digits(whole + 1);
  return end == whole + 1 ? 0 : end;
}

[[noreturn]] void refuse_place(std::string_view text) {
  refuse(text,
         "can't have what follows its @; days, weeks and months may name a time zone, 1day and shorter times a trading "
         "calendar");
}

std::int64_t parse_count(std::string_view text, std::string_view number) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), count);
  if (end != number.data() + number.size()) refuse(text, "needs a whole number");
  if (error != std::errc{}) refuse(text, "has a step beyond 64 bits");
  return count;
}

int128 parse_step(std::string_view text, std::string_view number, int places) {
  try {
    // A step may be given with nine places; the step of dollar bars is stored with eighteen, like a value.
    return rescale(parse_decimal(number, kPlaces, "step"), kPlaces, places);
  } catch (const InvalidArgument& error) {
    refuse(text, std::string("has an invalid step: ") + error.what());
  }
}

// Days, weeks and months: their name, and how many there may be.
struct CalendarUnit {
  std::string_view name;
  BarKind kind;
  std::int64_t most;
};

constexpr std::array<CalendarUnit, 3> kCalendarUnits = {{
    {"day", BarKind::kDay, 366},
    {"week", BarKind::kWeek, 52},
    {"month", BarKind::kMonth, 12},
}};

// The end of a text, "+HH:MM" in seconds; none if it is something else.
std::optional<std::int64_t> parse_session_start(std::string_view text) {
  constexpr std::string_view kForm = "+00:00";
  if (text.size() != kForm.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_digit = kForm[i] == '0';
    if (is_digit ? (text[i] < '0' || text[i] > '9') : text[i] != kForm[i]) return std::nullopt;
  }
  const auto two = [&](std::size_t at) { return std::int64_t{text[at] - '0'} * 10 + (text[at + 1] - '0'); };
  return two(1) < 24 && two(4) < 60 ? std::optional(two(1) * 3'600 + two(4) * 60) : std::nullopt;
}

bool is_zone_letter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '+' ||
         c == '/' || c == '-';
}

// A letter, then letters, digits and _ + / - , at most 40 bytes.
bool is_zone_name(std::string_view name) {
  constexpr std::size_t kZoneBytesMax = 40;
  const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  return !name.empty() && name.size() <= kZoneBytesMax && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(), is_zone_letter);
}

BarType calendar_type(std::string_view text, std::int64_t count, const CalendarUnit& unit, std::string_view place) {
  if (count == 0 || count > unit.most)
    refuse(text, "counts " + std::to_string(count) + " " + std::string(unit.name) + "s; expected 1 to " +
                     std::to_string(unit.most));
  BarType type;
  type.kind = unit.kind;
  type.step = count;
  type.name = std::to_string(count) + std::string(unit.name);
  if (place.empty()) return type;
  constexpr std::size_t kStartBytes = 6;
  std::string_view zone = place.substr(1);
  const std::string_view end = zone.substr(zone.size() - std::min(kStartBytes, zone.size()));
  if (end.find(':') != std::string_view::npos) {
    const std::optional<std::int64_t> start = parse_session_start(end);
    if (!start) refuse(text, "has an invalid session start; expected +00:00 to +23:59 after its time zone");
    type.start_s = *start;
    zone.remove_suffix(kStartBytes);
  }
  if (!is_zone_name(zone)) refuse(text, "has an invalid time zone; expected a name such as America/New_York");
  if (zone == "UTC" && type.start_s == 0) return type;
  type.zone = zone;
  type.name += "@" + type.zone + std::string(type.start_s == 0 ? "" : end);
  return type;
}

BarType time_type(std::string_view text, std::int64_t count, const TimeUnit& unit) {
  std::int64_t step = 0;
  if (__builtin_mul_overflow(count, unit.nanos, &step) || step <= 0 || kDayNs % step != 0) {
    refuse(text, "has a time step that does not divide 24 hours");
  }
  const auto* const largest =
      std::find_if(kTimeUnits.begin(), kTimeUnits.end(), [&](const TimeUnit& u) { return step % u.nanos == 0; });
  BarType type;
  type.step = step;
  type.name = std::to_string(step / largest->nanos) + std::string(largest->name);
  return type;
}

}  // namespace

std::string_view name_of(BarKind kind) {
  switch (kind) {
    case BarKind::kTime:
      return "time";
    case BarKind::kTick:
      return "tick";
    case BarKind::kVolume:
      return "volume";
    case BarKind::kDollar:
      return "dollar";
    case BarKind::kRange:
      return "range";
    case BarKind::kDay:
      return "day";
    case BarKind::kWeek:
      return "week";
    case BarKind::kMonth:
      return "month";
  }
  return "time";
}

BarType BarType::parse(std::string_view text) {
  const std::string_view number = text.substr(0, number_length(text));
  const std::string_view place = text.substr(std::min(text.find('@'), text.size()));
  const std::string_view unit = text.substr(number.size(), text.size() - number.size() - place.size());
  if (number.empty()) refuse(text, "is unknown; expected a name such as 1min, 100tick, 0.5volume or 1000000dollar");
  for (const CalendarUnit& calendar : kCalendarUnits) {
    if (unit != calendar.name) continue;
    BarType type = calendar_type(text, parse_count(text, number), calendar, place);
    // A day in UTC is a step of 24 hours.
    return type.name == "1day" ? time_type(text, 1, kTimeUnits.front()) : type;
  }
  for (const TimeUnit& time : kTimeUnits) {
    if (unit != time.name) continue;
    BarType type = time_type(text, parse_count(text, number), time);
    if (place.empty()) return type;
    type.zone = place.substr(1);
    if (type.step == kDayNs || !TradingCalendar::is_name(type.zone)) refuse_place(text);
    type.name += "@" + type.zone;
    return type;
  }
  if (!place.empty()) refuse_place(text);
  BarType type;
  if (unit == "tick") {
    type.kind = BarKind::kTick;
    type.step = parse_count(text, number);
    type.name = format_decimal(type.step, 0, 0) + "tick";
  } else if (unit == "volume") {
    type.kind = BarKind::kVolume;
    type.step = parse_step(text, number, kPlaces);
    type.name = format_decimal(type.step, kPlaces, 0) + "volume";
  } else if (unit == "dollar") {
    type.kind = BarKind::kDollar;
    type.step = parse_step(text, number, kValuePlaces);
    type.name = format_decimal(type.step, kValuePlaces, 0) + "dollar";
  } else if (unit == "range") {
    type.kind = BarKind::kRange;
    type.step = parse_step(text, number, kPlaces);
    type.name = format_decimal(type.step, kPlaces, 0) + "range";
    if (type.step > INT64_MAX) refuse(text, "has a range larger than the largest price");
  } else {
    refuse(text, "has an unknown unit; expected ms, s, min, hour, day, week, month, tick, volume, dollar or range");
  }
  if (type.step == 0) refuse(text, "has a step of 0");
  return type;
}

}  // namespace alphaforge
