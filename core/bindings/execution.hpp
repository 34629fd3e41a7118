#pragma once

#include <chrono>
#include <cstdint>

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
struct GivenConfig {
  execution::ExecutionConfig config;
  nb::dict given;
};

// The wall clock, nanoseconds since the Unix epoch.
inline std::int64_t wall_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace alphaforge::bindings
