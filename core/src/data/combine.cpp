#include "data/combine.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "base/time.hpp"
#include "model/bar.hpp"
#include "model/bar_type.hpp"
#include "model/grid.hpp"
#include "model/numbers.hpp"
#include "model/span.hpp"

namespace alphaforge::data {
namespace {

// The longer bars of one instrument.
struct Longer {
  Bar open;
  bool has_open = false;
  bool began = false;    // the first one has begun
  bool skipped = false;  // bars outside of the sessions of a calendar were given
  std::int64_t sequence = 0;
  std::int64_t last_end = kNoTime;  // of the bars given
  // Of the last one that closed: a flat bar repeats them.
  std::int64_t last_ts_init = kNoTime;
  Price last_close;
};

[[noreturn]] void refuse(Reason reason, const Bar& bar, const BarType& type, const char* why) {
  throw InvalidArgument(reason, "a " + bar.bar_type->name + " bar of " + *bar.instrument_id + " at " +
                                    std::to_string(bar.ts_open) + " can't be part of a " + type.name + " bar: " + why);
}

void check(const Bar& bar, const BarType& type, const Span& span, const Longer& longer) {
  if (!closes_by_time(bar.bar_type->kind))
    refuse(Reason::BAR_TYPE_INVALID, bar, type, "only time bars can be combined");
  if (bar.ts_event > span.end) refuse(Reason::BAR_TYPE_INVALID, bar, type, "it does not lie within one");
  if (bar.ts_open < longer.last_end || bar.ts_event <= bar.ts_open)
    refuse(Reason::TIME_OUT_OF_RANGE, bar, type, "an instrument's bars must be in order of time and must not overlap");
}

template <class Number>
void add(Number& sum, const Number& part, const Bar& bar, const BarType& type) {
  if (!checked_add(sum.mantissa, part.mantissa, sum.mantissa))
    refuse(Reason::VALUE_OVERFLOW, bar, type, "the sum does not fit 128 bits");
}

void join(Bar& longer, const Bar& bar) {
  // A flat bar counts only if its interval has no other bars.
  if (bar.is_gap_fill) return;
  if (longer.is_gap_fill) {
    longer.is_gap_fill = false;
    longer.open = longer.high = longer.low = bar.open;
    longer.ts_init = bar.ts_init;
  }
  longer.high = std::max(longer.high, bar.high);
  longer.low = std::min(longer.low, bar.low);
  longer.close = bar.close;
  longer.ts_init = std::max(longer.ts_init, bar.ts_init);
  longer.trade_count += bar.trade_count;
  add(longer.volume, bar.volume, bar, *longer.bar_type);
  add(longer.value, bar.value, bar, *longer.bar_type);
  add(longer.buy_volume, bar.buy_volume, bar, *longer.bar_type);
  add(longer.sell_volume, bar.sell_volume, bar, *longer.bar_type);
}

void begin(Longer& longer, const Bar& bar, const std::shared_ptr<const BarType>& type, const Span& span) {
  longer.open = Bar();
  longer.open.instrument_id = bar.instrument_id;
  longer.open.bar_type = type;
  longer.open.open = longer.open.high = longer.open.low = longer.open.close =
      longer.began ? longer.last_close : bar.open;
  longer.open.ts_init = longer.began ? longer.last_ts_init : bar.ts_init;
  longer.open.ts_open = span.start;
  longer.open.ts_event = span.end;
  longer.open.is_gap_fill = true;
  longer.open.is_partial = !longer.began && (longer.skipped || bar.is_partial || bar.ts_open != span.start);
  longer.has_open = longer.began = true;
}

}  // namespace

std::vector<Bar> combine_bars(const std::vector<Bar>& bars, const std::shared_ptr<const BarType>& type,
                              const Grid& grid, bool with_open) {
  std::vector<Bar> closed;
  std::vector<Longer> instruments;  // in order of first sight
  std::unordered_map<std::string_view, std::size_t> places;
  const auto close = [&](Longer& longer) {
    longer.open.sequence = ++longer.sequence;
    longer.last_ts_init = longer.open.ts_init;
    longer.last_close = longer.open.close;
    closed.push_back(std::move(longer.open));
    longer.has_open = false;
  };
  for (const Bar& bar : bars) {
    const std::size_t place = places.try_emplace(*bar.instrument_id, instruments.size()).first->second;
    if (place == instruments.size()) instruments.emplace_back();
    Longer& longer = instruments[place];
    const Span span = grid.span_of(bar.ts_open);
    check(bar, *type, span, longer);
    if (longer.has_open && longer.open.ts_event <= bar.ts_open) close(longer);
    longer.last_end = bar.ts_event;
    longer.skipped |= span.is_outside;
    // Flat bars repeat trades that may be in none of the sessions.
    if (span.is_outside || (longer.skipped && !longer.began && bar.is_gap_fill)) continue;
    if (!longer.has_open) begin(longer, bar, type, span);
    join(longer.open, bar);
    if (bar.ts_event == span.end) close(longer);
  }
  for (Longer& longer : instruments) {
    if (!with_open || !longer.has_open) continue;
    longer.open.is_partial = true;
    close(longer);
  }
  return closed;
}

}  // namespace alphaforge::data
