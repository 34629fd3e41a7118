#include "execution/money.hpp"

#include <cstdint>
#include <limits>
#include <optional>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/int128.hpp"
#include "execution/order_record.hpp"
#include "model/commission.hpp"
#include "model/instrument_definition.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"

namespace alphaforge::execution {

namespace {

// The quotient a*b/c, half to even; none if it does not fit 128 bits.
std::optional<int128> quotient_of(int128 a, int128 b, int128 c) {
  try {
    return multiply_divide_half_even(a, b, c);
  } catch (const InvalidArgument&) {
    return std::nullopt;
  }
}

std::optional<Price> as_price(std::optional<int128> mantissa) {
  using Limits = std::numeric_limits<std::int64_t>;
  if (!mantissa || *mantissa > Limits::max() || *mantissa < Limits::min()) return std::nullopt;
  return Price{static_cast<std::int64_t>(*mantissa)};
}

int128 as_value(Price amount) { return int128{amount.mantissa} * kUnit; }

// Adds the fee per contract and the fee per order, which is charged once.
bool add_fees(const CommissionTerms& terms, const OrderRecord& order, int128 quantity, Charge& charge) {
  unsigned rules = charge.rules;
  int128 by_quantity = 0;
  if (!checked_multiply(quantity, terms.per_contract.mantissa, by_quantity) ||
      !checked_add(charge.commission.mantissa, by_quantity, charge.commission.mantissa))
    return false;
  if (terms.per_contract.mantissa != 0) rules |= kPerContract;
  if (terms.per_order.mantissa != 0 && order.last_fill == nullptr) {
    rules |= kPerOrder;
    if (!checked_add(charge.commission.mantissa, as_value(terms.per_order), charge.commission.mantissa)) return false;
  }
  charge.rules = static_cast<std::uint8_t>(rules);
  return true;
}

// The order is charged what it has accrued, within the minimum and maximum; the fill is charged what the order has not
// been charged yet.
bool bound(const CommissionTerms& terms, const OrderRecord& order, Charge& charge) {
  int128 total = charge.accrued.mantissa;
  unsigned rules = charge.rules;
  if (terms.least && total < as_value(*terms.least)) {
    total = as_value(*terms.least);
    rules |= kMinimum;
  }
  if (terms.most && total > as_value(*terms.most)) {
    total = as_value(*terms.most);
    rules |= kMaximum;
  }
  charge.rules = static_cast<std::uint8_t>(rules);
  return checked_subtract(total, order.commission.mantissa, charge.commission.mantissa);
}

}  // namespace

bool contract_value(const InstrumentDefinition& definition, Price price, int128 quantity, Value& value) {
  // An inverse contract never trades at 0, but a damaged state may say so.
  if (definition.is_inverse && price.mantissa == 0) return false;
  int128 product = 0;
  if (!checked_multiply(quantity, definition.is_inverse ? definition.multiplier : price.mantissa, product))
    return false;
  const auto found = definition.is_inverse ? quotient_of(product, kUnit, price.mantissa)
                                           : quotient_of(product, definition.multiplier, kUnit);
  if (found) value.mantissa = *found;
  return found.has_value();
}

std::optional<Price> contract_price(const InstrumentDefinition& definition, int128 value, int128 quantity) {
  int128 contracts = 0;
  if (!checked_multiply(quantity, definition.multiplier, contracts)) return std::nullopt;
  if (!definition.is_inverse) return as_price(quotient_of(value, kUnit, contracts));
  return value == 0 ? std::nullopt : as_price(quotient_of(contracts, kUnit, value));
}

std::optional<Price> average_price(const InstrumentDefinition* definition, int128 value, int128 quantity) {
  if (quantity == 0) return std::nullopt;
  if (definition != nullptr && !definition->is_plain()) return contract_price(*definition, value, quantity);
  return as_price(divide_half_even(value, quantity));
}

bool charge_fill(const InstrumentDefinition* definition, std::int64_t rate, LiquiditySide liquidity_side,
                 const OrderRecord& order, Value value, int128 quantity, Charge& charge) {
  const CommissionTerms* const terms = definition == nullptr ? nullptr : &definition->commission;
  if (terms != nullptr)
    rate = (liquidity_side == LiquiditySide::kMaker ? terms->maker_rate : terms->taker_rate).value_or(rate);
  if (rate != 0) {
    charge.rules = kRate;
    charge.commission.mantissa = multiply_divide_half_even(magnitude(value).mantissa, rate, kUnit);
  }
  const int128 before = order.last_fill == nullptr ? 0 : order.last_fill->accrued.mantissa;
  if (terms != nullptr && !add_fees(*terms, order, quantity, charge)) return false;
  if (!checked_add(before, charge.commission.mantissa, charge.accrued.mantissa)) return false;
  return terms == nullptr || bound(*terms, order, charge);
}

}  // namespace alphaforge::execution
