#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include "execution/fifo.hpp"
#include "model/order.hpp"

namespace alphaforge::execution {

inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();
inline constexpr std::int64_t kDayNs = 86'400'000'000'000;

struct Instrument;
struct Strategy;
struct FillRecord;

// An order id inside its record: no allocation, and the bytes lie where the lookup compares them.
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

// Where an active order is; a final one is nowhere.
enum class Place : std::uint8_t {
  kNowhere,
  kLimits,    // resting at its limit
  kStops,     // an untriggered stop
  kWaiting,   // a market order, or a triggered stop, that wants the next print
  kArriving,  // with fill_on="next": not yet met the market
};

// The terms a client can set, and modify_order can change.
struct Terms {
  Quantity quantity;
  Price price;       // 0 where the type has none
  Price stop_price;  // 0 where the type has none
  bool operator==(const Terms&) const = default;
};

struct OrderRecord {
  OrderId id;
  std::int64_t number = 0;  // counts the submissions of the engine from 1
  OrderSide side = OrderSide::kBuy;
  OrderType type = OrderType::kMarket;
  TimeInForce time_in_force = TimeInForce::kDay;
  OrderStatus status = OrderStatus::kInitialized;
  RejectReason reject_reason = RejectReason::kNone;
  CancelReason cancel_reason = CancelReason::kNone;
  Place place = Place::kNowhere;
  bool post_only = false;
  Instrument* instrument = nullptr;
  Strategy* strategy = nullptr;
  Terms terms;
  Terms submitted_terms;  // as first submitted: what a repeated submission is compared with
  Quantity filled_quantity;
  Value filled_value;
  Value commission;
  std::uint64_t priority = 0;       // of the engine; new at a trigger and by most changes
  std::int64_t created_at = 0;
  std::int64_t submitted_at = 0;    // wall clock of the submission
  std::int64_t updated_at = 0;      // wall clock of the last change
  std::int64_t triggered_at = kNever;
  std::int64_t expires_at = kNever;  // the midnight of a DAY order; kNever while it is undated
  std::int64_t last_event = 0;
  FillRecord* first_fill = nullptr;
  FillRecord* last_fill = nullptr;
  Links<OrderRecord> queue;    // of its place; of the final orders, oldest first, once final
  Links<OrderRecord> day;      // of its instrument's DAY orders
  Links<OrderRecord> open;     // of its strategy's active orders
  Links<OrderRecord> history;  // of all orders, in order of submission

  bool is_buy() const { return side == OrderSide::kBuy; }
  // Once triggered, a stop is a market order and a stop-limit a limit order.
  bool is_stop() const { return type == OrderType::kStop || type == OrderType::kStopLimit; }
  bool is_triggered() const { return triggered_at != kNever; }
  bool has_limit() const { return type == OrderType::kLimit || type == OrderType::kStopLimit; }
  int128 leaves() const { return terms.quantity.mantissa - filled_quantity.mantissa; }
};

struct FillRecord {
  OrderRecord* order = nullptr;
  std::uint32_t number = 0;
  LiquiditySide liquidity_side = LiquiditySide::kTaker;
  Price price;
  Quantity quantity;
  Value commission;
  std::int64_t ts_event = 0;
  std::int64_t sequence = 0;
  std::string trade_id;
  FillRecord* next_of_order = nullptr;
  Links<FillRecord> history;  // of all fills
};

using Queue = Fifo<OrderRecord, &OrderRecord::queue>;
using DayQueue = Fifo<OrderRecord, &OrderRecord::day>;
using OpenQueue = Fifo<OrderRecord, &OrderRecord::open>;
using OrderHistory = Fifo<OrderRecord, &OrderRecord::history>;
using FillHistory = Fifo<FillRecord, &FillRecord::history>;

}  // namespace alphaforge::execution
