#include <cstdint>
#include <string>
#include <string_view>

#include "base/reason.hpp"
#include "execution/grid.hpp"
#include "execution/group_record.hpp"
#include "execution/instrument.hpp"
#include "execution/limits.hpp"
#include "execution/order_record.hpp"
#include "execution/trailing.hpp"
#include "execution/venue.hpp"
#include "model/instrument_definition.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"

// modify_order (rule 3.11).

namespace alphaforge::execution {

namespace {

void check_change(const Change& change, bool negative_prices) {
  if (change.quantity && change.quantity->mantissa <= 0)
    throw InvalidArgument(Reason::QUANTITY_NOT_POSITIVE,
                          "quantity must be above 0, not " + to_string(*change.quantity));
  for (const auto& price : {change.price, change.stop_price})
    if (price && !is_tradable(*price, negative_prices))
      throw InvalidArgument(Reason::PRICE_NOT_POSITIVE, "price" + untradable(*price, negative_prices));
}

void check_fields(const Change& change, const OrderRecord& order) {
  const auto lacks = [&order](const char* what) {
    throw InvalidArgument(Reason::ORDER_FIELD_SURPLUS, "order " + std::string(order.id.view()) + " is a " +
                                                           std::string(name_of(order.type)) + " order and has no " +
                                                           what);
  };
  if (change.price && !order.has_limit()) lacks("price");
  if (change.stop_price && (!order.is_stop() || order.is_trailing())) lacks("stop_price");
}

}  // namespace

bool Venue::modify(std::string_view order_id, const Change& change, std::int64_t now_ns) {
  OrderRecord* order = ledger_.find(order_id);
  // An unknown order may be of any instrument, in another partition.
  check_change(change, order == nullptr || order->instrument->has_negative_prices());
  if (order == nullptr) return false;
  check_fields(change, *order);
  if (is_final(order->status)) return false;
  const InstrumentDefinition* const definition = order->instrument->definition.get();
  const auto fitted = definition == nullptr ? std::optional(change) : fit_to_grid(*definition, order->side, change);
  const Terms old = order->terms;
  // A value that changes nothing is accepted even if it is off a grid that was registered later.
  const Change& given = fitted ? *fitted : change;
  const Terms terms{given.quantity.value_or(old.quantity), given.price.value_or(old.price),
                    given.stop_price.value_or(old.stop_price)};
  // A trailing stop-limit gets its limit when it triggers.
  if (change.price && order->is_trailing() && !order->is_triggered()) return false;
  if (terms == old) return true;
  if (!fitted) return false;
  if (terms.quantity <= order->filled_quantity) return false;
  if (terms.stop_price != old.stop_price && order->is_triggered()) return false;
  if (order->group != nullptr && terms.quantity > old.quantity) {
    const Quantity* most = order->group->quantity_max(*order);
    if (most != nullptr && terms.quantity > *most) return false;
  }
  const bool only_shrinks =
      terms.quantity <= old.quantity && terms.price == old.price && terms.stop_price == old.stop_price;
  // Changing an order does not bypass a halt or a limit.
  if (!only_shrinks && (halted_ || (order->strategy->account.is_halted && !order->reduce_only) ||
                        size_refusal(config_, *order->instrument, order->type, terms) != RejectReason::kNone))
    return false;
  begin(*order->instrument, now_ns);
  touch(*order);
  // A sleeping order gets its priority when it arrives.
  if (only_shrinks || order->place == Place::kAsleep) {
    order->terms = terms;
    record(*order, OrderEventType::kModified);
    return true;
  }
  const auto extreme = extreme_of(*order);
  unlink(*order);
  order->terms = terms;
  order->priority = ++last_priority_;
  record(*order, OrderEventType::kModified);
  if (extreme)
    place_trailing(*order, extreme);
  else
    enter(*order);
  return true;
}

}  // namespace alphaforge::execution
