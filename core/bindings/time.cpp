#include <cstdint>

#include "bindings/bindings.hpp"
#include "bindings/numbers.hpp"
#include "bindings/wall_clock.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

std::int64_t floor_divide(std::int64_t value, std::int64_t divisor) {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

}  // namespace

void bind_time(nb::module_ m) {
  m.def("unix_nanos_now", &wall_now, "The wall clock: nanoseconds since the Unix epoch.");
  m.def(
      "nanos_to_millis", [](nb::handle nanos) { return floor_divide(to_nanos(nanos, "nanos"), 1'000'000); },
      any("nanos"), nb::sig("def nanos_to_millis(nanos: int) -> int"),
      "Nanoseconds to milliseconds, rounded down (-1 ns is -1 ms).\n\nRaises ValueError beyond 64 bits.\n\n"
      ">>> nanos_to_millis(1_640_995_200_123_456_789)\n"
      "1640995200123");
  m.def(
      "nanos_to_secs", [](nb::handle nanos) { return floor_divide(to_nanos(nanos, "nanos"), 1'000'000'000); },
      any("nanos"), nb::sig("def nanos_to_secs(nanos: int) -> int"),
      "Nanoseconds to seconds, rounded down (-1 ns is -1 s).\n\nRaises ValueError beyond 64 bits.\n\n"
      ">>> nanos_to_secs(1_640_995_200_123_456_789)\n"
      "1640995200");
}

}  // namespace alphaforge::bindings
