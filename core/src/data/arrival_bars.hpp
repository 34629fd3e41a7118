#pragma once

#include <algorithm>
#include <cstdint>

#include "base/int128.hpp"
#include "data/open_bar.hpp"
#include "model/bar_type.hpp"

namespace alphaforge::data {

// Tick, volume and dollar bars close by count, independent of time. A part of a tick, and the progress of its bar after
// it; at `step` or beyond, the bar closes.
struct Part {
  int128 quantity;
  uint128 progress;
};

// A tick bar closes with the N-th tick.
inline Part tick_part(uint128 progress, int128 left) { return {left, progress + 1}; }

// A volume bar closes at exactly its step.
inline Part volume_part(uint128 progress, int128 left, int128 step) {
  const int128 part = std::min(left, step - static_cast<int128>(progress));
  return {part, progress + static_cast<uint128>(part)};
}

// A dollar bar takes the smallest quantity, at least 1e-9, that brings its progress to the step.
inline Part dollar_part(uint128 progress, int128 left, int128 step, std::int64_t price) {
  // Values have eighteen places and prices nine, so that the quotient has the nine of a quantity.
  const bool is_full = progress >= static_cast<uint128>(step);
  const int128 needed = is_full ? 1 : (step - static_cast<int128>(progress) - 1) / price + 1;
  const int128 part = std::min(left, needed);
  return {part, progress + static_cast<uint128>(part * price)};
}

inline Part next_part(BarKind kind, uint128 progress, int128 left, int128 step, std::int64_t price) {
  switch (kind) {
    case BarKind::kVolume:
      return volume_part(progress, left, step);
    case BarKind::kDollar:
      return dollar_part(progress, left, step, price);
    default:
      return tick_part(progress, left);
  }
}

// Whether a tick would close more than `bars_max` bars of a type.
inline bool ends_too_many(BarKind kind, uint128 progress, const Print& print, int128 step, std::int64_t bars_max) {
  if (kind == BarKind::kTick) return false;
  // Each dollar bar that closes uses up one step of value and at least 1e-9: there are min(units, total / step) of
  // them.
  if (kind == BarKind::kDollar && print.quantity <= bars_max) return false;
  const uint128 total = progress + static_cast<uint128>(kind == BarKind::kVolume ? print.quantity : print.value);
  uint128 limit;
  return !__builtin_mul_overflow(static_cast<uint128>(step), static_cast<uint128>(bars_max) + 1, &limit) &&
         total >= limit;
}

}  // namespace alphaforge::data
