#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

// Handling of the GIL. No thread waits for an engine's lock while holding the GIL; code that runs without the GIL, or
// with an engine locked, touches no Python object.

namespace alphaforge::bindings {

namespace nb = nanobind;

// A message of fewer bytes is decoded or encoded in less time than releasing the GIL takes.
inline constexpr std::size_t kShortBytes = 4096;
// The same for ticks or bars.
inline constexpr std::size_t kFewTicks = 64;

// Returns `call()`, called without the GIL.
template <class Call>
auto without_gil(Call&& call) {
  const nb::gil_scoped_release release;
  return call();
}

// The same, but with the GIL where the call is short.
template <class Call>
auto without_gil_if(bool is_long, Call&& call) {
  return is_long ? without_gil(call) : call();
}

// Long work on an engine: returns `call(value)`, called without the GIL and with the engine locked.
template <class Engine, class Call>
auto without_gil(Engine& engine, Call&& call) {
  const nb::gil_scoped_release release;
  return engine.with(call);
}

// Short work on an engine, which takes less time than releasing the GIL: keeps the GIL unless another thread has the
// engine.
template <class Engine, class Call>
auto with_gil(Engine& engine, Call&& call) {
  using Value = typename Engine::Value;
  using Result = std::decay_t<decltype(call(std::declval<Value&>()))>;
  if constexpr (std::is_void_v<Result>) {
    if (!engine.try_with(call)) without_gil(engine, call);
  } else {
    std::optional<Result> result;
    const auto keep = [&](Value& value) { result.emplace(call(value)); };
    if (!engine.try_with(keep)) without_gil(engine, keep);
    // One of the two has called `keep`.
    return std::move(*result);  // NOLINT(bugprone-unchecked-optional-access)
  }
}

}  // namespace alphaforge::bindings
