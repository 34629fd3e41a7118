#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "execution/levels.hpp"
#include "execution/order_record.hpp"
#include "execution/positions.hpp"
#include "execution/trailing.hpp"
#include "execution/wide_sum.hpp"
#include "model/duplicate_window.hpp"
#include "model/grid.hpp"
#include "model/instrument_definition.hpp"
#include "model/numbers.hpp"
#include "model/trading_calendar.hpp"

namespace alphaforge::execution {

struct Strategy;

// One symbol: its last tick and its orders.
struct Instrument {
  explicit Instrument(std::string name) : id(std::move(name)) {}

  std::string id;
  std::uint64_t index = 0;             // in order of first sight
  std::uint32_t checkpoint = 0;        // the last checkpoint that has written it
  bool is_listed = true;               // false: only rejected orders name it
  std::int64_t order_count = 0;        // orders remembered
  std::int64_t market_time = kNoTime;  // greatest ts_event accepted; the engine's own time may be later
  std::unique_ptr<const InstrumentDefinition> definition;  // null: not registered
  bool has_negative_prices() const { return definition != nullptr && definition->negative_prices; }
  Price least_price() const { return definition == nullptr ? Price{1} : definition->least_price(); }
  std::unique_ptr<const Grid> days;                 // of its sessions; null: those of UTC
  std::shared_ptr<const TradingCalendar> calendar;  // whose sessions are its days instead; null: none
  bool has_price = false;
  bool is_due = false;   // there are groups whose parents have filled
  bool is_held = false;  // there are holders
  Price last_price;
  std::int64_t last_ts_event = 0;
  std::string last_trade_id;
  Quantity buy_pool;   // what buys may still fill of the last print
  Quantity sell_pool;  // what sells may still fill of it
  DuplicateWindow seen;
  std::int64_t last_id_at = 0;  // number of its last print with an id, among those of the engine

  Levels<HighestFirst> bids;
  Levels<LowestFirst> asks;
  Levels<LowestFirst> buy_stops;
  Levels<HighestFirst> sell_stops;
  std::unique_ptr<Trailing> trailing;  // from the first trailing stop on
  Queue waiting_buys;
  Queue waiting_sells;
  Queue arriving;
  InstrumentOrders orders;  // those remembered
  InstrumentFills fills;
  std::int64_t fill_count = 0;
  DayQueue day_orders;      // DAY orders by the end of their days
  DayQueue undated_orders;  // DAY orders submitted before any market time: their day is that of the first print
  // GTD orders by their time; and DAY orders that end before earlier ones, since the sessions have been changed.
  std::map<std::int64_t, DayQueue> dated_orders;
  std::vector<GroupRecord*> due;   // whose parents have filled since the last tick, by their first such fill
  std::size_t releasing = 0;       // during a tick: how many of `due` are from before it
  std::vector<Strategy*> holders;  // strategies with a position, if accounts are kept
};

// The account of a strategy, if the engine keeps accounts.
struct AccountRecord {
  WideSum realized;    // of all positions, less commissions
  WideSum unrealized;  // of all positions, at the last prices
  Value peak;          // the greatest equity
  Value max_drawdown;
  Value base;  // the equity from which losses count
  bool is_halted = false;
};

// Where a strategy's events are in the log: the sequence of the last one, from which each links to the previous one,
// and the sequence of every 256th.
struct EventChain {
  static constexpr std::uint32_t kStep = 256;

  std::int64_t last = 0;
  std::uint32_t since_mark = 0;
  std::deque<std::int64_t> marks;
};

struct Strategy {
  explicit Strategy(std::string name) : id(std::move(name)) {}

  std::string id;
  std::size_t index = 0;         // in order of first sight
  std::uint32_t checkpoint = 0;  // the last checkpoint that has written it
  StrategyOrders orders;         // those remembered
  std::int64_t order_count = 0;
  StrategyFills fills;
  std::int64_t fill_count = 0;
  EventChain events;
  OpenQueue open;
  std::int64_t open_count = 0;
  AccountRecord account;
  std::deque<std::int64_t> recent;  // market times of orders accepted in the last second, if that number is limited
  std::unordered_map<const Instrument*, PositionRecord> positions;
  // Active reduce-only orders by number; those of an instrument are all on the side that closes.
  std::unordered_map<const Instrument*, std::map<std::int64_t, OrderRecord*>> reducing;
};

}  // namespace alphaforge::execution
