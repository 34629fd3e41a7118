#pragma once

#include <cstdint>

namespace alphaforge::data {

// The counters of the data engine, declared once: type, name, kind, unit, help. Python's statistics, the RPC's fields
// and the metrics come from this table. A counter only grows until a reset; a gauge can go both ways.
#define ALPHAFORGE_DATA_COUNTERS(X)                                                                               \
  X(std::uint64_t, ticks_processed, counter, "ticks", "Accepted ticks, including late and price-only ones.")      \
  X(std::uint64_t, bars_generated, counter, "bars", "Closed bars of all types, without corrections.")             \
  X(double, processing_rate, gauge, "ticks/s",                                                                    \
    "Ticks received per second, over the last ten seconds; 0 if statistics are off.")                             \
  X(double, avg_processing_latency_ns, gauge, "ns", "Mean time in the engine per tick; 0 if statistics are off.") \
  X(std::uint64_t, memory_usage_bytes, gauge, "bytes", "Memory of bars, open state and duplicate windows.")       \
  X(std::uint64_t, ticks_rejected, counter, "ticks", "Refused ticks, which changed nothing.")                     \
  X(std::uint64_t, late_ticks, counter, "ticks", "Accepted ticks that were too late for at least one time bar.")  \
  X(std::uint64_t, duplicate_ticks, counter, "ticks", "Duplicate ticks, which changed nothing.")                  \
  X(std::uint64_t, instruments, gauge, "instruments", "Instruments with trades.")

struct DataEngineStatistics {
#define X(type, name, kind, unit, help) type name = 0;
  ALPHAFORGE_DATA_COUNTERS(X)
#undef X
};

}  // namespace alphaforge::data
