#pragma once

#include <cstdint>

#include "base/int128.hpp"
#include "data/bar_history.hpp"
#include "model/bar.hpp"
#include "model/numbers.hpp"

namespace alphaforge::data {

// A kept bar for state hashes and snapshots; its sequence follows from its position.
template <class Sink>
void describe_kept(Sink& sink, const KeptBar& kept) {
  const BarFigures& bar = kept.bar;
  for (const Price price : {bar.open, bar.high, bar.low, bar.close}) sink.number(price.mantissa);
  for (const int128 sum : {bar.volume.mantissa, bar.value.mantissa, bar.buy_volume.mantissa, bar.sell_volume.mantissa})
    sink.number(sum);
  for (const std::int64_t number :
       {bar.trade_count, bar.ts_open, bar.ts_event, bar.ts_init, std::int64_t{bar.revision}})
    sink.number(number);
  for (const bool flag : {bar.is_partial, bar.is_gap_fill, bar.is_oversize, kept.is_uncovered})
    sink.number(std::int64_t{flag});
  for (const std::int64_t number : {kept.ts_least, kept.ts_greatest, static_cast<std::int64_t>(kept.number)})
    sink.number(number);
}

}  // namespace alphaforge::data
