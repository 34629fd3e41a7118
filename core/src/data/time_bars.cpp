#include "data/time_bars.hpp"

#include <algorithm>

#include "data/bar_history.hpp"
#include "data/open_bar.hpp"
#include "model/bar.hpp"
#include "model/numbers.hpp"
#include "model/trade_tick.hpp"

namespace alphaforge::data {

void correct(KeptBar& kept, const Print& print) {
  BarFigures& bar = kept.bar;
  const Price price{print.price};
  if (bar.is_gap_fill) {
    bar.is_gap_fill = false;
    bar.open = bar.high = bar.low = bar.close = price;
    bar.ts_init = print.ts_init;
    kept.ts_least = kept.ts_greatest = print.ts_event;
  }
  if (print.ts_event < kept.ts_least) {
    kept.ts_least = print.ts_event;
    bar.open = price;
  }
  if (print.ts_event >= kept.ts_greatest) {
    kept.ts_greatest = print.ts_event;
    bar.close = price;
  }
  bar.high = std::max(bar.high, price);
  bar.low = std::min(bar.low, price);
  bar.volume.mantissa += print.quantity;
  bar.value.mantissa += print.value;
  if (print.side == AggressorSide::kBuy) bar.buy_volume.mantissa += print.quantity;
  if (print.side == AggressorSide::kSell) bar.sell_volume.mantissa += print.quantity;
  bar.trade_count += print.quantity != 0;
  bar.ts_init = std::max(bar.ts_init, print.ts_init);
  if (kept.is_uncovered) bar.is_partial = kept.ts_least != bar.ts_open;
  ++bar.revision;
}

}  // namespace alphaforge::data
