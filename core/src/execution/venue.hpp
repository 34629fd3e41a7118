#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/frames.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"
#include "base/snapshot_codec.hpp"
#include "base/time.hpp"
#include "execution/config.hpp"
#include "execution/counters.hpp"
#include "execution/event_log.hpp"
#include "execution/group_record.hpp"
#include "execution/instrument.hpp"
#include "execution/ledger.hpp"
#include "execution/order_record.hpp"
#include "execution/positions.hpp"
#include "execution/trailing.hpp"
#include "model/account.hpp"
#include "model/duplicate_budget.hpp"
#include "model/instrument_definition.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"
#include "model/order_group.hpp"
#include "model/trade_tick.hpp"
#include "model/trade_tick_batch.hpp"
#include "model/trading_calendar.hpp"

namespace alphaforge::execution {

class Checkpoint;
struct Validation;

// One tick, from a single call or a batch.
struct Print {
  std::string_view instrument_id;
  Price price;
  Quantity quantity;
  AggressorSide aggressor_side = AggressorSide::kNone;
  std::string_view trade_id;
  std::int64_t ts_event = 0;
};

// The result of a tick.
struct PrintResult {
  std::optional<Reason> refusal;
  bool is_duplicate = false;
};

// The rows of a batch that were not applied.
struct BatchResult {
  std::vector<std::pair<std::size_t, Reason>> rejected;
  std::vector<std::size_t> duplicates;
};

// State shared by the parts of a batch.
struct BatchProgress {
  explicit BatchProgress(const TradeTickBatch& batch) : instruments(batch.instrument_ids.size(), nullptr) {}

  bool is_judged = false;                // a data engine has already accepted the times
  std::vector<Instrument*> instruments;  // per name of the batch, once it is known; a venue forgets none
  BatchResult result;
};

// The changes of modify_order; absent fields are unchanged. `quantity` is the new total.
struct Change {
  std::optional<Quantity> quantity;
  std::optional<Price> price;
  std::optional<Price> stop_price;
};

// Filters for the active orders to cancel; all given filters must match.
struct CancelFilter {
  std::optional<std::string> strategy_id;
  std::optional<std::string> symbol;
  std::optional<OrderSide> side;
};

// The result of a submission.
struct Submission {
  OrderStatus status = OrderStatus::kInitialized;
  RejectReason reject_reason = RejectReason::kNone;
  bool is_repeat = false;  // submitted before; nothing was placed
};

// Filters for orders, fills, positions or events; all given filters must match.
struct Filter {
  std::optional<std::string> strategy_id;
  std::optional<std::string> symbol;
  std::optional<std::string> order_id;  // fills
  std::vector<OrderStatus> statuses;    // orders; empty is any
  std::string after;                    // previous page's last order_id, fill_id or PositionKey; empty at first
  bool newest = false;                  // orders, fills: the last ones; `after` is then the previous page's first id
  std::size_t limit = SIZE_MAX;
  bool with_fills = true;  // orders
};

// Whether the order was submitted with these fields.
bool is_same(const Order& order, const OrderRecord& record);

// A simulated venue: part 3 of the rules, single-threaded and without a clock. Orders and prints, in the order of the
// calls, determine everything that happens. `now_ns` is the caller's wall clock: it sets submitted_at and updated_at,
// decides when final orders are forgotten, and which times are too far ahead (rule 1.8).
class Venue {
 public:
  explicit Venue(const ExecutionConfig& config);
  ~Venue();
  Venue(const Venue&) = delete;
  Venue& operator=(const Venue&) = delete;

  // Places the order, or recognises it. Throws InvalidArgument: malformed, or ORDER_CONFLICT for an id that was
  // submitted with other fields; ResourceExhausted: a strategy beyond max_strategies.
  Submission submit(const Order& order, std::int64_t now_ns);
  // Places all orders of the group, or recognises it, or rejects them all (rule 3.21). Throws like submit().
  std::vector<Submission> submit_group(const OrderGroup& group, std::int64_t now_ns);
  // Prefetches for a submission of that id, which hides memory latency in a batch.
  void prefetch(std::string_view order_id) const { ledger_.prefetch(order_id); }
  // True if the order was active or asleep and is now Cancelled.
  bool cancel(std::string_view order_id, std::int64_t now_ns);
  // Cancels all orders that match and are not final, by priority. Returns how many.
  std::int64_t cancel_all(const CancelFilter& filter, CancelReason reason, std::int64_t now_ns);
  // Rule 3.11. Throws InvalidArgument if the change is malformed or has a field that the order's type lacks.
  bool modify(std::string_view order_id, const Change& change, std::int64_t now_ns);
  // Applies a tick to the orders of its symbol; a refused or duplicate tick changes nothing.
  PrintResult process(const Print& print, std::int64_t now_ns);
  // The prints of a piece of a batch, the rows [begin, end), in their order.
  void process(const TradeTickBatch& batch, std::size_t begin, std::size_t end, BatchProgress& progress,
               std::int64_t now_ns);
  // Advances market time of all instruments, never back. Throws InvalidArgument TIME_OUT_OF_RANGE, TIME_AHEAD.
  void advance_time(std::int64_t market_time, std::int64_t now_ns);
  // Registers instruments, all or none; existing orders keep their terms (rule 3.27). Throws InvalidArgument for a
  // malformed definition; ResourceExhausted INSTRUMENT_LIMIT, LIMIT_EXCEEDED; EngineError INSTRUMENT_IN_USE if the
  // value of an already traded instrument's contracts would change, or negative prices that it has had would be lost.
  void register_instruments(const std::vector<InstrumentDefinition>& definitions);
  // Changes settings; existing orders are unchanged, even beyond a limit. Throws like the constructor.
  void reconfigure(const ExecutionConfig& config);
  // While halted, it rejects new orders; open orders can still fill, be reduced and be cancelled.
  void set_halted(bool halted) { halted_ = halted; }
  bool is_halted() const { return halted_; }
  // Accepts orders of a strategy that max_loss halted; its losses count from now on. False if it was not halted.
  bool resume_strategy(std::string_view strategy_id);
  // Whether market data are stale.
  void set_market_data_stale(bool stale) { market_data_stale_ = stale; }

  // queries.cpp
  std::optional<Order> order(std::string_view order_id) const;
  // In order of submission. Throws InvalidArgument PAGE_TOKEN_INVALID when `after` is not (or no longer) known.
  std::vector<Order> orders(const Filter& filter) const;
  std::vector<Order> active_orders(std::string_view strategy_id) const;
  // In order of execution; `after` as above.
  std::vector<Fill> fills(const Filter& filter) const;
  // By strategy, then symbol, including flat ones.
  std::vector<Position> positions(const Filter& filter) const;
  // The accounts of all strategies by id, at most `limit`, after the id `after`; of one alone if it is given.
  std::vector<Account> accounts(const std::optional<std::string>& strategy_id, const std::string& after,
                                std::size_t limit) const;
  // The registered instruments by id, at most `limit`, after the id `after`; of `symbol` alone if it is given.
  std::vector<InstrumentDefinition> definitions(const std::optional<std::string>& symbol, const std::string& after,
                                                std::size_t limit) const;
  // At most `limit` stored events from `from_sequence` on; only those of `strategy_id` if it is given.
  std::vector<OrderEvent> events(std::int64_t from_sequence, std::size_t limit,
                                 std::optional<std::string_view> strategy_id) const;
  std::int64_t first_event_sequence() const { return events_.first_sequence(); }
  std::int64_t last_event_sequence() const { return events_.last_sequence(); }
  ExecutionStatistics statistics() const;

  // Descriptions of violated invariants; none unless there is a bug.
  std::vector<std::string> validate() const;
  // Validates a part; true after the last. A part only checks what holds after any call, so calls may come in between.
  bool validate(Validation& validation) const;
  // A 64-bit hash of the state, without wall clock times; equal histories have equal hashes.
  std::uint64_t state_hash() const;
  // Writes the whole state, with a version and a checksum. restore() reads that, or a checkpoint, into an empty venue
  // of the same settings; if it throws EngineError JOURNAL_DAMAGED, the venue is unusable.
  std::string snapshot() const;
  void restore(std::string_view snapshot);

  // Begins a checkpoint of the current state, written piece by piece while calls continue (CheckpointPieces), and
  // returns its number for calls of checkpoint(). Ends the previous one. With `is_hash`, computes the state's hash
  // alone, which is complete when all is written.
  std::uint32_t begin_checkpoint(const CheckpointLimits& limits, bool is_hash = false);
  CheckpointSlot<Checkpoint>& checkpoint() { return checkpoint_; }

 private:
  // validate.cpp
  bool check_orders(Validation& validation) const;
  bool check_instruments(Validation& validation) const;
  bool check_totals(Validation& validation) const;
  bool is_in_its_queue(const OrderRecord& order) const;

  // state.cpp
  void describe(SnapshotWriter& sink) const;
  template <class Sink>
  void describe_head(Sink& sink) const;
  template <class Sink>
  void describe_engine(Sink& sink) const;
  // A piece is about to change.
  template <class Piece>
  void touch(Piece& piece) {
    if (checkpoint_.get() != nullptr) [[unlikely]]
      tell_checkpoint(piece);
  }
  void tell_checkpoint(Instrument& instrument);
  void tell_checkpoint(Strategy& strategy);
  void tell_checkpoint(OrderRecord& order);
  void pop_oldest(Instrument& instrument);

  // restore.cpp
  void restore_snapshot(std::string_view snapshot, std::int64_t version);
  void restore_checkpoint(std::string_view checkpoint, std::int64_t version);
  void restore_engine(SnapshotReader& in);
  void restore_instrument(SnapshotReader& in, Instrument& instrument, std::int64_t version);
  void restore_instruments(SnapshotReader& in, std::int64_t version);
  void restore_strategy(SnapshotReader& in, std::int64_t version);
  OrderRecord& restore_order(SnapshotReader& in, bool adds_instrument, std::int64_t version);
  void restore_membership(SnapshotReader& in, OrderRecord& order);
  void restore_due_groups();
  FillRecord& restore_fill(SnapshotReader& in, std::int64_t version);
  void restore_event(SnapshotReader& in, std::int64_t version);
  void list_orders();
  void check_numbers(std::int64_t last_event);
  void count_duplicates();
  void restore_queues();

  // venue.cpp: bookkeeping
  Instrument* find_instrument(std::string_view id) const;
  bool takes_negative_prices(std::string_view symbol) const;
  Instrument& add_instrument(std::string_view id);
  Instrument& add_unlisted_instrument(std::string_view id);
  Instrument& instrument_for_order(std::string_view id);
  void forget(std::int64_t now_ns);
  Strategy& strategy_of(std::string_view id);
  Strategy& add_strategy(std::string_view id);
  std::vector<Strategy*> strategies_of(std::optional<std::string_view> id) const;
  std::int64_t append(const EventRecord& event);
  std::int64_t market_time(const Instrument& instrument) const;
  void begin(const Instrument& instrument, std::int64_t now_ns);
  void record(OrderRecord& order, OrderEventType type, FillRecord* fill = nullptr);
  const FillRecord* find_fill(const std::string& fill_id) const;
  struct Owners;
  std::optional<Owners> owners(const Filter& filter) const;
  std::vector<std::int64_t> events_of(const Strategy& strategy, std::int64_t first, std::size_t limit) const;
  Submission place(const Order& fitted, const Order& order, Instrument& instrument, Strategy& strategy);
  RejectReason refusal(const Order& order, const Instrument& instrument) const;
  bool would_take(const Order& order, const Instrument& instrument) const;
  void reject(OrderRecord& order, RejectReason reason);
  void open(OrderRecord& order);

  // accounts.cpp: the accounts of strategies (rule 3.30)
  Value equity_of(const Strategy& strategy) const;
  void begin_accounts();
  void count_account(Strategy& strategy);
  void settle_account(Strategy& strategy, Instrument& instrument, const PositionRecord& before);
  void mark_position(Strategy& strategy, const Instrument& instrument, PositionRecord& position);
  void mark_holders(Instrument& instrument);
  Account show_account(const Strategy& strategy) const;
  bool account_adds_up(const Strategy& strategy) const;

  // registry.cpp: registered instruments
  void check_registration(const InstrumentDefinition& definition, std::size_t& added) const;
  std::shared_ptr<const TradingCalendar> find_calendar(const std::string& text);

  // venue.cpp: the end of an order
  void close(OrderRecord& order, OrderStatus status);
  void cancel(OrderRecord& order, CancelReason reason);
  std::vector<OrderRecord*> open_orders(const CancelFilter& filter) const;
  void unlink(OrderRecord& order);

  // reducing.cpp: reduce-only orders (rule 3.24)
  int128 reducible(const Strategy& strategy, const Instrument& instrument, OrderSide side) const;
  int128 fillable(const OrderRecord& order) const;
  void enter_reducing(OrderRecord& order);
  void leave_reducing(OrderRecord& order);
  void end_reducing(const OrderRecord& filled);

  // groups.cpp: groups of orders (rules 3.21 to 3.23)
  void touch_group(GroupRecord& group);
  std::optional<std::vector<Submission>> find_group(const OrderGroup& group) const;
  RejectReason group_refusal(const OrderGroup& group, const Instrument& instrument, Strategy& strategy) const;
  void sleep(OrderRecord& order);
  void settle_fill(OrderRecord& order, int128 quantity);
  void settle_cancel(OrderRecord& order);
  void end_parent(GroupRecord& group);
  void begin_releases(Instrument& instrument);
  void release_due(Instrument& instrument);
  void release(GroupRecord& group);
  void arrive_released(OrderRecord& child);

  // arrival.cpp: arrival of orders (rules 3.8 to 3.10)
  void enter(OrderRecord& order);
  void arrive(OrderRecord& order);
  void meet_market(OrderRecord& order);
  void place_stop(OrderRecord& order);
  void trigger(OrderRecord& order);
  bool is_through(const OrderRecord& stop) const;

  // follow.cpp: trailing stops (rule 3.25)
  void place_trailing(OrderRecord& order, std::optional<Price> extreme);
  void rest_inactive(OrderRecord& order);
  void wait_to_trail(OrderRecord& order);
  void begin_trailing(OrderRecord& order, Price extreme);
  void follow(Instrument& instrument);
  template <class Levels>
  void activate(Levels& inactive, Price last);
  void fix_stop(OrderRecord& order);
  bool restore_trailing(OrderRecord& order);
  int128 takes(bool is_buy, std::optional<Price> limit, const Instrument& instrument) const;
  void defer(OrderRecord& order);
  void rest_stop(OrderRecord& order);
  void rest(OrderRecord& order);
  void wait(OrderRecord& order);
  Price taker_price(const OrderRecord& order) const;
  void fill(OrderRecord& order, Price price, int128 quantity, LiquiditySide liquidity_side);

  // matching.cpp: applying ticks (rule 3.6)
  PrintResult process(Instrument*& instrument, const Print& print, std::int64_t latest);
  bool is_duplicate(Instrument& instrument, const Print& print);
  void match(Instrument& instrument, AggressorSide aggressor);
  void fill_waiting(Instrument& instrument);
  template <class Levels>
  void fill_resting(const Instrument& instrument, Levels& levels, OrderSide side, AggressorSide aggressor);
  void arrive_deferred(Instrument& instrument);
  template <class Levels>
  void trigger_stops(const Instrument& instrument, Levels& levels, const TrailingStops* trailing);
  template <class Levels>
  void trigger_in_turn(const Instrument& instrument, const Levels& levels, const TrailingStops& trailing);

  // expiry.cpp: DAY and GTD orders (rule 3.9)
  bool knows_day(const Instrument& instrument) const;
  void enter_expiry(OrderRecord& order);
  void leave_expiry(OrderRecord& order);
  void date_day_orders(Instrument& instrument, std::int64_t first_ts_event);
  void collect_expired(Instrument& instrument, std::vector<OrderRecord*>& expired);
  void expire(std::vector<OrderRecord*>& expired);

  ExecutionConfig config_;
  CheckpointSlot<Checkpoint> checkpoint_;
  bool halted_ = false;
  bool market_data_stale_ = false;
  std::int64_t advanced_to_ = kNoTime;  // by advance_time
  std::int64_t market_time_ = kNoTime;  // of the whole engine: the greatest so far
  std::uint64_t last_priority_ = 0;
  bool in_print_ = false;      // between a print's arrival and the end of its steps
  std::int64_t now_ns_ = 0;    // wall clock of the current call
  std::int64_t ts_event_ = 0;  // market time of the current call
  ExecutionStatistics counts_;
  Quantity total_volume_;
  Value total_notional_;
  Value total_commission_;
  Ledger ledger_;
  EventLog events_;
  std::unordered_map<std::string_view, std::unique_ptr<Instrument>> instruments_;
  std::unordered_map<std::string_view, std::unique_ptr<Instrument>>
      unlisted_;  // of orders rejected for INSTRUMENT_LIMIT
  std::vector<Instrument*> instruments_by_index_;
  std::unordered_map<std::string, std::weak_ptr<const TradingCalendar>> calendars_;  // of instruments, by their text
  std::unordered_map<std::string_view, std::unique_ptr<Strategy>> strategies_;
  std::vector<Strategy*> strategies_by_index_;
  DuplicateBudget duplicates_;
  std::int64_t ids_seen_ = 0;  // prints that were remembered for it
};

}  // namespace alphaforge::execution
