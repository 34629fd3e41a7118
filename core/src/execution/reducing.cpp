#include <algorithm>
#include <vector>

#include "base/int128.hpp"
#include "execution/group_record.hpp"
#include "execution/instrument.hpp"
#include "execution/order_record.hpp"
#include "execution/venue.hpp"
#include "model/order.hpp"

// Reduce-only orders (rule 3.24).

namespace alphaforge::execution {

// How much of the strategy's position an order of that side closes.
int128 Venue::reducible(const Strategy& strategy, const Instrument& instrument, OrderSide side) const {
  const auto held = strategy.positions.find(&instrument);
  if (held == strategy.positions.end()) return 0;
  const int128 net = held->second.net_quantity;
  return std::max<int128>(side == OrderSide::kBuy ? -net : net, 0);
}

// How much the order may fill at its turn, as far as it does not depend on the market.
int128 Venue::fillable(const OrderRecord& order) const {
  int128 quantity = order.leaves();
  if (order.group != nullptr) [[unlikely]]
    quantity = std::min(quantity, order.group->room(order));
  if (!order.reduce_only) return quantity;
  return std::min(quantity, reducible(*order.strategy, *order.instrument, order.side));
}

void Venue::enter_reducing(OrderRecord& order) {
  order.strategy->reducing[order.instrument].emplace(order.number, &order);
}

void Venue::leave_reducing(OrderRecord& order) {
  const auto orders = order.strategy->reducing.find(order.instrument);
  orders->second.erase(order.number);
  if (orders->second.empty()) order.strategy->reducing.erase(orders);
}

// After a fill: if it left nothing to reduce, ends the strategy's reduce-only orders in the symbol.
void Venue::end_reducing(const OrderRecord& filled) {
  const auto orders = filled.strategy->reducing.find(filled.instrument);
  if (orders == filled.strategy->reducing.end()) return;
  const OrderSide side = orders->second.begin()->second->side;
  if (reducible(*filled.strategy, *filled.instrument, side) > 0) return;
  std::vector<OrderRecord*> ending;
  for (const auto& [number, order] : orders->second) ending.push_back(order);
  for (OrderRecord* order : ending)
    if (is_active(order->status)) cancel(*order, CancelReason::kNothingToReduce);
}

}  // namespace alphaforge::execution
