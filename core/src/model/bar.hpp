#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "model/bar_type.hpp"
#include "model/numbers.hpp"

namespace alphaforge {

// The figures of a bar.
struct BarFigures {
  Price open, high, low, close;
  Quantity volume;
  Value value;
  Quantity buy_volume, sell_volume;
  std::int64_t trade_count = 0;
  std::int64_t ts_open = 0;
  std::int64_t ts_event = 0;  // its close
  std::int64_t ts_init = 0;   // the greatest of its ticks
  std::int64_t sequence = 0;  // per instrument and type, gapless from 1
  std::int32_t revision = 0;
  bool is_partial = false;
  bool is_gap_fill = false;
  bool is_oversize = false;
};

// A bar with its names, which are shared with the engine that built it, so that it is cheap to copy. In a complete bar
// neither pointer is null.
struct Bar : BarFigures {
  std::shared_ptr<const std::string> instrument_id;
  std::shared_ptr<const BarType> bar_type;

  // value / volume, half to even at nine places; none without volume.
  std::optional<Price> vwap() const;

  // Compares all fields; instrument and type by name, not by pointer.
  bool operator==(const Bar& other) const;
};

}  // namespace alphaforge
