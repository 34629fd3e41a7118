#include "data/rejection.hpp"

#include <cstddef>
#include <string>

#include "base/reason.hpp"
#include "model/numbers.hpp"
#include "model/trade_tick_batch.hpp"

namespace alphaforge::data {

std::string message_of(const Rejection& rejection, const TradeTickBatch& ticks) {
  const std::size_t row = rejection.row;
  switch (rejection.reason) {
    case Reason::PRICE_NOT_POSITIVE:
      return "price " + to_string(Price{ticks.prices[row]}) + " is not above 0";
    case Reason::QUANTITY_NOT_POSITIVE:
      return "quantity is 0; only an engine with zero_quantity=\"price_only\" accepts such ticks";
    case Reason::TIME_OUT_OF_RANGE:
      return "ts_event " + std::to_string(ticks.ts_event[row]) +
             " is out of range: expected nanoseconds since 1970, at least a day below 2^63";
    case Reason::TIME_AHEAD:
      return "ts_event " + std::to_string(ticks.ts_event[row]) +
             " is more than max_time_jump_ns after the tick was received";
    case Reason::INSTRUMENT_LIMIT:
      return "instrument " + ticks.instrument_ids[ticks.instrument_of(row)] +
             " is new, and the engine already has max_instruments instruments";
    case Reason::VALUE_OVERFLOW:
      return "price x quantity, or a bar's sum of it, exceeds 1.7e20";
    default:
      return std::string(name_of(rejection.reason));
  }
}

}  // namespace alphaforge::data
