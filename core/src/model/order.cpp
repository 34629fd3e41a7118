#include "model/order.hpp"

#include <optional>
#include <string>
#include <string_view>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/reason.hpp"
#include "base/time.hpp"
#include "model/names.hpp"
#include "model/numbers.hpp"

namespace alphaforge {

namespace {

bool has_limit(OrderType type) { return type == OrderType::kLimit || type == OrderType::kStopLimit; }
bool has_stop(OrderType type) { return type == OrderType::kStop || type == OrderType::kStopLimit; }

[[noreturn]] void malformed(const Order& order, Reason reason, const std::string& problem) {
  throw InvalidArgument(reason, "order " + order.order_id + ": " + problem);
}

void check_enums(const Order& order) {
  const auto within = [&order](auto member, int last, const char* what) {
    const int number = static_cast<int>(member);
    if (number < 1 || number > last)
      malformed(order, Reason::ENUM_UNKNOWN, "unknown " + std::string(what) + " " + std::to_string(number));
  };
  within(order.side, 2, "side");
  within(order.type, 6, "order_type");
  within(order.time_in_force, 5, "time_in_force");
}

void check_price(const Order& order, bool wanted, const std::optional<Price>& price, bool negative_prices,
                 const char* what) {
  const auto type = [&order] { return "a " + std::string(name_of(order.type)) + " order "; };
  if (wanted && !price) malformed(order, Reason::ORDER_FIELD_MISSING, type() + "needs a " + what);
  if (!wanted && price) malformed(order, Reason::ORDER_FIELD_SURPLUS, type() + "takes no " + what);
  if (!price) return;
  if (!is_tradable(*price, negative_prices))
    malformed(order, Reason::PRICE_NOT_POSITIVE, what + untradable(*price, negative_prices));
}

// An offset; one in basis points is below 100 %, one in ticks a whole number.
void check_offset(const Order& order, bool wanted, const std::optional<Price>& offset, bool may_be_zero,
                  const char* what) {
  const auto type = [&order] { return "a " + std::string(name_of(order.type)) + " order "; };
  if (wanted && !offset) malformed(order, Reason::ORDER_FIELD_MISSING, type() + "needs a " + what);
  if (!wanted && offset) malformed(order, Reason::ORDER_FIELD_SURPLUS, type() + "takes no " + what);
  if (!offset) return;
  if (offset->mantissa < 0 || (offset->mantissa == 0 && !may_be_zero))
    malformed(order, Reason::PRICE_NOT_POSITIVE, std::string(what) + " must be above 0, not " + to_string(*offset));
  if (order.trailing_offset_type == TrailingOffsetType::kBasisPoints && offset->mantissa >= 10'000 * kUnit)
    malformed(order, Reason::NUMBER_OUT_OF_RANGE,
              std::string(what) + " must be below 10,000 basis points, not " + to_string(*offset));
  if (order.trailing_offset_type == TrailingOffsetType::kTicks && offset->mantissa % kUnit != 0)
    malformed(order, Reason::NUMBER_OUT_OF_RANGE,
              std::string(what) + " must be a whole number of ticks, not " + to_string(*offset));
}

void check_trail(const Order& order, bool negative_prices) {
  const bool trails = is_trailing(order.type);
  const int type = static_cast<int>(order.trailing_offset_type);
  if (type > 3 || (trails && type < 1))
    malformed(order, Reason::ENUM_UNKNOWN, "unknown trailing_offset_type " + std::to_string(type));
  if (!trails && type != 0)
    malformed(order, Reason::ORDER_FIELD_SURPLUS,
              "a " + std::string(name_of(order.type)) + " order takes no trailing_offset_type");
  check_offset(order, trails, order.trailing_offset, false, "trailing_offset");
  check_offset(order, order.type == OrderType::kTrailingStopLimit, order.limit_offset, true, "limit_offset");
  check_price(order, trails && order.activation_price, order.activation_price, negative_prices, "activation_price");
}

void check_expire_time(const Order& order) {
  const auto tif = [&order] { return "a " + std::string(name_of(order.time_in_force)) + " order "; };
  if (!order.expire_time) malformed(order, Reason::ORDER_FIELD_MISSING, tif() + "needs an expire_time_ns");
  if (order.time_in_force != TimeInForce::kGoodTillDate)
    malformed(order, Reason::ORDER_FIELD_SURPLUS, tif() + "takes no expire_time_ns");
  if (!is_time(*order.expire_time))
    malformed(order, Reason::TIME_OUT_OF_RANGE,
              "expire_time_ns must be nanoseconds since 1970, not " + std::to_string(*order.expire_time));
}

// Most orders have none.
bool has_trail(const Order& order) {
  return is_trailing(order.type) || order.trailing_offset_type != TrailingOffsetType::kNone || order.trailing_offset ||
         order.limit_offset || order.activation_price;
}

}  // namespace

bool has_negative_prices(const Order& order) {
  const auto is_negative = [](const std::optional<Price>& price) { return price && price->mantissa <= 0; };
  return is_negative(order.price) || is_negative(order.stop_price) || is_negative(order.activation_price);
}

void check_order(const Order& order, bool negative_prices) {
  check_name(order.order_id, "order_id", kOrderIdBytesMax);
  check_name(order.symbol, "symbol", kInstrumentIdBytesMax);
  if (!order.strategy_id.empty()) check_name(order.strategy_id, "strategy_id", kStrategyIdBytesMax);
  check_enums(order);
  if (order.quantity.mantissa <= 0)
    malformed(order, Reason::QUANTITY_NOT_POSITIVE, "quantity must be above 0, not " + to_string(order.quantity));
  check_price(order, has_limit(order.type), order.price, negative_prices, "price");
  check_price(order, has_stop(order.type), order.stop_price, negative_prices, "stop_price");
  if (has_trail(order)) [[unlikely]]
    check_trail(order, negative_prices);
  if (order.time_in_force == TimeInForce::kGoodTillDate || order.expire_time) [[unlikely]]
    check_expire_time(order);
  if (order.post_only && !has_limit(order.type) && order.type != OrderType::kTrailingStopLimit)
    malformed(order, Reason::ORDER_FIELD_SURPLUS,
              "a " + std::string(name_of(order.type)) + " order can't be post_only");
  if (!is_time(order.created_at))
    malformed(order, Reason::TIME_OUT_OF_RANGE,
              "created_at must be nanoseconds since 1970, not " + std::to_string(order.created_at));
}

std::string_view name_of(OrderSide side) { return side == OrderSide::kBuy ? "Buy" : "Sell"; }

std::string_view name_of(OrderType type) {
  switch (type) {
    case OrderType::kMarket:
      return "Market";
    case OrderType::kLimit:
      return "Limit";
    case OrderType::kStop:
      return "Stop";
    case OrderType::kStopLimit:
      return "StopLimit";
    case OrderType::kTrailingStop:
      return "TrailingStop";
    case OrderType::kTrailingStopLimit:
      return "TrailingStopLimit";
  }
  return "";
}

std::string_view name_of(TrailingOffsetType type) {
  switch (type) {
    case TrailingOffsetType::kNone:
      return "";
    case TrailingOffsetType::kPrice:
      return "Price";
    case TrailingOffsetType::kBasisPoints:
      return "BasisPoints";
    case TrailingOffsetType::kTicks:
      return "Ticks";
  }
  return "";
}

std::string_view name_of(OrderStatus status) {
  switch (status) {
    case OrderStatus::kInitialized:
      return "Initialized";
    case OrderStatus::kSubmitted:
      return "Submitted";
    case OrderStatus::kPartiallyFilled:
      return "PartiallyFilled";
    case OrderStatus::kFilled:
      return "Filled";
    case OrderStatus::kCancelled:
      return "Cancelled";
    case OrderStatus::kRejected:
      return "Rejected";
  }
  return "";
}

std::string_view name_of(TimeInForce time_in_force) {
  switch (time_in_force) {
    case TimeInForce::kDay:
      return "Day";
    case TimeInForce::kGoodTillCancel:
      return "GoodTillCancel";
    case TimeInForce::kImmediateOrCancel:
      return "ImmediateOrCancel";
    case TimeInForce::kFillOrKill:
      return "FillOrKill";
    case TimeInForce::kGoodTillDate:
      return "GoodTillDate";
  }
  return "";
}

std::string_view name_of(LiquiditySide side) { return side == LiquiditySide::kMaker ? "Maker" : "Taker"; }

std::string_view name_of(OrderEventType type) {
  switch (type) {
    case OrderEventType::kSubmitted:
      return "Submitted";
    case OrderEventType::kRejected:
      return "Rejected";
    case OrderEventType::kTriggered:
      return "Triggered";
    case OrderEventType::kFilled:
      return "Filled";
    case OrderEventType::kModified:
      return "Modified";
    case OrderEventType::kCancelled:
      return "Cancelled";
  }
  return "";
}

std::string_view name_of(RejectReason reason) {
  switch (reason) {
    case RejectReason::kNone:
      return "";
    case RejectReason::kHalted:
      return "HALTED";
    case RejectReason::kPostOnlyWouldTake:
      return "POST_ONLY_WOULD_TAKE";
    case RejectReason::kOrderQuantityLimit:
      return "ORDER_QUANTITY_LIMIT";
    case RejectReason::kOrderNotionalLimit:
      return "ORDER_NOTIONAL_LIMIT";
    case RejectReason::kOpenOrdersLimit:
      return "OPEN_ORDERS_LIMIT";
    case RejectReason::kOrderRateLimit:
      return "ORDER_RATE_LIMIT";
    case RejectReason::kOrderTooOld:
      return "ORDER_TOO_OLD";
    case RejectReason::kMarketDataStale:
      return "MARKET_DATA_STALE";
    case RejectReason::kInstrumentLimit:
      return "INSTRUMENT_LIMIT";
    case RejectReason::kValueOverflow:
      return "VALUE_OVERFLOW";
    case RejectReason::kExpireTimePassed:
      return "EXPIRE_TIME_PASSED";
    case RejectReason::kNothingToReduce:
      return "NOTHING_TO_REDUCE";
    case RejectReason::kInstrumentUnknown:
      return "INSTRUMENT_UNKNOWN";
    case RejectReason::kPriceOffGrid:
      return "PRICE_OFF_GRID";
    case RejectReason::kQuantityOffGrid:
      return "QUANTITY_OFF_GRID";
    case RejectReason::kLossLimit:
      return "LOSS_LIMIT";
    case RejectReason::kTickSizeUnknown:
      return "TICK_SIZE_UNKNOWN";
    case RejectReason::kOutsideCalendar:
      return "OUTSIDE_CALENDAR";
  }
  return "";
}

std::string_view name_of(CancelReason reason) {
  switch (reason) {
    case CancelReason::kNone:
      return "";
    case CancelReason::kRequested:
      return "REQUESTED";
    case CancelReason::kImmediateOrCancel:
      return "IMMEDIATE_OR_CANCEL";
    case CancelReason::kFillOrKill:
      return "FILL_OR_KILL";
    case CancelReason::kDayExpired:
      return "DAY_EXPIRED";
    case CancelReason::kPostOnlyWouldTake:
      return "POST_ONLY_WOULD_TAKE";
    case CancelReason::kSessionLapsed:
      return "SESSION_LAPSED";
    case CancelReason::kValueOverflow:
      return "VALUE_OVERFLOW";
    case CancelReason::kDateExpired:
      return "DATE_EXPIRED";
    case CancelReason::kNothingToReduce:
      return "NOTHING_TO_REDUCE";
    case CancelReason::kGroupFilled:
      return "GROUP_FILLED";
    case CancelReason::kGroupCancelled:
      return "GROUP_CANCELLED";
  }
  return "";
}

}  // namespace alphaforge
