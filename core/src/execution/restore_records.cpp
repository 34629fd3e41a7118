#include "execution/restore_records.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/snapshot_codec.hpp"
#include "base/time.hpp"
#include "execution/group_record.hpp"
#include "execution/instrument.hpp"
#include "execution/money.hpp"
#include "execution/order_record.hpp"
#include "execution/snapshot_format.hpp"
#include "execution/trailing.hpp"
#include "model/commission.hpp"
#include "model/instrument_definition.hpp"
#include "model/names.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"
#include "model/order_group.hpp"
#include "model/session.hpp"
#include "model/trading_calendar.hpp"

namespace alphaforge::execution {

namespace {

// No engine reaches this number, so smaller ones can be incremented safely.
constexpr std::int64_t kCountMax = std::int64_t{1} << 62;

}  // namespace

std::int64_t read_count(SnapshotReader& in) {
  const std::int64_t count = in.number();
  demand(count >= 0 && count <= kCountMax, "a counter is out of range");
  return count;
}

std::int64_t read_market_time(SnapshotReader& in) {
  const std::int64_t time = in.number();
  demand(time == kNoTime || is_time(time), "a time is out of range");
  return time;
}

namespace {

std::int64_t read_offset(SnapshotReader& in) {
  const std::int64_t offset = in.number();
  demand(offset >= 0, "an offset is negative");
  return offset;
}

// A price that a trailing stop may lack; earlier releases wrote a missing one as 0.
std::int64_t read_later_price(SnapshotReader& in, const Instrument& instrument, std::int64_t version) {
  const std::int64_t price = in.number();
  if (version < kNegativePricesVersion && price == 0) return kNoPrice.mantissa;
  demand(price == kNoPrice.mantissa || is_tradable({price}, instrument.has_negative_prices()),
         "a price is out of range");
  return price;
}

}  // namespace

std::int64_t read_price(SnapshotReader& in, const Instrument& instrument) {
  const std::int64_t price = in.number();
  demand(price == 0 || is_tradable({price}, instrument.has_negative_prices()), "a price is negative");
  return price;
}

int128 read_quantity(SnapshotReader& in) {
  const int128 quantity = in.wide();
  demand(quantity >= 0, "a quantity is negative");
  return quantity;
}

int128 read_amount(SnapshotReader& in) {
  const int128 amount = in.wide();
  demand(amount != std::numeric_limits<int128>::min(), "an amount is out of range");
  return amount;
}

int128 read_cost(SnapshotReader& in, const Instrument& instrument) {
  return instrument.has_negative_prices() ? read_amount(in) : read_quantity(in);
}

Terms read_terms(SnapshotReader& in, const OrderRecord& order, std::int64_t version) {
  Terms terms;
  terms.quantity.mantissa = read_quantity(in);
  for (Price* const price : {&terms.price, &terms.stop_price})
    price->mantissa =
        is_trailing(order.type) ? read_later_price(in, *order.instrument, version) : read_price(in, *order.instrument);
  return terms;
}

namespace {

// Reads where each cohort of trailing stops begins, and its extreme. An older cohort has a better extreme.
void read_beginnings(SnapshotReader& in, TrailingStops& stops, OrderSide side) {
  std::int64_t last = -1, last_extreme = 0;
  for (std::int64_t rest = in.count(); rest > 0; --rest) {
    const std::int64_t since = read_count(in);
    const std::int64_t extreme = in.number();
    const bool is_worse = side == OrderSide::kBuy ? extreme > last_extreme : extreme < last_extreme;
    demand(since > last && (last < 0 || is_worse), "a cohort of trailing stops is wrong");
    stops.restore(last = since, {last_extreme = extreme});
  }
}

void read_trailing(SnapshotReader& in, Instrument& instrument) {
  instrument.trailing = std::make_unique<Trailing>();
  read_beginnings(in, instrument.trailing->buys, OrderSide::kBuy);
  read_beginnings(in, instrument.trailing->sells, OrderSide::kSell);
  if (instrument.trailing->buys.beginnings().empty() && instrument.trailing->sells.beginnings().empty())
    instrument.trailing.reset();
}

std::unique_ptr<const InstrumentDefinition> read_definition(SnapshotReader& in, const std::string& instrument_id,
                                                            std::int64_t version) {
  auto definition = std::make_unique<InstrumentDefinition>();
  definition->instrument_id = instrument_id;
  definition->currency = in.text(kCurrencyBytesMax);
  definition->tick_size.mantissa = read_offset(in);
  definition->lot_size.mantissa = read_quantity(in);
  definition->multiplier = in.number();
  definition->is_inverse = in.flag();
  definition->off_grid = in.member<OffGrid>(1, 2);
  demand(definition->multiplier > 0, "a multiplier is out of range");
  CommissionTerms& commission = definition->commission;
  for (auto* const rate : {&commission.maker_rate, &commission.taker_rate}) {
    const bool has_one = in.flag();
    const std::int64_t number = in.number();
    demand(number > -kUnit && number < kUnit, "a rate is out of range");
    if (has_one) *rate = number;
  }
  commission.per_contract.mantissa = in.number();
  commission.per_order.mantissa = in.number();
  for (auto* const amount : {&commission.least, &commission.most}) {
    const bool has_one = in.flag();
    const Price price{in.number()};
    if (has_one) *amount = price;
  }
  demand(!commission.least || !commission.most || *commission.least <= *commission.most,
         "a commission's bounds are wrong");
  if (version < kSessionsVersion) return definition;
  definition->session = in.text(kSessionBytesMax);
  definition->time_zone = in.text(kZoneRulesBytesMax);
  if (version < kCalendarsVersion) return definition;
  definition->calendar = in.text(kCalendarBytesMax);
  if (version < kNegativePricesVersion) return definition;
  definition->negative_prices = in.flag();
  demand(!definition->negative_prices || !definition->is_inverse, "an inverse contract has negative prices");
  return definition;
}

// Checks that the last price and the extremes of trailing stops are prices that the instrument may have.
void check_prices(const Instrument& instrument) {
  const bool negative_prices = instrument.has_negative_prices();
  demand(!instrument.has_price || is_tradable(instrument.last_price, negative_prices), "a last price is missing");
  demand(instrument.has_price || instrument.last_price.mantissa == 0, "a last price is out of range");
  if (instrument.trailing == nullptr) return;
  for (const TrailingStops* const stops : {&instrument.trailing->buys, &instrument.trailing->sells})
    for (const auto& [since, extreme] : stops->beginnings())
      demand(is_tradable(extreme, negative_prices), "a cohort of trailing stops is wrong");
}

void read_own_definition(SnapshotReader& in, Instrument& instrument, std::int64_t version) {
  instrument.definition = read_definition(in, instrument.id, version);
  try {
    instrument.days = make_days(instrument.definition->session, instrument.definition->time_zone);
  } catch (const InvalidArgument&) {
    demand(false, "the session of an instrument is wrong");
  }
}

}  // namespace

void read_instrument(SnapshotReader& in, Instrument& instrument, std::int64_t version) {
  instrument.market_time = read_market_time(in);
  instrument.has_price = in.flag();
  instrument.last_price.mantissa = in.number();
  instrument.last_ts_event = read_market_time(in);
  instrument.last_trade_id = in.text(kTradeIdBytesMax);
  instrument.buy_pool.mantissa = read_quantity(in);
  instrument.sell_pool.mantissa = read_quantity(in);
  instrument.last_id_at = read_count(in);
  if (version >= kOptionsVersion) read_trailing(in, instrument);
  if (version >= kDefinitionsVersion && in.flag()) read_own_definition(in, instrument, version);
  check_prices(instrument);
}

void read_window(SnapshotReader& in, Instrument& instrument) {
  for (std::int64_t rest = in.count(); rest > 0; --rest) {
    const auto fingerprint = static_cast<std::uint64_t>(in.number());
    demand(fingerprint != 0 && !instrument.seen.contains(fingerprint), "a fingerprint occurs twice");
    instrument.seen.push(fingerprint);
  }
}

bool is_price(const InstrumentDefinition* definition, Value cost, int128 quantity) {
  int128 most = 0;
  if (definition != nullptr && !definition->is_plain()) return quantity != 0 || cost.mantissa == 0;
  return !checked_multiply(quantity < 0 ? -quantity : quantity, INT64_MAX, most) || magnitude(cost).mantissa <= most;
}

namespace {

// Whether an active order can be in that queue.
bool may_be_at(const OrderRecord& order, Place place) {
  const bool is_stop = order.is_stop() && !order.is_triggered();
  switch (place) {
    case Place::kNowhere:
      return false;
    case Place::kLimits:
      return order.has_limit() && !is_stop;
    case Place::kStops:
      return is_stop && !order.is_trailing();
    case Place::kWaiting:
      return !order.has_limit() && !is_stop;
    case Place::kArriving:
      return !is_stop;
    case Place::kInactive:
      return is_stop && order.is_trailing() && order.trail->since == kNoTime;
    case Place::kTrailing:
      return is_stop && order.is_trailing() && order.trail->since != kNoTime;
    case Place::kAsleep:
      return true;
  }
  return false;
}

TrailTerms read_trail_terms(SnapshotReader& in, const Instrument& instrument, std::int64_t version) {
  TrailTerms terms;
  terms.type = in.member<TrailingOffsetType>(1, version >= kTicksVersion ? 3 : 2);
  terms.offset.mantissa = read_offset(in);
  terms.limit_offset.mantissa = read_offset(in);
  terms.activation_price.mantissa = read_later_price(in, instrument, version);
  const std::int64_t most = terms.type == TrailingOffsetType::kBasisPoints ? 10'000 * kUnit - 1 : INT64_MAX;
  const bool is_whole = terms.offset.mantissa % kUnit == 0 && terms.limit_offset.mantissa % kUnit == 0;
  demand(is_whole || terms.type != TrailingOffsetType::kTicks, "an offset in ticks is not a whole number");
  demand(terms.offset.mantissa > 0 && terms.offset.mantissa <= most, "a trailing offset is out of range");
  demand(terms.limit_offset.mantissa <= most, "a limit's offset is out of range");
  return terms;
}

void read_trail(SnapshotReader& in, const OrderRecord& order, std::int64_t version) {
  Trail& trail = *order.trail;
  const bool is_rejected = order.status == OrderStatus::kRejected;
  trail.terms = read_trail_terms(in, *order.instrument, version);
  trail.since = in.number();
  trail.submitted_terms =
      version >= kDefinitionsVersion ? read_trail_terms(in, *order.instrument, version) : trail.terms;
  demand(is_rejected || trail.terms.type != TrailingOffsetType::kTicks, "a trailing stop has an offset in ticks");
  demand(trail.since == kNoTime || trail.since >= 0, "a trailing stop's beginning is out of range");
}

// Whether the order has exactly the prices of its type; a trailing stop gets its prices when it ends or triggers.
bool has_its_prices(const OrderRecord& order, const Terms& terms) {
  const auto is_right = [&order](bool has_one, Price price) {
    return has_one ? is_tradable(price, order.instrument->has_negative_prices()) : price.mantissa == 0;
  };
  if (!order.is_trailing())
    return is_right(order.has_limit(), terms.price) && is_right(order.is_stop(), terms.stop_price);
  const bool has_limit = terms.price != kNoPrice, has_stop = terms.stop_price != kNoPrice;
  if (&terms == &order.submitted_terms || order.place == Place::kInactive || order.place == Place::kTrailing)
    return !has_limit && !has_stop;
  return has_limit == (has_stop && order.has_limit()) && (has_stop || !order.is_triggered());
}

}  // namespace

bool read_order(SnapshotReader& in, OrderRecord& order, std::int64_t version,
                const std::function<void(OrderRecord&)>& add_trail) {
  order.side = in.member<OrderSide>(1, 2);
  order.type = in.member<OrderType>(1, 6);
  order.time_in_force = in.member<TimeInForce>(1, 5);
  order.status = in.member<OrderStatus>(1, 6);
  order.reject_reason = in.member<RejectReason>(0, 30);
  demand(order.reject_reason == RejectReason::kNone || !name_of(order.reject_reason).empty(), "a reason is unknown");
  order.cancel_reason = in.member<CancelReason>(0, 31);
  demand(order.cancel_reason == CancelReason::kNone || !name_of(order.cancel_reason).empty(), "a reason is unknown");
  order.place = in.member<Place>(0, 7);
  const auto flags = in.member<std::uint8_t>(0, version >= kGroupsVersion ? 3 : 1);
  order.post_only = (flags & 1U) != 0;
  const bool is_grouped = (flags & 2U) != 0;
  order.terms = read_terms(in, order, version);
  order.submitted_terms = read_terms(in, order, version);
  order.filled_quantity.mantissa = read_quantity(in);
  order.filled_value.mantissa = read_amount(in);
  order.commission.mantissa = read_amount(in);
  order.priority = static_cast<std::uint64_t>(read_count(in));
  order.created_at = in.number();
  order.submitted_at = in.number();
  order.updated_at = in.number();
  order.triggered_at = read_market_time(in);
  order.expires_at = in.number();
  order.last_event = read_count(in);
  order.reduce_only = version >= kOptionsVersion && in.flag();
  if (is_trailing(order.type)) {
    demand(version >= kOptionsVersion, "an enumeration has no such member");
    add_trail(order);
    read_trail(in, order, version);
  }
  demand(!order.expire_time() || is_time(*order.expire_time()), "an order's date is out of range");
  demand(is_final(order.status) ? order.place == Place::kNowhere : may_be_at(order, order.place),
         "an order's place is wrong");
  demand(order.place == Place::kAsleep ? is_grouped : order.status != OrderStatus::kInitialized,
         "an order without a parent is asleep");
  demand(!is_grouped || version >= kTicksVersion || !(order.reduce_only || order.is_trailing()),
         "an order can't be in a group");
  demand(order.place != Place::kAsleep || !order.is_trailing() || order.is_triggered() || order.trail->since == kNoTime,
         "a sleeping trailing stop trails");
  for (const Terms* terms : {&order.terms, &order.submitted_terms}) {
    demand(terms->quantity.mantissa > 0, "an order has no quantity");
    demand(has_its_prices(order, *terms), "an order's prices are wrong");
  }
  return is_grouped;
}

GroupRecord read_group(SnapshotReader& in) {
  GroupRecord group;
  group.number = read_count(in);
  group.id = OrderId(in.text(kOrderIdBytesMax));
  group.type = in.member<OrderGroupType>(1, 3);
  group.size = in.member<std::uint8_t>(2, kGroupOrdersMax);
  group.greatest.mantissa = read_quantity(in);
  group.filled.mantissa = read_quantity(in);
  group.filled_by_parent.mantissa = read_quantity(in);
  group.released.mantissa = read_quantity(in);
  group.due_since = read_count(in);
  return group;
}

bool is_alike(const GroupRecord& one, const GroupRecord& other) {
  return one.id.view() == other.id.view() && one.type == other.type && one.size == other.size &&
         one.greatest == other.greatest && one.filled == other.filled &&
         one.filled_by_parent == other.filled_by_parent && one.released == other.released &&
         one.due_since == other.due_since;
}

}  // namespace alphaforge::execution
