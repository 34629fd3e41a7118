#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "base/int128.hpp"
#include "base/time.hpp"
#include "execution/grid.hpp"
#include "execution/instrument.hpp"
#include "execution/order_record.hpp"
#include "execution/trailing.hpp"
#include "execution/venue.hpp"
#include "model/numbers.hpp"

// Trailing stops from their submission to their trigger (rule 3.25).

namespace alphaforge::execution {

namespace {

TrailingStops& stops_of(const OrderRecord& order) {
  Trailing& trailing = *order.instrument->trailing;
  return order.is_buy() ? trailing.buys : trailing.sells;
}

bool is_active_at(const OrderRecord& order, Price last) {
  const Price level = activation_level(order);
  return order.is_buy() ? last <= level : last >= level;
}

std::optional<Price> price_at(int128 mantissa, Price least) {
  if (mantissa < least.mantissa || mantissa > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return Price{static_cast<std::int64_t>(mantissa)};
}

}  // namespace

std::optional<Price> extreme_of(const OrderRecord& order) {
  return order.place == Place::kTrailing ? std::optional(stops_of(order).extreme_of(order)) : std::nullopt;
}

std::optional<Price> stop_price_of(const OrderRecord& order) {
  if (order.place != Place::kTrailing) return std::nullopt;
  return price_at(stops_of(order).stop_of(order), order.instrument->least_price());
}

// Called when a trailing stop is submitted, or with its previous extreme when it is changed.
void Venue::place_trailing(OrderRecord& order, std::optional<Price> extreme) {
  const Instrument& instrument = *order.instrument;
  if (extreme)
    begin_trailing(order, *extreme);
  else if (instrument.has_price && is_active_at(order, instrument.last_price))
    begin_trailing(order, instrument.last_price);
  else
    wait_to_trail(order);
}

void Venue::wait_to_trail(OrderRecord& order) {
  if (order.instrument->trailing == nullptr) order.instrument->trailing = std::make_unique<Trailing>();
  rest_inactive(order);
}

void Venue::rest_inactive(OrderRecord& order) {
  order.place = Place::kInactive;
  order.is_buy() ? order.instrument->trailing->inactive_buys.add(&order, activation_level(order))
                 : order.instrument->trailing->inactive_sells.add(&order, activation_level(order));
}

void Venue::begin_trailing(OrderRecord& order, Price extreme) {
  touch(*order.instrument);
  if (order.instrument->trailing == nullptr) order.instrument->trailing = std::make_unique<Trailing>();
  order.place = Place::kTrailing;
  if (order.trail->since == kNoTime) order.trail->since = counts_.ticks_processed;
  stops_of(order).add(order, extreme);
}

// The last price has changed: moves the extremes, and activates the stops whose activation price it has reached.
void Venue::follow(Instrument& instrument) {
  Trailing& trailing = *instrument.trailing;
  const Price last = instrument.last_price;
  trailing.buys.follow(last);
  trailing.sells.follow(last);
  activate(trailing.inactive_buys, last);
  activate(trailing.inactive_sells, last);
}

template <class Levels>
void Venue::activate(Levels& inactive, Price last) {
  while (!inactive.empty() && is_active_at(*inactive.front(), last)) {
    OrderRecord& order = *inactive.front();
    unlink(order);
    begin_trailing(order, last);
  }
}

// Called when a trailing stop ends or triggers: stores its stop price, and the limit that follows from it.
void Venue::fix_stop(OrderRecord& order) {
  const auto stop = stop_price_of(order);
  if (!stop) return;
  order.terms.stop_price = *stop;
  if (!order.has_limit()) return;
  order.terms.price = trailing_limit(order.side, *stop, order.trail->terms, order.instrument->least_price());
  if (const auto& definition = order.instrument->definition)
    order.terms.price = limit_on_grid(*definition, order.side, order.terms.price);
}

// Returns false if the order has no cohort to join.
bool Venue::restore_trailing(OrderRecord& order) {
  order.place = Place::kTrailing;
  return order.instrument->trailing != nullptr && stops_of(order).restore(order);
}

}  // namespace alphaforge::execution
