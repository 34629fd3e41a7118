#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bindings/bindings.hpp"
#include "bindings/wall_clock.hpp"
#include "execution/config.hpp"
#include "execution/engine.hpp"
#include "execution/venue.hpp"
#include "model/order.hpp"

namespace alphaforge::bindings {

// The classes of alphaforge_core.execution, in the order in which they need each other.
void bind_order(nb::module_ m);
void bind_order_group(nb::module_ m);
void bind_execution_values(nb::module_ m);
void bind_execution_config(nb::module_ m);
void bind_execution_engine(nb::module_ m);
void bind_execution_wire(nb::module_ m);
void bind_order_change(nb::module_ m);
void bind_instrument(nb::module_ m);

// The common part of all factories of orders.
Order make_order(OrderType type, nb::handle symbol, OrderSide side, nb::handle quantity, TimeInForce time_in_force,
                 nb::handle strategy_id, bool reduce_only, nb::handle expire_time_ns, nb::handle order_id,
                 nb::handle created_at);

// as_dict(): all attributes by name, enumerations by their names, numbers as exact Decimals.
nb::dict order_as_dict(nb::handle self);
nb::dict fill_as_dict(nb::handle self);
nb::dict position_as_dict(nb::handle self);
nb::dict event_as_dict(nb::handle self);

// The settings given in Python, by name, and the resulting configuration.
struct GivenExecutionConfig {
  execution::ExecutionConfig config;
  // Settings that only services use.
  std::string durability = "fsync";
  bool subscribe_market_data = true;
  std::int64_t stale_after_ns = 15'000'000'000;
  bool live_clock = false;
  std::int64_t close_grace_ns = 0;
  nb::dict given;
};

// An engine and its settings.
struct BoundExecutionEngine {
  explicit BoundExecutionEngine(const GivenExecutionConfig& given) : config(given), engine(given.config) {}
  GivenExecutionConfig config;
  execution::ExecutionEngine engine;
  // The time of receipt of the following calls; none: the time of the call.
  std::optional<std::int64_t> received_at;
  // Orders submitted at `received_at` that are not yet acknowledged.
  std::int64_t unacknowledged = 0;

  std::int64_t now() const { return received_at.value_or(wall_now()); }
  // `orders` were submitted by a call that was received then.
  void submitted(std::int64_t orders, std::int64_t received) {
    if (received_at)
      unacknowledged += orders;
    else
      took(orders, received);
  }
  // Each order of a call waited for the whole call.
  void took(std::int64_t orders, std::int64_t received) {
    engine.took(orders, std::max<std::int64_t>(wall_now() - received, 0) * orders);
  }
};

// alphaforge_core.execution_wire.ServiceEngine: the engine with methods for services.
struct ServiceExecutionEngine : BoundExecutionEngine {
  using BoundExecutionEngine::BoundExecutionEngine;
};

// cancel_orders() and modify_orders(); and the latter as messages.
void bind_changes(nb::class_<BoundExecutionEngine>& type);
void bind_changes_wire(nb::module_ m, nb::class_<ServiceExecutionEngine, BoundExecutionEngine>& type);

// get_accounts() and resume_strategy(); and Account.
void bind_account(nb::module_ m);
void bind_accounts(nb::class_<BoundExecutionEngine>& type);
// register_instruments() and get_instruments().
void bind_registry(nb::class_<BoundExecutionEngine>& type);

// Another name of a value of an enumeration.
inline void add_alias(nb::handle type, const char* alias, const char* name) {
  const nb::object member = type.attr(name);
  nb::setattr(type, alias, member);
  type.attr("_member_map_")[alias] = member;
}

// Arguments that may be None.
std::optional<std::string> optional_text(nb::handle value, const char* what);
std::size_t limit_of(nb::handle limit);
// Arguments of get_orders, get_fills and get_positions.
execution::Filter to_filter(nb::handle strategy_id, nb::handle symbol, nb::handle order_id, nb::handle status,
                            nb::handle limit, nb::handle after);

// The result of a call with many ticks, by index.
struct TickResult {
  nb::list rejected;
  nb::list duplicates;
};

// from_wire, to_wire and, by them, pickling: the value as a message of alphaforge.execution.v1.
template <class T>
void bind_wire(nb::class_<T>& type, const char* name, std::string (*encode)(const T&), T (*decode)(std::string_view)) {
  const auto to_wire = [encode](const T& self) {
    const std::string message = encode(self);
    return nb::bytes(message.data(), message.size());
  };
  // The signatures live as long as the classes, as nanobind wants it.
  static const std::string kFromWire = std::string("def from_wire(message: bytes, /) -> ") + name;
  type.def("to_wire", to_wire, nb::sig("def to_wire(self) -> bytes"), "The value as a protobuf message.")
      .def_static(
          "from_wire", [decode](const nb::bytes& message) { return decode({message.c_str(), message.size()}); },
          nb::sig(kFromWire.c_str()), "The value of a protobuf message. Raises InvalidArgument (MESSAGE_MALFORMED).")
      .def("__getstate__", to_wire, nb::sig("def __getstate__(self) -> bytes"))
      .def(
          "__setstate__",
          [decode](T& self, const nb::bytes& message) { new (&self) T(decode({message.c_str(), message.size()})); },
          nb::sig("def __setstate__(self, message: bytes, /) -> None"));
}

}  // namespace alphaforge::bindings
