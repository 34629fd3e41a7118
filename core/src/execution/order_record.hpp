#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "base/int128.hpp"
#include "base/time.hpp"
#include "execution/fifo.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"

namespace alphaforge::execution {

struct Instrument;
struct Strategy;
struct FillRecord;
struct OrderBlock;
struct OrderRecord;
struct GroupRecord;

// An order id inside its record: no allocation, and lookups compare the bytes in place.
class OrderId {
 public:
  OrderId() = default;
  explicit OrderId(std::string_view text) : size_(static_cast<std::uint8_t>(text.size())) {
    std::memcpy(bytes_.data(), text.data(), text.size());
  }
  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, 64> bytes_{};
  std::uint8_t size_ = 0;
};

// The queue of an active order; a final one is in none.
enum class Place : std::uint8_t {
  kNowhere,
  kLimits,        // resting at its limit
  kStops,         // an untriggered stop
  kWaiting,       // a market order, or a triggered stop, that waits for the next print
  kArriving,      // with fill_on="next": arrives with the next tick
  kAsleep,        // a child that may not fill any more for now (rule 3.23)
  kInactive = 6,  // a trailing stop that does not trail yet
  kTrailing = 7,  // a trailing stop that trails
};

// The terms a client can set, and modify_order can change.
struct Terms {
  Quantity quantity;
  // 0 if the type has no such price; kNoPrice while a trailing stop has none.
  Price price;
  Price stop_price;
  bool operator==(const Terms&) const = default;
};

// What a client sets of a trailing stop. 0 means not set; for the activation price, kNoPrice does.
struct TrailTerms {
  TrailingOffsetType type = TrailingOffsetType::kNone;
  Price offset;
  Price limit_offset;
  Price activation_price = kNoPrice;
  bool operator==(const TrailTerms&) const = default;
};

// What only a trailing stop has (rule 3.25).
struct Trail {
  TrailTerms terms;              // never in ticks, unless it was rejected
  TrailTerms submitted_terms;    // before they were rounded: what a repeated submission is compared with
  std::int64_t since = kNoTime;  // the number of ticks of the engine when it began to trail; kNoTime: not yet
  // In the heap of its cohort (trailing.hpp).
  OrderRecord* left = nullptr;
  OrderRecord* right = nullptr;
  OrderRecord* parent = nullptr;
  std::uint32_t rank = 1;
};

struct OrderRecord {
  OrderId id;
  std::uint32_t checkpoint = 0;  // the last checkpoint that wrote it before its turn
  std::int64_t number = 0;       // counts the submissions of the engine from 1
  OrderSide side = OrderSide::kBuy;
  OrderType type = OrderType::kMarket;
  TimeInForce time_in_force = TimeInForce::kDay;
  OrderStatus status = OrderStatus::kInitialized;
  RejectReason reject_reason = RejectReason::kNone;
  CancelReason cancel_reason = CancelReason::kNone;
  Place place = Place::kNowhere;
  bool post_only = false;
  bool reduce_only = false;
  bool is_dated = false;  // whether it is among its instrument's dated orders
  Instrument* instrument = nullptr;
  Strategy* strategy = nullptr;
  Terms terms;
  Terms submitted_terms;  // as first submitted: what a repeated submission is compared with
  Quantity filled_quantity;
  Value filled_value;
  Value commission;
  std::uint64_t priority = 0;  // from the engine's counter; new at a trigger and after most changes
  std::int64_t created_at = 0;
  std::int64_t submitted_at = 0;  // wall clock of the submission
  std::int64_t updated_at = 0;    // wall clock of the last change
  std::int64_t triggered_at = kNoTime;
  std::int64_t expires_at = kNoTime;  // DAY: the end of its day, or kNoTime while it is undated; GTD: its expire_time
  std::int64_t last_event = 0;
  FillRecord* first_fill = nullptr;
  FillRecord* last_fill = nullptr;
  Links<OrderRecord> queue;          // that of its place; once final, that of final orders, oldest first
  Links<OrderRecord> day;            // of its instrument's DAY orders, or of those with the same date
  Links<OrderRecord> open;           // of its strategy's active orders
  Links<OrderRecord> of_strategy;    // in order of submission
  Links<OrderRecord> of_instrument;  // the same
  OrderBlock* block = nullptr;       // its place in the history
  Trail* trail = nullptr;            // of a trailing stop
  GroupRecord* group = nullptr;      // null for none

  bool is_buy() const { return side == OrderSide::kBuy; }
  // Once triggered, a stop is a market order and a stop-limit a limit order.
  bool is_stop() const { return type == OrderType::kStop || type == OrderType::kStopLimit || is_trailing(); }
  bool is_trailing() const { return trail != nullptr; }
  bool is_triggered() const { return triggered_at != kNoTime; }
  // A trailing stop-limit gets its limit when it triggers.
  bool has_limit() const {
    return type == OrderType::kLimit || type == OrderType::kStopLimit || type == OrderType::kTrailingStopLimit;
  }
  bool expires() const { return time_in_force == TimeInForce::kDay || time_in_force == TimeInForce::kGoodTillDate; }
  std::optional<std::int64_t> expire_time() const {
    return time_in_force == TimeInForce::kGoodTillDate ? std::optional(expires_at) : std::nullopt;
  }
  int128 leaves() const { return terms.quantity.mantissa - filled_quantity.mantissa; }
};

struct FillRecord {
  OrderRecord* order = nullptr;
  std::uint32_t number = 0;
  LiquiditySide liquidity_side = LiquiditySide::kTaker;
  std::uint8_t commission_rules = 0;
  Price price;
  Quantity quantity;
  Value commission;
  Value accrued;  // the order's commission with this fill, before minimum and maximum; only kept for its last fill
  std::int64_t ts_event = 0;
  std::int64_t sequence = 0;
  std::string trade_id;
  FillRecord* next_of_order = nullptr;
  Links<FillRecord> history;        // of all fills
  Links<FillRecord> of_strategy;    // in the same order
  Links<FillRecord> of_instrument;  // the same
};

using Queue = Fifo<OrderRecord, &OrderRecord::queue>;
using DayQueue = Fifo<OrderRecord, &OrderRecord::day>;
using OpenQueue = Fifo<OrderRecord, &OrderRecord::open>;
using StrategyOrders = Fifo<OrderRecord, &OrderRecord::of_strategy>;
using InstrumentOrders = Fifo<OrderRecord, &OrderRecord::of_instrument>;
using StrategyFills = Fifo<FillRecord, &FillRecord::of_strategy>;
using InstrumentFills = Fifo<FillRecord, &FillRecord::of_instrument>;
using FillHistory = Fifo<FillRecord, &FillRecord::history>;

}  // namespace alphaforge::execution
