#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "execution/config.hpp"
#include "execution/counters.hpp"
#include "execution/event_log.hpp"
#include "execution/instrument.hpp"
#include "execution/ledger.hpp"
#include "model/duplicate_budget.hpp"
#include "model/trade_tick.hpp"
#include "model/trade_tick_batch.hpp"

namespace alphaforge {
class SnapshotReader;
}

namespace alphaforge::execution {

// One print, as it comes out of a tick or a batch.
struct Print {
  std::string_view instrument_id;
  Price price;
  Quantity quantity;
  AggressorSide aggressor_side = AggressorSide::kNone;
  std::string_view trade_id;
  std::int64_t ts_event = 0;
};

// What became of a print.
struct PrintResult {
  std::optional<Reason> refusal;
  bool is_duplicate = false;
};

// The rows of a batch that were not applied.
struct BatchResult {
  std::vector<std::pair<std::size_t, Reason>> rejected;
  std::vector<std::size_t> duplicates;
};

// What modify_order asks for; absent stays as it is. `quantity` is the new total.
struct Change {
  std::optional<Quantity> quantity;
  std::optional<Price> price;
  std::optional<Price> stop_price;
};

// What became of a submission.
struct Submission {
  OrderStatus status = OrderStatus::kInitialized;
  RejectReason reject_reason = RejectReason::kNone;
  bool is_repeat = false;  // submitted before; nothing was placed
};

// Which orders, fills, positions or events to list: those that match all that is given.
struct Filter {
  std::optional<std::string> strategy_id;
  std::optional<std::string> symbol;
  std::optional<std::string> order_id;  // fills
  std::vector<OrderStatus> statuses;    // orders; empty is any
  std::string after;                    // the order_id or fill_id that ended the page before; empty for the first page
  std::size_t limit = SIZE_MAX;
  bool with_fills = true;  // orders
};

// A simulated venue: all of the rules 3, single-threaded and without a clock. Whatever happens is decided by the orders and
// prints it is given, in their order; `now_ns` is the wall clock of the caller, which only fills submitted_at and updated_at
// and ages what is remembered.
class Venue {
 public:
  explicit Venue(const ExecutionConfig& config);
  Venue(const Venue&) = delete;
  Venue& operator=(const Venue&) = delete;

  // Places the order, or recognises it. Throws InvalidArgument: malformed, or ORDER_CONFLICT for an id that was submitted
  // with other fields; ResourceExhausted: a strategy beyond max_strategies.
  Submission submit(const Order& order, std::int64_t now_ns);
  // A submission of that id follows soon. In a batch this takes the wait for memory out of each order.
  void prefetch(std::string_view order_id) const { ledger_.prefetch(order_id); }
  // True exactly when the order was active and is now Cancelled.
  bool cancel(std::string_view order_id, std::int64_t now_ns);
  // All active orders of one strategy, or of all; by priority. Returns how many.
  std::int64_t cancel_all(std::optional<std::string_view> strategy_id, CancelReason reason, std::int64_t now_ns);
  // rule 3.11. Throws InvalidArgument where the change is malformed, or names a field that the order's type lacks.
  bool modify(std::string_view order_id, const Change& change, std::int64_t now_ns);
  // Shows a print to the orders of its symbol, unless it is refused or a duplicate: then nothing changes.
  PrintResult process(const Print& print, std::int64_t now_ns);
  // The prints of a batch, in their order.
  BatchResult process(const TradeTickBatch& batch, std::int64_t now_ns);
  // Moves market time of all instruments; never back. Throws InvalidArgument TIME_OUT_OF_RANGE.
  void advance_time(std::int64_t market_time, std::int64_t now_ns);
  // Other settings from now on; orders that are there stay as they are, also beyond a limit. Throws as the constructor does.
  void reconfigure(const ExecutionConfig& config);
  // Halted, it rejects new orders; resting ones may fill, shrink and be cancelled.
  void set_halted(bool halted) { halted_ = halted; }
  bool is_halted() const { return halted_; }
  // Whether the source of prints is known to have fallen silent.
  void set_market_data_stale(bool stale) { market_data_stale_ = stale; }

  // queries.cpp
  std::optional<Order> order(std::string_view order_id) const;
  // In order of submission. Throws InvalidArgument PAGE_TOKEN_INVALID when `after` is not (or no longer) known.
  std::vector<Order> orders(const Filter& filter) const;
  std::vector<Order> active_orders(std::string_view strategy_id) const;
  // In the order in which they happened; `after` as above.
  std::vector<Fill> fills(const Filter& filter) const;
  // By strategy, then symbol; flat ones that were traded included.
  std::vector<Position> positions(const Filter& filter) const;
  // Those of `strategy_id` (if given) from `from_sequence` on that are kept, at most `limit`.
  std::vector<OrderEvent> events(std::int64_t from_sequence, std::size_t limit,
                                 std::optional<std::string_view> strategy_id) const;
  std::int64_t first_event_sequence() const { return events_.first_sequence(); }
  std::int64_t last_event_sequence() const { return events_.last_sequence(); }
  ExecutionStatistics statistics() const;

  // The invariants that do not hold, in words; none unless there is a bug.
  std::vector<std::string> validate() const;
  // 64 bits of all that decides what happens next, wall clock times apart: the same wherever the same has happened.
  std::uint64_t state_hash() const;
  // The whole state, versioned and with a checksum; and an empty venue of the same settings brought into it. Throws
  // EngineError JOURNAL_DAMAGED, after which the venue is of no use.
  std::string snapshot() const;
  void restore(std::string_view snapshot);

 private:
  // state.cpp
  template <class Sink>
  void describe(Sink& sink) const;

  // restore.cpp
  using OrdersByNumber = std::map<std::int64_t, OrderRecord*>;
  void restore_engine(SnapshotReader& in);
  void restore_instruments(SnapshotReader& in);
  void restore_strategies(SnapshotReader& in);
  OrdersByNumber restore_orders(SnapshotReader& in);
  void restore_fills_and_events(SnapshotReader& in, const OrdersByNumber& orders);
  void count_duplicates();
  void restore_queues(const OrdersByNumber& orders);

  // venue.cpp: bookkeeping
  Instrument* find_instrument(std::string_view id) const;
  Instrument& add_instrument(std::string_view id);
  Instrument& add_unlisted_instrument(std::string_view id);
  Instrument& instrument_for_order(std::string_view id);
  void forget(std::int64_t now_ns);
  Strategy& strategy_of(std::string_view id);
  std::int64_t market_time(const Instrument& instrument) const;
  void begin(const Instrument& instrument, std::int64_t now_ns);
  void record(OrderRecord& order, OrderEventType type, FillRecord* fill = nullptr);
  const FillRecord* find_fill(const std::string& fill_id) const;
  RejectReason refusal(const Order& order, const Instrument& instrument, Strategy& strategy) const;
  void open(OrderRecord& order);
  void close(OrderRecord& order, OrderStatus status);
  void cancel(OrderRecord& order, CancelReason reason);
  void leave_place(OrderRecord& order);

  // arrival.cpp: an order meets the market (rules 3.8 to 3.10)
  void arrive(OrderRecord& order);
  void meet_market(OrderRecord& order);
  void place_stop(OrderRecord& order);
  void trigger(OrderRecord& order);
  bool is_through(const OrderRecord& stop) const;
  int128 takes(bool is_buy, std::optional<Price> limit, const Instrument& instrument) const;
  void put_off(OrderRecord& order);
  void keep_stop(OrderRecord& order);
  void rest(OrderRecord& order);
  void wait(OrderRecord& order);
  Price taker_price(const OrderRecord& order) const;
  void fill(OrderRecord& order, Price price, int128 quantity, LiquiditySide liquidity_side);

  // matching.cpp: a print meets the orders (rule 3.6)
  PrintResult process(Instrument*& instrument, const Print& print);
  bool is_duplicate(Instrument& instrument, const Print& print);
  void match(Instrument& instrument, AggressorSide aggressor);
  void fill_waiting(Instrument& instrument);
  template <class Levels>
  void fill_resting(const Instrument& instrument, Levels& levels, OrderSide side, AggressorSide aggressor);
  void arrive_deferred(Instrument& instrument);
  template <class Levels>
  void trigger_stops(Levels& levels);

  // expiry.cpp: DAY orders (rule 3.9)
  void enter_day(OrderRecord& order);
  void leave_day(OrderRecord& order);
  void date_day_orders(Instrument& instrument, std::int64_t first_ts_event);
  void collect_expired(Instrument& instrument, std::vector<OrderRecord*>& expired);
  void expire(std::vector<OrderRecord*>& expired);

  ExecutionConfig config_;
  bool halted_ = false;
  bool market_data_stale_ = false;
  std::int64_t advanced_to_ = kNever;   // by advance_time
  std::int64_t market_time_ = kNever;   // of the whole engine: the greatest there was
  std::uint64_t last_priority_ = 0;
  bool print_at_work_ = false;          // between a print's arrival and the end of its steps
  std::int64_t now_ns_ = 0;             // wall clock of the call under way
  std::int64_t ts_event_ = 0;           // market time of the call under way
  ExecutionStatistics counts_;
  Quantity total_volume_;
  Value total_notional_;
  Value total_commission_;
  Ledger ledger_;
  EventLog events_;
  std::unordered_map<std::string_view, std::unique_ptr<Instrument>> instruments_;
  std::unordered_map<std::string_view, std::unique_ptr<Instrument>> unlisted_;  // of orders rejected for INSTRUMENT_LIMIT
  std::vector<Instrument*> instruments_by_index_;
  std::unordered_map<std::string_view, std::unique_ptr<Strategy>> strategies_;
  DuplicateBudget duplicates_;
  std::int64_t ids_seen_ = 0;  // prints that were remembered for it
};

}  // namespace alphaforge::execution
