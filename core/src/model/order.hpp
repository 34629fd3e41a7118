#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/int128.hpp"
#include "model/numbers.hpp"

namespace alphaforge {

// These enumerations have the numbers of the wire.
enum class OrderSide : std::uint8_t { kBuy = 1, kSell = 2 };
enum class OrderType : std::uint8_t {
  kMarket = 1,
  kLimit = 2,
  kStop = 3,
  kStopLimit = 4,
  kTrailingStop = 5,
  kTrailingStopLimit = 6
};
constexpr bool is_trailing(OrderType type) {
  return type == OrderType::kTrailingStop || type == OrderType::kTrailingStopLimit;
}
// What the offset of a trailing stop counts.
enum class TrailingOffsetType : std::uint8_t { kNone = 0, kPrice = 1, kBasisPoints = 2, kTicks = 3 };
enum class TimeInForce : std::uint8_t {
  kDay = 1,
  kGoodTillCancel = 2,
  kImmediateOrCancel = 3,
  kFillOrKill = 4,
  kGoodTillDate = 5
};
// The types of groups of orders (rule 3.21).
enum class OrderGroupType : std::uint8_t { kNone = 0, kOneCancelsOther = 1, kOneTriggersOther = 2, kBracket = 3 };
enum class LiquiditySide : std::uint8_t { kMaker = 1, kTaker = 2 };

// Initialized -> Submitted | Rejected; Submitted -> PartiallyFilled | Filled | Cancelled; PartiallyFilled ->
// PartiallyFilled | Filled | Cancelled. The last three and Rejected are final, always.
enum class OrderStatus : std::uint8_t {
  kInitialized = 1,
  kSubmitted = 2,
  kPartiallyFilled = 3,
  kFilled = 4,
  kCancelled = 5,
  kRejected = 6
};

constexpr bool is_active(OrderStatus status) {
  return status == OrderStatus::kSubmitted || status == OrderStatus::kPartiallyFilled;
}
constexpr bool is_final(OrderStatus status) {
  return status == OrderStatus::kFilled || status == OrderStatus::kCancelled || status == OrderStatus::kRejected;
}

// Why a rule refused a well-formed order.
enum class RejectReason : std::uint8_t {
  kNone = 0,
  kHalted = 1,
  kPostOnlyWouldTake = 2,
  kOrderQuantityLimit = 3,
  kOrderNotionalLimit = 4,
  kOpenOrdersLimit = 5,
  kOrderRateLimit = 6,
  kOrderTooOld = 7,  // created no later than a forgotten order, which it may repeat
  kMarketDataStale = 8,
  kInstrumentLimit = 9,
  kValueOverflow = 10,
  kExpireTimePassed = 11,
  kNothingToReduce = 12,
  kInstrumentUnknown = 13,
  kPriceOffGrid = 14,
  kQuantityOffGrid = 15,
  kLossLimit = 16,
  kTickSizeUnknown = 17,
  kOutsideCalendar = 30,  // a DAY order at a time that the calendar of its instrument doesn't cover
};

// Why an order ended Cancelled.
enum class CancelReason : std::uint8_t {
  kNone = 0,
  kRequested = 1,
  kImmediateOrCancel = 2,  // what an IOC could not fill on arrival
  kFillOrKill = 3,         // a FOK that could not fill in full
  kDayExpired = 4,
  kPostOnlyWouldTake = 5,  // when it arrived after its submission
  kSessionLapsed = 6,
  kValueOverflow = 7,  // a fill whose value, or a sum with it, does not fit 128 bits
  kDateExpired = 8,
  kNothingToReduce = 9,
  kGroupFilled = 30,     // its siblings have filled the remainder that they share
  kGroupCancelled = 31,  // a sibling was cancelled, or its parent ended without a fill
};

enum class OrderEventType : std::uint8_t {
  kSubmitted = 1,
  kRejected = 2,
  kTriggered = 3,
  kFilled = 4,  // in part or in full: the status tells
  kCancelled = 5,
  kModified = 6,
};

// One execution of one order. `number` counts from 1 within its order; the id is made of both, so it is the same in
// every run.
struct Fill {
  std::string order_id;
  std::string symbol;
  std::string strategy_id;
  OrderSide side = OrderSide::kBuy;
  std::uint32_t number = 0;
  Price price;
  Quantity quantity;
  Value value;  // rule 3.28
  Value commission;
  LiquiditySide liquidity_side = LiquiditySide::kTaker;
  std::uint8_t commission_rules = 0;  // a sum of CommissionRules
  std::string trade_id;               // of the tick behind the fill; may be empty
  std::int64_t ts_event = 0;          // of the tick behind the fill
  std::int64_t sequence = 0;          // of its event

  std::string fill_id() const { return order_id + "-" + std::to_string(number); }
  bool operator==(const Fill&) const = default;
};

// An order and, if returned by the engine, its state at that time. Times are nanoseconds since the Unix epoch, for
// information only (rule 1.6).
struct Order {
  std::string order_id;
  std::string symbol;
  std::string strategy_id;
  OrderSide side = OrderSide::kBuy;
  OrderType type = OrderType::kMarket;
  TimeInForce time_in_force = TimeInForce::kDay;
  bool post_only = false;
  Quantity quantity;
  std::optional<Price> price;       // limit and stop-limit
  std::optional<Price> stop_price;  // stop and stop-limit
  std::int64_t created_at = 0;
  std::optional<std::int64_t> expire_time;  // market time; good till date
  bool reduce_only = false;
  // Trailing stops: how far the stop is from the extreme, and the limit from the stop, with nine places; whole numbers
  // if they are in ticks.
  std::optional<Price> trailing_offset;
  TrailingOffsetType trailing_offset_type = TrailingOffsetType::kNone;
  std::optional<Price> activation_price;
  std::optional<Price> limit_offset;
  OrderGroupType group_type = OrderGroupType::kNone;
  std::string group_id;  // of an order of a group: the id of its first order

  OrderStatus status = OrderStatus::kInitialized;
  RejectReason reject_reason = RejectReason::kNone;
  CancelReason cancel_reason = CancelReason::kNone;
  Quantity filled_quantity;
  std::optional<Price> avg_fill_price;  // value / quantity of the fills, half to even at nine places; for show only
  Value commission;
  std::optional<std::int64_t> submitted_at;
  std::optional<std::int64_t> updated_at;
  std::optional<std::int64_t> triggered_at;  // market time of the trigger
  std::uint32_t fill_count = 0;
  std::vector<Fill> fills;  // empty in lists requested without fills

  // quantity - filled_quantity; for a final order, the quantity that was never filled.
  Quantity leaves_quantity() const { return {quantity.mantissa - filled_quantity.mantissa}; }
  bool operator==(const Order&) const = default;
};

// Whether a limit, stop or activation price is 0 or below.
bool has_negative_prices(const Order& order);

// Throws InvalidArgument if `order` is malformed: an invalid id, a number not above 0, a missing or surplus price, an
// unknown enumeration member, post_only where nothing could rest (rule 3.3). With `negative_prices`, its prices may be
// 0 or below.
void check_order(const Order& order, bool negative_prices = false);

// One change of one order. `sequence` is gapless per engine, from 1; status and quantities are those after the change.
// The same inputs give the same events, byte for byte.
struct OrderEvent {
  std::int64_t sequence = 0;
  OrderEventType type = OrderEventType::kSubmitted;
  std::string order_id;
  std::string symbol;
  std::string strategy_id;
  std::int64_t ts_event = 0;  // of the tick that caused it, else the symbol's market time; 0 before any tick
  OrderStatus status = OrderStatus::kInitialized;
  Quantity filled_quantity;
  Quantity leaves_quantity;
  RejectReason reject_reason = RejectReason::kNone;  // for kRejected
  CancelReason cancel_reason = CancelReason::kNone;  // for kCancelled
  std::optional<Order> order;                        // as submitted, for kSubmitted and kRejected
  std::optional<Fill> fill;                          // for kFilled
  // The new terms, for kModified; prices for kTriggered, if it trailed; for kSubmitted, if they were rounded.
  std::optional<Quantity> quantity;
  std::optional<Price> price;
  std::optional<Price> stop_price;

  bool operator==(const OrderEvent&) const = default;
};

// A strategy's position in a symbol. Amounts are exact at eighteen places; the PnL excludes commission.
struct Position {
  std::string strategy_id;
  std::string symbol;
  int128 net_quantity = 0;             // nine places; negative when short
  std::optional<Price> average_price;  // cost / net_quantity, half to even at nine places; none when flat
  Value cost;                          // of the open quantity, negative when short
  Value realized_pnl;
  Value unrealized_pnl;
  Value commission;
  std::optional<Price> last_price;  // of the last tick; unrealized_pnl and exposure are at this price
  Value exposure;                   // what it is worth, negative when short
  bool operator==(const Position&) const = default;
};

// The members' public names: "Buy", "StopLimit", "PartiallyFilled".
std::string_view name_of(OrderSide side);
std::string_view name_of(OrderType type);
std::string_view name_of(OrderStatus status);
std::string_view name_of(TimeInForce time_in_force);
std::string_view name_of(TrailingOffsetType type);
std::string_view name_of(LiquiditySide side);
std::string_view name_of(OrderEventType type);
// "HALTED", "DAY_EXPIRED": the wire's names; empty for kNone.
std::string_view name_of(RejectReason reason);
std::string_view name_of(CancelReason reason);

}  // namespace alphaforge
