#pragma once

#include <cstdint>

namespace alphaforge::execution {

// The counters of the execution engine, declared once: name, kind, unit, help. The statistics of Python, the RPC fields
// and the metrics come from these tables. A counter only grows until a reset; a gauge can go both ways.
#define ALPHAFORGE_EXECUTION_COUNTS(X)                                                   \
  X(orders_submitted, counter, "orders",                                                 \
    "Orders received, including rejected ones; a repeated submission counts once.")      \
  X(orders_filled, counter, "orders", "Orders that ended Filled.")                       \
  X(orders_cancelled, counter, "orders", "Orders that ended Cancelled, for any reason.") \
  X(orders_rejected, counter, "orders", "Orders rejected by a rule.")                    \
  X(orders_open, gauge, "orders", "Open orders.")                                        \
  X(orders_partially_filled, gauge, "orders", "Open orders with a partial fill.")        \
  X(fills, counter, "fills", "Executions.")                                              \
  X(ticks_processed, counter, "ticks", "Ticks accepted.")                                \
  X(ticks_rejected, counter, "ticks", "Refused ticks, which changed nothing.")           \
  X(duplicate_ticks, counter, "ticks", "Duplicate ticks, which changed nothing.")        \
  X(instruments, gauge, "instruments", "Instruments with state.")                        \
  X(strategies, gauge, "strategies", "Strategies with state.")                           \
  X(orders_kept, gauge, "orders", "Orders remembered, including final ones.")            \
  X(events_kept, gauge, "events", "Order events kept for resuming subscribers.")         \
  X(memory_usage_bytes, gauge, "bytes", "Estimated memory of the engine's state.")

#define ALPHAFORGE_EXECUTION_AMOUNTS(X)                                                                     \
  X(fill_ratio, gauge, "1", "orders_filled / orders_submitted; 0 if there are none.")                       \
  X(avg_execution_latency_ms, gauge, "ms", "Mean time from a submission's receipt to its acknowledgement.") \
  X(total_volume, counter, "units", "Sum of the filled quantities.")                                        \
  X(total_notional, counter, "value", "Sum of price x quantity over all fills.")                            \
  X(total_commission, gauge, "value", "Sum of commissions; rebates reduce it.")

#define ALPHAFORGE_EXECUTION_COUNTERS(X) \
  ALPHAFORGE_EXECUTION_COUNTS(X)         \
  ALPHAFORGE_EXECUTION_AMOUNTS(X)

struct ExecutionStatistics {
#define X(name, kind, unit, help) std::int64_t name = 0;
  ALPHAFORGE_EXECUTION_COUNTS(X)
#undef X
#define X(name, kind, unit, help) double name = 0;
  ALPHAFORGE_EXECUTION_AMOUNTS(X)
#undef X
};

}  // namespace alphaforge::execution
