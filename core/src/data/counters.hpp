#pragma once

#include <cstdint>

namespace alphaforge::data {

// What the data engine measures, declared once: type, name, kind, unit, help. Python's statistics, the RPC's fields and
// the metrics come from this table. A counter only grows until the engine is emptied; a gauge moves both ways.
#define ALPHAFORGE_DATA_COUNTERS(X)                                                                                        \
  X(std::uint64_t, ticks_processed, counter, "ticks", "Ticks accepted, late and price-only ones included.")               \
  X(std::uint64_t, bars_generated, counter, "bars", "Bars closed, of all types; corrections of a bar don't count.")       \
  X(double, processing_rate, gauge, "ticks/s", "Ticks received a second, over the last ten seconds; 0 without statistics.") \
  X(double, avg_processing_latency_ns, gauge, "ns", "Mean time in the engine per tick; 0 without statistics.")            \
  X(std::uint64_t, memory_usage_bytes, gauge, "bytes", "Memory held for bars, open state and duplicate windows.")         \
  X(std::uint64_t, ticks_rejected, counter, "ticks", "Ticks refused by a rule; they changed nothing.")                    \
  X(std::uint64_t, late_ticks, counter, "ticks", "Accepted ticks that came too late for at least one time bar.")          \
  X(std::uint64_t, duplicate_ticks, counter, "ticks", "Ticks that had been seen before; they changed nothing.")           \
  X(std::uint64_t, instruments, gauge, "instruments", "Instruments that have been traded.")

struct DataEngineStatistics {
#define X(type, name, kind, unit, help) type name = 0;
  ALPHAFORGE_DATA_COUNTERS(X)
#undef X
};

}  // namespace alphaforge::data
