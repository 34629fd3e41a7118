#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/int128.hpp"

namespace alphaforge {

// What ends a bar.
enum class BarKind : std::uint8_t { kTime = 1, kTick = 2, kVolume = 3, kDollar = 4 };

std::string_view name_of(BarKind kind);  // "time", "tick", "volume", "dollar"

// How ticks are summed up: `<n>ms|s|min|hour`, `1day`, `<n>tick`, `<x>volume`, `<x>dollar`.
// Equal bar types have equal names, whatever was typed: `60min` is `1hour`, `0.50volume` is `0.5volume`.
struct BarType {
  BarKind kind = BarKind::kTime;
  // Time: nanoseconds, a divisor of 24 h. Tick: a count. Volume: a Quantity's mantissa (nine places). Dollar: a Value's
  // mantissa (eighteen places).
  int128 step = 0;
  std::string name;  // canonical

  // Lower case; no leading zeros, signs, exponents or separators; at most nine places; above 0.
  // Throws InvalidArgument BAR_TYPE_INVALID.
  static BarType parse(std::string_view text);

  // The step of a time bar in nanoseconds, of a tick bar in ticks.
  std::int64_t step64() const { return static_cast<std::int64_t>(step); }

  bool operator==(const BarType& other) const { return kind == other.kind && step == other.step; }
};

}  // namespace alphaforge
