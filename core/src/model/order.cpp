#include "model/order.hpp"

#include "base/error.hpp"
#include "model/names.hpp"

namespace alphaforge {

namespace {

constexpr std::int64_t kDayNs = 86'400'000'000'000;

bool has_limit(OrderType type) { return type == OrderType::kLimit || type == OrderType::kStopLimit; }
bool has_stop(OrderType type) { return type == OrderType::kStop || type == OrderType::kStopLimit; }

[[noreturn]] void malformed(const Order& order, Reason reason, const std::string& problem) {
  throw InvalidArgument(reason, "order " + order.order_id + ": " + problem);
}

void check_enums(const Order& order) {
  const auto within = [&order](auto member, int last, const char* what) {
    const int number = static_cast<int>(member);
    if (number < 1 || number > last)
      malformed(order, Reason::ENUM_UNKNOWN, std::string(what) + " has no member " + std::to_string(number));
  };
  within(order.side, 2, "side");
  within(order.type, 4, "order_type");
  within(order.time_in_force, 4, "time_in_force");
}

void check_price(const Order& order, bool wanted, const std::optional<Price>& price, const char* what) {
  const auto type = [&order] { return "a " + std::string(name_of(order.type)) + " order "; };
  if (wanted && !price) malformed(order, Reason::ORDER_FIELD_MISSING, type() + "needs a " + what);
  if (!wanted && price) malformed(order, Reason::ORDER_FIELD_SURPLUS, type() + "takes no " + what);
  if (!price) return;
  if (price->mantissa <= 0)
    malformed(order, Reason::PRICE_NOT_POSITIVE, std::string(what) + " must be above 0, not " + to_string(*price));
}

}  // namespace

void check_order(const Order& order) {
  check_name(order.order_id, "order_id", kOrderIdBytesMax);
  check_name(order.symbol, "symbol", kInstrumentIdBytesMax);
  if (!order.strategy_id.empty()) check_name(order.strategy_id, "strategy_id", kStrategyIdBytesMax);
  check_enums(order);
  if (order.quantity.mantissa <= 0)
    malformed(order, Reason::QUANTITY_NOT_POSITIVE, "quantity must be above 0, not " + to_string(order.quantity));
  check_price(order, has_limit(order.type), order.price, "price");
  check_price(order, has_stop(order.type), order.stop_price, "stop_price");
  if (order.post_only && !has_limit(order.type))
    malformed(order, Reason::ORDER_FIELD_SURPLUS, "a " + std::string(name_of(order.type)) + " order can't be post_only");
  if (order.created_at < 0 || order.created_at > INT64_MAX - kDayNs)
    malformed(order, Reason::TIME_OUT_OF_RANGE, "created_at must be nanoseconds since 1970, not " + std::to_string(order.created_at));
}

std::string_view name_of(OrderSide side) { return side == OrderSide::kBuy ? "Buy" : "Sell"; }

std::string_view name_of(OrderType type) {
  switch (type) {
    case OrderType::kMarket: return "Market";
    case OrderType::kLimit: return "Limit";
    case OrderType::kStop: return "Stop";
    case OrderType::kStopLimit: return "StopLimit";
  }
  return "";
}

std::string_view name_of(OrderStatus status) {
  switch (status) {
    case OrderStatus::kInitialized: return "Initialized";
    case OrderStatus::kSubmitted: return "Submitted";
    case OrderStatus::kPartiallyFilled: return "PartiallyFilled";
    case OrderStatus::kFilled: return "Filled";
    case OrderStatus::kCancelled: return "Cancelled";
    case OrderStatus::kRejected: return "Rejected";
  }
  return "";
}

std::string_view name_of(TimeInForce time_in_force) {
  switch (time_in_force) {
    case TimeInForce::kDay: return "Day";
    case TimeInForce::kGoodTillCancel: return "GoodTillCancel";
    case TimeInForce::kImmediateOrCancel: return "ImmediateOrCancel";
    case TimeInForce::kFillOrKill: return "FillOrKill";
  }
  return "";
}

std::string_view name_of(LiquiditySide side) { return side == LiquiditySide::kMaker ? "Maker" : "Taker"; }

std::string_view name_of(OrderEventType type) {
  switch (type) {
    case OrderEventType::kSubmitted: return "Submitted";
    case OrderEventType::kRejected: return "Rejected";
    case OrderEventType::kTriggered: return "Triggered";
    case OrderEventType::kFilled: return "Filled";
    case OrderEventType::kModified: return "Modified";
    case OrderEventType::kCancelled: return "Cancelled";
  }
  return "";
}

std::string_view name_of(RejectReason reason) {
  switch (reason) {
    case RejectReason::kNone: return "";
    case RejectReason::kHalted: return "HALTED";
    case RejectReason::kPostOnlyWouldTake: return "POST_ONLY_WOULD_TAKE";
    case RejectReason::kOrderQuantityLimit: return "ORDER_QUANTITY_LIMIT";
    case RejectReason::kOrderNotionalLimit: return "ORDER_NOTIONAL_LIMIT";
    case RejectReason::kOpenOrdersLimit: return "OPEN_ORDERS_LIMIT";
    case RejectReason::kOrderRateLimit: return "ORDER_RATE_LIMIT";
    case RejectReason::kOrderTooOld: return "ORDER_TOO_OLD";
    case RejectReason::kMarketDataStale: return "MARKET_DATA_STALE";
    case RejectReason::kInstrumentLimit: return "INSTRUMENT_LIMIT";
    case RejectReason::kValueOverflow: return "VALUE_OVERFLOW";
  }
  return "";
}

std::string_view name_of(CancelReason reason) {
  switch (reason) {
    case CancelReason::kNone: return "";
    case CancelReason::kRequested: return "REQUESTED";
    case CancelReason::kImmediateOrCancel: return "IMMEDIATE_OR_CANCEL";
    case CancelReason::kFillOrKill: return "FILL_OR_KILL";
    case CancelReason::kDayExpired: return "DAY_EXPIRED";
    case CancelReason::kPostOnlyWouldTake: return "POST_ONLY_WOULD_TAKE";
    case CancelReason::kSessionLapsed: return "SESSION_LAPSED";
    case CancelReason::kValueOverflow: return "VALUE_OVERFLOW";
  }
  return "";
}

}  // namespace alphaforge
