#include "model/instrument_definition.hpp"

#include <string>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/reason.hpp"
#include "model/commission.hpp"
#include "model/names.hpp"
#include "model/numbers.hpp"
#include "model/session.hpp"

namespace alphaforge {

namespace {

void demand(const InstrumentDefinition& definition, bool holds, const std::string& problem) {
  if (!holds)
    throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE, "instrument " + definition.instrument_id + ": " + problem);
}

}  // namespace

void check_definition(const InstrumentDefinition& definition) {
  check_name(definition.instrument_id, "instrument_id", kInstrumentIdBytesMax);
  check_optional_name(definition.currency, "currency", kCurrencyBytesMax);
  demand(definition, definition.tick_size.mantissa >= 0,
         "tick_size must be above 0, not " + to_string(definition.tick_size));
  demand(definition, definition.lot_size.mantissa >= 0,
         "lot_size must be above 0, not " + to_string(definition.lot_size));
  demand(definition, definition.multiplier > 0,
         "multiplier must be above 0, not " + format_decimal(definition.multiplier, kPlaces, 0));
  demand(definition, !definition.is_inverse || !definition.negative_prices,
         "an inverse contract can't have negative_prices, since it is worth multiplier / price");
  const CommissionTerms& commission = definition.commission;
  for (const auto& rate : {commission.maker_rate, commission.taker_rate})
    demand(definition, !rate || (*rate > -kUnit && *rate < kUnit),
           "commission rates must lie between -1 and 1, not " + format_decimal(rate.value_or(0), kPlaces, 0));
  demand(definition, !commission.least || !commission.most || *commission.least <= *commission.most,
         "min_commission is above max_commission");
  make_days(definition.session, definition.time_zone);
  if (!definition.session.empty() && !definition.calendar.empty())
    throw InvalidArgument(Reason::SETTING_INVALID, "instrument " + definition.instrument_id +
                                                       ": has both a session and a calendar; give one of them");
}

}  // namespace alphaforge
