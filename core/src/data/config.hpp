#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/bar_type.hpp"
#include "model/time_guard.hpp"

namespace alphaforge::data {

// How to handle a tick of quantity 0: refuse it, or use its price in time bars.
enum class ZeroQuantity : std::uint8_t { kReject = 1, kPriceOnly = 2 };

std::string_view name_of(ZeroQuantity policy);         // "reject", "price_only"
ZeroQuantity zero_quantity_of(std::string_view name);  // throws InvalidArgument SETTING_INVALID

inline constexpr std::size_t kBarTypesMax = 32;
// No limit on the bars closed by a call.
inline constexpr std::size_t kAllBars = SIZE_MAX;
inline constexpr std::size_t kBarTypeBytesMax = 64;
inline constexpr std::size_t kTimeZonesMax = kBarTypesMax;
inline constexpr std::size_t kNegativePriceInstrumentsMax = 1'000;
inline constexpr std::size_t kCalendarsMax = kBarTypesMax;

// The numeric options that have a range: member, default, least, greatest.
#define ALPHAFORGE_DATA_LIMITS(X)                                  \
  X(max_bars_per_instrument, 1'000, 1, 100'000'000)                \
  X(max_memory_bytes, 1'073'741'824, 1'048'576, 1'099'511'627'776) \
  X(max_instruments, 10'000, 1, 10'000'000)                        \
  X(max_bars_per_tick, 10'000, 1, 1'000'000)                       \
  X(max_gap_bars, 1'000, 1, 1'000'000)                             \
  X(duplicate_window, 10'000, 0, 10'000'000)                       \
  X(max_duplicate_entries, 10'000'000, 0, 1'000'000'000)           \
  X(allowed_lateness_ns, 0, 0, 31'536'000'000'000'000)             \
  X(max_time_jump_ns, kTimeJumpNs, 0, kTimeJumpMaxNs)              \
  X(origin_offset_ns, 0, 0, kDayNs)

// The settings of a data engine. validate() is called by the engine and by callers that build one.
struct DataEngineConfig {
  std::vector<std::string> bar_types{"1min"};
  std::vector<std::string> time_zones;  // the rules of those that bar types name, as TimeZone::parse() takes them
  std::vector<std::string> calendars;   // those that bar types name, as TradingCalendar::parse() takes them
  bool enable_statistics = true;
  bool fill_gaps = false;           // flat bars for quiet intervals
  bool skip_first_partial = false;  // no bar for the interval in which an instrument was first seen
  bool flush_on_stop = false;       // stop() closes what is open
  ZeroQuantity zero_quantity = ZeroQuantity::kReject;
  std::vector<std::string> negative_price_instruments;  // whose trades may have a price of 0 or below (rule 2.18)
#define X(name, preset, least, greatest) std::int64_t name = preset;
  ALPHAFORGE_DATA_LIMITS(X)
#undef X

  // Throws InvalidArgument: SETTING_INVALID, BAR_TYPE_INVALID, and NAME_INVALID.
  void validate() const;
};

// Parses the types in the given order, dropping repeated ones. Throws InvalidArgument: BAR_TYPE_INVALID, and
// SETTING_INVALID for none or more than 32.
std::vector<std::shared_ptr<const BarType>> parse_bar_types(const std::vector<std::string>& names);

}  // namespace alphaforge::data
