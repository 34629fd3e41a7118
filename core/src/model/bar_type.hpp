#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/int128.hpp"

namespace alphaforge {

// What closes a bar.
enum class BarKind : std::uint8_t {
  kTime = 1,
  kTick = 2,
  kVolume = 3,
  kDollar = 4,
  kRange = 5,
  kDay = 6,
  kWeek = 7,
  kMonth = 8
};

std::string_view name_of(BarKind kind);  // "time", "tick", "volume", "dollar", "range", "day", "week", "month"

// Days, weeks and months of a calendar (rule 2.15).
constexpr bool is_calendar(BarKind kind) { return kind >= BarKind::kDay; }
constexpr bool closes_by_time(BarKind kind) { return kind == BarKind::kTime || is_calendar(kind); }

// The type of bars: `<n>ms|s|min|hour`, `1day`, `<n>tick`, `<x>volume`, `<x>dollar`, `<x>range`, `<n>day|week|month`,
// the last perhaps with `@zone` and `+HH:MM`; shorter times and `1day` perhaps with `@calendar`. Equal bar types have
// equal names: `60min` is `1hour`, `0.50volume` is `0.5volume`, `1week@UTC` is `1week`.
struct BarType {
  BarKind kind = BarKind::kTime;
  // Time: nanoseconds, a divisor of 24 h. Tick, day, week, month: a count. Volume: a Quantity's mantissa (nine places).
  // Dollar: a Value's mantissa (eighteen places). Range: a Price's mantissa.
  int128 step = 0;
  std::string name;          // canonical
  std::string zone;          // its time zone or trading calendar, as named; empty is UTC
  std::int64_t start_s = 0;  // of its sessions, seconds after 00:00

  // Lower case; no leading zeros, signs, exponents or separators; at most nine places; above 0. Doesn't check that the
  // time zone exists. Throws InvalidArgument BAR_TYPE_INVALID.
  static BarType parse(std::string_view text);

  // The step of a time bar in nanoseconds, of a tick bar in ticks, of a range bar as a price, of a calendar its count.
  std::int64_t step64() const { return static_cast<std::int64_t>(step); }

  bool operator==(const BarType& other) const {
    return kind == other.kind && step == other.step && start_s == other.start_s && zone == other.zone;
  }
};

}  // namespace alphaforge
