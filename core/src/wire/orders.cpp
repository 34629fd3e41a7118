#include "wire/orders.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/reason.hpp"
#include "encoding/fields.hpp"
#include "encoding/reader.hpp"
#include "model/commission.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"

namespace alphaforge::wire {

namespace {

void write_terms(FieldWriter& out, const Order& order) {
  out.text(1, order.order_id);
  out.text(2, order.symbol);
  out.number(3, order.side);
  out.number(4, order.type);
  out.text(5, to_string(order.quantity));
  out.price(6, order.price);
  out.price(7, order.stop_price);
  out.number(8, order.time_in_force);
  out.text(9, order.strategy_id);
  out.integer(10, order.created_at);
  out.flag(11, order.post_only);
}

// The fields that come after those of an order's state.
void write_options(FieldWriter& out, const Order& order) {
  out.optional_integer(24, order.expire_time);
  out.flag(25, order.reduce_only);
  out.price(26, order.trailing_offset);
  out.number(27, order.trailing_offset_type);
  out.price(28, order.activation_price);
  out.price(29, order.limit_offset);
  out.number(30, order.group_type);
  out.text(31, order.group_id);
}

void write_new_order(FieldWriter& out, const Order& order) {
  write_terms(out, order);
  write_options(out, order);
}

// True when the field was one of NewOrder, which Order shares.
bool read_terms(Reader& in, Order& order) {
  switch (in.field()) {
    case 1:
      order.order_id = text_of(in);
      return true;
    case 2:
      order.symbol = text_of(in);
      return true;
    case 3:
      order.side = member_of<OrderSide>(in);
      return true;
    case 4:
      order.type = member_of<OrderType>(in);
      return true;
    case 5:
      order.quantity = quantity_of(in, "quantity");
      return true;
    case 6:
      order.price = price_of(in, "price");
      return true;
    case 7:
      order.stop_price = price_of(in, "stop_price");
      return true;
    case 8:
      order.time_in_force = member_of<TimeInForce>(in);
      return true;
    case 9:
      order.strategy_id = text_of(in);
      return true;
    case 10:
      order.created_at = integer_of(in);
      return true;
    case 11:
      order.post_only = in.uint() != 0;
      return true;
    case 24:
      order.expire_time = integer_of(in);
      return true;
    case 25:
      order.reduce_only = in.uint() != 0;
      return true;
    case 26:
      order.trailing_offset = price_of(in, "trailing_offset");
      return true;
    case 27:
      order.trailing_offset_type = member_of<TrailingOffsetType>(in);
      return true;
    case 28:
      order.activation_price = price_of(in, "activation_price");
      return true;
    case 29:
      order.limit_offset = price_of(in, "limit_offset");
      return true;
    case 30:
      order.group_type = member_of<OrderGroupType>(in);
      return true;
    case 31:
      order.group_id = text_of(in);
      return true;
    default:
      return false;
  }
}

// Without side, type and time in force an order is malformed, not a default one.
Order unspecified_order() {
  Order order;
  order.side = static_cast<OrderSide>(0);
  order.type = static_cast<OrderType>(0);
  order.time_in_force = static_cast<TimeInForce>(0);
  return order;
}

void write_fill(FieldWriter& out, const Fill& fill) {
  out.text(1, fill.fill_id());
  out.text(2, fill.order_id);
  out.text(3, fill.strategy_id);
  out.text(4, fill.symbol);
  out.number(5, fill.side);
  out.text(6, to_string(fill.price));
  out.text(7, to_string(fill.quantity));
  out.text(8, to_string(fill.commission));
  out.number(9, fill.liquidity_side);
  out.integer(10, fill.ts_event);
  out.text(11, fill.trade_id);
  out.integer(12, fill.sequence);
  if (fill.commission_rules != 0)
    out.text(13, commission_rule_text(fill.commission_rules, fill.liquidity_side == LiquiditySide::kMaker));
  Value plain;
  if (!multiply(fill.price, fill.quantity, plain) || plain != fill.value) out.optional_text(14, to_string(fill.value));
}

std::uint32_t number_of_fill(std::string_view fill_id) {
  const std::size_t dash = fill_id.rfind('-');
  std::uint32_t number = 0;
  if (dash != std::string_view::npos) {
    const char* const end = fill_id.data() + fill_id.size();
    const auto [at, error] = std::from_chars(fill_id.data() + dash + 1, end, number);
    if (error == std::errc() && at == end) return number;
  }
  throw InvalidArgument(Reason::MESSAGE_MALFORMED, "malformed message: a fill_id must end in '-' and a fill's number");
}

}  // namespace

void append_new_order(std::string& request, std::uint32_t field, const Order& order) {
  FieldWriter(request).message(field, [&](FieldWriter& inner) { write_new_order(inner, order); });
}

Order decode_new_order(std::string_view message) {
  Order order = unspecified_order();
  Reader in(message);
  while (in.next())
    if (!read_terms(in, order)) in.skip();
  return order;
}

std::string encode_order(const Order& order) {
  std::string message;
  FieldWriter out(message);
  write_terms(out, order);
  out.number(12, order.status);
  out.text(13, to_string(order.filled_quantity));
  out.text(14, to_string(order.leaves_quantity()));
  out.price(15, order.avg_fill_price);
  out.text(16, to_string(order.commission));
  out.integer(17, order.submitted_at.value_or(0));
  out.integer(18, order.updated_at.value_or(0));
  out.optional_integer(19, order.triggered_at);
  out.number(20, order.reject_reason);
  out.number(21, order.cancel_reason);
  for (const Fill& fill : order.fills) out.message(22, [&](FieldWriter& inner) { write_fill(inner, fill); });
  out.integer(23, order.fill_count);
  write_options(out, order);
  return message;
}

Order decode_order(std::string_view message) {
  Order order = unspecified_order();
  Reader in(message);
  while (in.next()) {
    if (read_terms(in, order)) continue;
    switch (in.field()) {
      case 12:
        order.status = member_of<OrderStatus>(in);
        break;
      case 13:
        order.filled_quantity = quantity_of(in, "filled_quantity");
        break;
      case 14:
        text_of(in);  // what is left follows from the others
        break;
      case 15:
        order.avg_fill_price = price_of(in, "avg_fill_price");
        break;
      case 16:
        order.commission = value_of(in, "commission");
        break;
      case 17:
        order.submitted_at = integer_of(in);
        break;
      case 18:
        order.updated_at = integer_of(in);
        break;
      case 19:
        order.triggered_at = integer_of(in);
        break;
      case 20:
        order.reject_reason = member_of<RejectReason>(in);
        break;
      case 21:
        order.cancel_reason = member_of<CancelReason>(in);
        break;
      case 22:
        order.fills.push_back(decode_fill(in.bytes()));
        break;
      case 23:
        order.fill_count = static_cast<std::uint32_t>(in.uint());
        break;
      default:
        in.skip();
    }
  }
  return order;
}

std::string encode_fill(const Fill& fill) {
  std::string message;
  FieldWriter out(message);
  write_fill(out, fill);
  return message;
}

Fill decode_fill(std::string_view message) {
  Fill fill;
  bool has_value = false;
  Reader in(message);
  while (in.next()) switch (in.field()) {
      case 1:
        fill.number = number_of_fill(text_of(in));
        break;
      case 2:
        fill.order_id = text_of(in);
        break;
      case 3:
        fill.strategy_id = text_of(in);
        break;
      case 4:
        fill.symbol = text_of(in);
        break;
      case 5:
        fill.side = member_of<OrderSide>(in);
        break;
      case 6:
        fill.price = price_of(in, "price");
        break;
      case 7:
        fill.quantity = quantity_of(in, "quantity");
        break;
      case 8:
        fill.commission = value_of(in, "commission");
        break;
      case 9:
        fill.liquidity_side = member_of<LiquiditySide>(in);
        break;
      case 10:
        fill.ts_event = integer_of(in);
        break;
      case 11:
        fill.trade_id = text_of(in);
        break;
      case 12:
        fill.sequence = integer_of(in);
        break;
      case 13:
        fill.commission_rules = commission_rules_of(text_of(in));
        break;
      case 14:
        fill.value = value_of(in, "value");
        has_value = true;
        break;
      default:
        in.skip();
    }
  if (!has_value && !multiply(fill.price, fill.quantity, fill.value)) fill.value = {};
  return fill;
}

std::string encode_position(const Position& position) {
  std::string message;
  FieldWriter out(message);
  out.text(1, position.strategy_id);
  out.text(2, position.symbol);
  out.text(3, format_decimal(position.net_quantity, kPlaces, 0));
  out.price(4, position.average_price);
  out.text(5, to_string(position.cost));
  out.text(6, to_string(position.realized_pnl));
  out.text(7, to_string(position.unrealized_pnl));
  out.text(8, to_string(position.commission));
  out.price(9, position.last_price);
  out.text(10, to_string(position.exposure));
  return message;
}

Position decode_position(std::string_view message) {
  Position position;
  Reader in(message);
  while (in.next()) switch (in.field()) {
      case 1:
        position.strategy_id = text_of(in);
        break;
      case 2:
        position.symbol = text_of(in);
        break;
      case 3:
        position.net_quantity = parse_decimal(in.bytes(), kPlaces, "net_quantity");
        break;
      case 4:
        position.average_price = price_of(in, "average_price");
        break;
      case 5:
        position.cost = value_of(in, "cost");
        break;
      case 6:
        position.realized_pnl = value_of(in, "realized_pnl");
        break;
      case 7:
        position.unrealized_pnl = value_of(in, "unrealized_pnl");
        break;
      case 8:
        position.commission = value_of(in, "commission");
        break;
      case 9:
        position.last_price = price_of(in, "last_price");
        break;
      case 10:
        position.exposure = value_of(in, "exposure");
        break;
      default:
        in.skip();
    }
  return position;
}

namespace {

void write_event(FieldWriter& out, const OrderEvent& event) {
  out.integer(1, event.sequence);
  out.number(2, event.type);
  out.text(3, event.order_id);
  out.text(4, event.strategy_id);
  out.text(5, event.symbol);
  out.integer(6, event.ts_event);
  out.number(7, event.status);
  out.text(8, to_string(event.filled_quantity));
  out.text(9, to_string(event.leaves_quantity));
  if (event.fill) out.message(10, [&](FieldWriter& inner) { write_fill(inner, *event.fill); });
  out.number(11, event.reject_reason);
  out.number(12, event.cancel_reason);
  if (event.order) out.message(13, [&](FieldWriter& inner) { write_new_order(inner, *event.order); });
  if (event.quantity) out.optional_text(14, to_string(*event.quantity));
  out.price(15, event.price);
  out.price(16, event.stop_price);
}

}  // namespace

std::string encode_event(const OrderEvent& event) {
  std::string message;
  FieldWriter out(message);
  write_event(out, event);
  return message;
}

OrderEvent decode_event(std::string_view message) {
  OrderEvent event;
  bool has_fill = false;
  bool has_order = false;
  Reader in(message);
  while (in.next()) switch (in.field()) {
      case 1:
        event.sequence = integer_of(in);
        break;
      case 2:
        event.type = member_of<OrderEventType>(in);
        break;
      case 3:
        event.order_id = text_of(in);
        break;
      case 4:
        event.strategy_id = text_of(in);
        break;
      case 5:
        event.symbol = text_of(in);
        break;
      case 6:
        event.ts_event = integer_of(in);
        break;
      case 7:
        event.status = member_of<OrderStatus>(in);
        break;
      case 8:
        event.filled_quantity = quantity_of(in, "filled_quantity");
        break;
      case 9:
        event.leaves_quantity = quantity_of(in, "leaves_quantity");
        break;
      case 10:
        event.fill = decode_fill(in.once(has_fill));
        break;
      case 11:
        event.reject_reason = member_of<RejectReason>(in);
        break;
      case 12:
        event.cancel_reason = member_of<CancelReason>(in);
        break;
      case 13:
        event.order = decode_new_order(in.once(has_order));
        break;
      case 14:
        event.quantity = quantity_of(in, "quantity");
        break;
      case 15:
        event.price = price_of(in, "price");
        break;
      case 16:
        event.stop_price = price_of(in, "stop_price");
        break;
      default:
        in.skip();
    }
  return event;
}

}  // namespace alphaforge::wire
