#pragma once

#include <cstdint>

namespace alphaforge::cache {

// The counters of a cache, declared once: name, kind, unit, help. The statistics object, the RPC's fields, the metrics
// and the docs come from it.
#define ALPHAFORGE_CACHE_COUNTERS(X)                                                                       \
  X(hits, counter, "1", "keys of get and get_many that were found")                                        \
  X(misses, counter, "1", "keys of get and get_many that were not found or had expired")                   \
  X(near_hits, counter, "1", "keys served by near caches, as reported by them; not in any other counter")  \
  X(total_operations, counter, "1", "gets, puts, deletes and contains; each key of a batch counts as one") \
  X(evictions, counter, "1", "entries evicted by a limit")                                                 \
  X(expirations, counter, "1", "entries whose time to live ended")                                         \
  X(entries, gauge, "1", "entries stored, without expired ones")                                           \
  X(estimated_memory_bytes, gauge, "bytes", "memory of the cache, with its index and the allocator's rounding")

struct Counters {
#define X(name, kind, unit, help) std::uint64_t name = 0;
  ALPHAFORGE_CACHE_COUNTERS(X)
#undef X
};

}  // namespace alphaforge::cache
