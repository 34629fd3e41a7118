#include "data/tick_run.hpp"

#include <cstddef>
#include <cstdint>

#include "base/int128.hpp"
#include "data/open_bar.hpp"
#include "model/trade_tick_batch.hpp"

namespace alphaforge::data {

std::size_t TickRun::join(const TradeTickBatch::Columns& ticks, std::size_t row, std::size_t end, std::int64_t clock) {
  const TradeTickBatch::Columns columns = ticks;  // copies that no store can change stay in registers
  TickRun run = *this;
  std::size_t at = row;
  while (at < end && run.join(print_of(columns, at), clock)) ++at;
  *this = run;
  return at - row;
}

Sums TickRun::sums(const Room& at_open) const {
  const std::int64_t quantity = at_open.quantity - room_.quantity;
  Sums sums;
  sums.amount[kTrades] = static_cast<uint128>(at_open.ticks - room_.ticks);
  sums.amount[kVolume] = static_cast<uint128>(quantity);
  sums.amount[kValue] = at_open.value - room_.value;
  sums.quantity_by_side = {static_cast<uint128>(quantity - buy_quantity_ - sell_quantity_),
                           static_cast<uint128>(buy_quantity_), static_cast<uint128>(sell_quantity_)};
  return sums;
}

}  // namespace alphaforge::data
