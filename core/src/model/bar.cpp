#include "model/bar.hpp"

#include <optional>
#include <tuple>

#include "base/decimal.hpp"
#include "model/numbers.hpp"

namespace alphaforge {

namespace {

auto fields(const Bar& bar) {
  return std::tie(*bar.instrument_id, *bar.bar_type, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.value,
                  bar.buy_volume, bar.sell_volume, bar.trade_count, bar.ts_open, bar.ts_event, bar.ts_init,
                  bar.sequence, bar.revision, bar.is_partial, bar.is_gap_fill, bar.is_oversize);
}

}  // namespace

std::optional<Price> Bar::vwap() const {
  if (volume.mantissa == 0) return std::nullopt;
  // Eighteen places over nine leave nine.
  return price_of(divide_half_even(value.mantissa, volume.mantissa), "vwap");
}

bool Bar::operator==(const Bar& other) const { return fields(*this) == fields(other); }

}  // namespace alphaforge
