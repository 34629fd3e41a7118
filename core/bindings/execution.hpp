#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bindings.hpp"
#include "execution/config.hpp"
#include "execution/engine.hpp"

namespace alphaforge::bindings {

// The classes of alphaforge_core.execution, in the order in which they need each other.
void bind_order(nb::module_ m);
void bind_execution_values(nb::module_ m);
void bind_execution_config(nb::module_ m);
void bind_execution_engine(nb::module_ m);

// The settings that Python gave, by name, and what they come to.
struct GivenExecutionConfig {
  execution::ExecutionConfig config;
  // What a service does with the engine, of which the engine knows nothing.
  std::string durability = "fsync";
  bool subscribe_market_data = true;
  std::int64_t stale_after_ns = 15'000'000'000;
  bool live_clock = false;
  std::int64_t close_grace_ns = 0;
  nb::dict given;
};

// The wall clock, nanoseconds since the Unix epoch.
inline std::int64_t wall_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

// An engine and the settings it was made with.
struct BoundExecutionEngine {
  explicit BoundExecutionEngine(const GivenExecutionConfig& given) : config(given), engine(given.config) {}
  GivenExecutionConfig config;
  execution::ExecutionEngine engine;
  // When the calls that follow were received; none: when they are made.
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
  // Each order of a call waited for all of it.
  void took(std::int64_t orders, std::int64_t received) {
    engine.took(orders, std::max<std::int64_t>(wall_now() - received, 0) * orders);
  }
};

// Short work: it costs less than giving up the GIL does; but nobody waits for the engine with the GIL in hand. `work` touches
// no Python.
template <class Work>
auto promptly(execution::ExecutionEngine& engine, Work work) {
  if (const auto lock = engine.try_lock()) return engine.locked(lock, work);
  const nb::gil_scoped_release release;
  return engine.alone(work);
}

// Long work: without the GIL.
template <class Work>
auto at_length(execution::ExecutionEngine& engine, Work work) {
  const nb::gil_scoped_release release;
  return engine.alone(work);
}

// Orders that one call may submit over the wire.
inline constexpr std::size_t kOrdersPerCallMax = 100'000;

void bind_execution_wire(nb::module_ m, nb::class_<BoundExecutionEngine>& type);

// What a call with many ticks came to, by their indices.
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
      .def_static("from_wire",
                  [decode](const nb::bytes& message) { return decode({message.c_str(), message.size()}); },
                  nb::sig(kFromWire.c_str()),
                  "The value of a protobuf message. Raises InvalidArgument (MESSAGE_MALFORMED) for bytes that are none.")
      .def("__getstate__", to_wire, nb::sig("def __getstate__(self) -> bytes"))
      .def("__setstate__",
           [decode](T& self, const nb::bytes& message) { new (&self) T(decode({message.c_str(), message.size()})); },
           nb::sig("def __setstate__(self, message: bytes, /) -> None"));
}

}  // namespace alphaforge::bindings
