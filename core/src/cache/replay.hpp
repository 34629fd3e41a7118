#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cache/block.hpp"
#include "cache/cache.hpp"

namespace alphaforge::cache {

// What a cache's file held beside the cache.
struct Replayed {
  std::vector<std::string> notes;
  // How much of the file is good: what follows was cut off by the end of its process, or is damaged.
  std::uint64_t valid_bytes = 0;
  // Whether the file ends as a cache that was stopped ends it. Otherwise its process was killed: counters begin anew,
  // and the sequence makes a leap, so that nobody who followed the changes takes later ones for those he has seen.
  bool is_complete = false;
  // What is damaged; empty where nothing is. The cache is then as it was before the damage.
  std::string damage;
};

// Makes an empty cache without bounds what the file says. Entries keep their versions; their times to live go on from the
// times of day at which they were written, and what has expired since is left out and counted. `wall_ns` is the time of
// day; brief notes that are older than `brief_ns` are left out.
Replayed replay(Cache& cache, std::int64_t now_ns, std::int64_t wall_ns, std::int64_t brief_ns,
                const ByteSource& source);

}  // namespace alphaforge::cache
