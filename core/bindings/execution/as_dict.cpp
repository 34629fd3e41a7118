#include <cstddef>

#include "base/decimal.hpp"
#include "bindings/execution/execution.hpp"
#include "bindings/numbers.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"

// Orders, fills, positions and events as dicts of plain values.

namespace alphaforge::bindings {

namespace {

// An enumeration by its name, numbers as Decimals, and nested values as dicts too.
nb::object plain(nb::object value) {
  if (value.is_none() || nb::isinstance<nb::str>(value) || nb::isinstance<nb::int_>(value)) return value;
  if (nb::isinstance<Price>(value)) return to_decimal(nb::cast<Price>(value).mantissa, kPlaces);
  if (nb::isinstance<Quantity>(value)) return to_decimal(nb::cast<Quantity>(value).mantissa, kPlaces);
  if (nb::isinstance<nb::list>(value)) {
    nb::list items;
    for (nb::handle item : nb::borrow<nb::list>(value)) items.append(plain(nb::borrow(item)));
    return items;
  }
  if (nb::hasattr(value, "as_dict")) return value.attr("as_dict")();
  if (nb::hasattr(value, "name")) return value.attr("name");
  return value;
}

template <std::size_t count>
nb::dict plain_attributes(nb::handle self, const char* const (&names)[count]) {
  nb::dict out;
  for (const char* const name : names) out[name] = plain(self.attr(name));
  return out;
}

constexpr const char* kOrder[] = {"order_id",
                                  "symbol",
                                  "strategy_id",
                                  "side",
                                  "order_type",
                                  "time_in_force",
                                  "post_only",
                                  "reduce_only",
                                  "expire_time_ns",
                                  "quantity",
                                  "price",
                                  "stop_price",
                                  "trailing_offset",
                                  "trailing_offset_type",
                                  "activation_price",
                                  "limit_offset",
                                  "created_at",
                                  "status",
                                  "is_active",
                                  "filled_quantity",
                                  "leaves_quantity",
                                  "avg_fill_price",
                                  "commission",
                                  "fill_count",
                                  "submitted_at",
                                  "updated_at",
                                  "triggered_at",
                                  "reject_reason",
                                  "cancel_reason",
                                  "group_type",
                                  "group_id",
                                  "parent_id",
                                  "fills"};
constexpr const char* kFill[] = {"fill_id",        "order_id", "symbol",   "strategy_id", "side",
                                 "price",          "quantity", "value",    "commission",  "commission_rule",
                                 "liquidity_side", "ts_event", "trade_id", "sequence"};
constexpr const char* kPosition[] = {"strategy_id",  "symbol",         "net_quantity", "average_price", "cost",
                                     "realized_pnl", "unrealized_pnl", "commission",   "last_price",    "exposure"};
constexpr const char* kEvent[] = {"sequence",        "type",          "order_id", "symbol",
                                  "strategy_id",     "ts_event",      "status",   "filled_quantity",
                                  "leaves_quantity", "quantity",      "price",    "stop_price",
                                  "reject_reason",   "cancel_reason", "fill",     "order"};

}  // namespace

nb::dict order_as_dict(nb::handle self) {
  nb::dict out = plain_attributes(self, kOrder);
  // The attributes are floats, as documented; these are exact.
  const Order& order = nb::cast<const Order&>(self);
  out["quantity"] = to_decimal(order.quantity.mantissa, kPlaces);
  out["filled_quantity"] = to_decimal(order.filled_quantity.mantissa, kPlaces);
  out["leaves_quantity"] = to_decimal(order.leaves_quantity().mantissa, kPlaces);
  out["price"] = to_decimal(order.price);
  out["stop_price"] = to_decimal(order.stop_price);
  out["trailing_offset"] = to_decimal(order.trailing_offset);
  out["activation_price"] = to_decimal(order.activation_price);
  out["limit_offset"] = to_decimal(order.limit_offset);
  out["avg_fill_price"] = to_decimal(order.avg_fill_price);
  out["commission"] = to_decimal(order.commission.mantissa, kValuePlaces);
  return out;
}

nb::dict fill_as_dict(nb::handle self) { return plain_attributes(self, kFill); }
nb::dict position_as_dict(nb::handle self) { return plain_attributes(self, kPosition); }
nb::dict event_as_dict(nb::handle self) { return plain_attributes(self, kEvent); }

}  // namespace alphaforge::bindings
