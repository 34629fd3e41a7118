#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>

#include "execution/levels.hpp"
#include "execution/order_record.hpp"
#include "execution/positions.hpp"
#include "model/duplicate_window.hpp"

namespace alphaforge::execution {

// One symbol: its last print and the orders that want it.
struct Instrument {
  explicit Instrument(std::string name) : id(std::move(name)) {}

  std::string id;
  std::uint64_t index = 0;       // in order of first sight
  bool is_listed = true;         // false: it is there only for the rejected orders that name it
  std::int64_t order_count = 0;  // orders remembered
  std::int64_t market_time = kNever;  // greatest ts_event accepted; the engine's own time may be later
  bool has_price = false;
  Price last_price;
  std::int64_t last_ts_event = 0;
  std::string last_trade_id;
  Quantity buy_pool;   // what the last print still holds for our buys
  Quantity sell_pool;  // and for our sells
  DuplicateWindow seen;
  std::int64_t last_id_at = 0;  // which of the engine's prints with an id was its last

  Levels<HighestFirst> bids;
  Levels<LowestFirst> asks;
  Levels<LowestFirst> buy_stops;
  Levels<HighestFirst> sell_stops;
  Queue waiting_buys;
  Queue waiting_sells;
  Queue arriving;
  DayQueue day_orders;      // by midnight: market time never goes back
  DayQueue undated_orders;  // DAY orders from before any market time: theirs is the day of the first print
};

struct Strategy {
  explicit Strategy(std::string name) : id(std::move(name)) {}

  std::string id;
  OpenQueue open;
  std::int64_t open_count = 0;
  std::deque<std::int64_t> recent;  // market times of the orders accepted in the last second, when that is limited
  std::unordered_map<const Instrument*, PositionRecord> positions;
};

}  // namespace alphaforge::execution
