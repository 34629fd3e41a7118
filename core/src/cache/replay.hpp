#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cache/block.hpp"
#include "cache/cache.hpp"

namespace alphaforge::cache {

// The result of a replay besides the cache.
struct Replayed {
  std::vector<std::string> notes;
  // The size of the valid part of the file: the rest was cut off when the process was killed, or is damaged.
  std::uint64_t valid_bytes = 0;
  // Whether the file was completed by a stop. Otherwise its process was killed: counters restart, and the sequence
  // skips ahead, so that subscribers don't mistake later changes for ones they have seen.
  bool is_complete = false;
  // Of the last change in the file; 0 for none.
  std::uint64_t last_sequence = 0;
  // A description of the damage, or empty. The cache has the state before the damage.
  std::string damage;
};

// Restores a file into an empty cache without limits. Entries keep their versions; their times to live continue by the
// wall clock, and expired entries are dropped and counted. `wall_ns` is the time of day; brief notes older than
// `brief_ns` are dropped.
Replayed replay(Cache& cache, std::int64_t now_ns, std::int64_t wall_ns, std::int64_t brief_ns,
                const ByteSource& source);

// Applies the next blocks of another process's cache to a copy of it without limits, which has its sequence and
// versions afterwards. Entries expire only once that cache has removed them, or the copy is used. `is_complete` is not
// set.
Replayed follow(Cache& cache, std::int64_t now_ns, std::int64_t wall_ns, const ByteSource& source);

}  // namespace alphaforge::cache
