// The state of a venue under the right checksum: refused, or a venue that works.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/decimal.hpp"
#include "base/snapshot_codec.hpp"
#include "execution/config.hpp"
#include "execution/snapshot_format.hpp"
#include "execution/venue.hpp"
#include "fuzz.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"
#include "model/trade_tick.hpp"

using namespace alphaforge;

namespace {

Order order(const std::string& id, const char* symbol, OrderType type, TimeInForce time_in_force) {
  Order made;
  made.order_id = id;
  made.symbol = symbol;
  made.strategy_id = "s";
  made.side = id.size() % 2 == 0 ? OrderSide::kBuy : OrderSide::kSell;
  made.type = type;
  made.time_in_force = time_in_force;
  made.quantity = {kUnit};
  if (type == OrderType::kLimit) made.price = Price{9 * kUnit};
  if (type == OrderType::kStop) made.stop_price = Price{11 * kUnit};
  if (type == OrderType::kTrailingStop) {
    made.trailing_offset = Price{2 * kUnit};
    made.trailing_offset_type = id.size() % 3 == 0 ? TrailingOffsetType::kBasisPoints : TrailingOffsetType::kPrice;
  }
  made.created_at = 1'000'000;
  return made;
}

void go_on(execution::Venue& venue) {
  std::int64_t now = 1'000'000;
  std::string id = "new";
  for (const char* symbol : {"X", "Y", "Z"}) {
    for (const OrderType type : {OrderType::kMarket, OrderType::kLimit, OrderType::kStop, OrderType::kTrailingStop}) {
      for (const TimeInForce tif : {TimeInForce::kDay, TimeInForce::kGoodTillCancel, TimeInForce::kImmediateOrCancel})
        fuzz::accepts([&] { venue.submit(order(id += 'x', symbol, type, tif), ++now); });
    }
    for (const std::int64_t price : {8, 10, 12, 9, 21, 6}) {
      ++now;
      venue.process({symbol, {price * kUnit}, {kUnit / 2}, AggressorSide::kNone, "", now}, now);
    }
  }
  for (const Order& known : venue.orders({})) {
    fuzz::accepts(
        [&] { venue.modify(known.order_id, {.quantity = Quantity{3 * kUnit}, .price = {}, .stop_price = {}}, now); });
    if (known.side == OrderSide::kBuy) venue.cancel(known.order_id, ++now);
  }
  venue.advance_time(4'000'000'000'000'000'000, now);
  venue.cancel_all({}, CancelReason::kRequested, now);
  fuzz::accepts([&] { venue.submit(order(id += 'x', "X", OrderType::kMarket, TimeInForce::kDay), INT64_MAX); });
  venue.fills({});
  venue.positions({});
  venue.events(0, SIZE_MAX, std::nullopt);
  venue.statistics();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  execution::ExecutionConfig config;
  config.max_time_jump_ns = 0;
  config.max_instruments = 2;
  config.max_strategies = 2;
  config.max_final_orders = 3;
  config.max_events = 30;
  config.max_duplicate_entries = 4;
  execution::Venue venue(config);
  const std::string snapshot =
      seal_snapshot(execution::kSnapshotMagic, execution::kSnapshotVersion, fuzz::view(data, size));
  if (!fuzz::accepts([&] { venue.restore(snapshot); })) return 0;
  fuzz::demand(venue.validate().empty(), "a restored venue is sound");
  execution::Venue other(config);
  other.restore(venue.snapshot());
  fuzz::demand(other.state_hash() == venue.state_hash(), "a restored venue has the state of the first");
  go_on(venue);
  return 0;
}
