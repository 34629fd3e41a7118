#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cache/cache.hpp"
#include "cache/journal.hpp"

namespace alphaforge::cache {

// The system refused to write, with this error number.
struct FileFailure {
  int error;
};

// What the owner of a cache writes at the beginning of its file.
struct Notes {
  std::vector<std::string> lasting;
  std::vector<std::string> brief;
};

// Writes a cache's notes and entries to an open file, from the entry unused longest to the newest, and returns the file's
// size. The cache is locked for a piece of them at a time, and serves meanwhile. Throws FileFailure.
std::uint64_t write_entries(Cache& cache, int file, const Notes& notes, std::int64_t now_ns,
                            Journal::WallClock wall_clock);

// Replaces a cache's file by a shorter one that says the same: its entries as they are, then what changed while they were
// written. `file` is open for reading and writing, empty, and named `temporary`; in the end it is named `path`, and the
// cache's journal goes on in it. Throws FileFailure, and then the old file is the cache's still; ECANCELED where the
// cache has no file, or its file is ended meanwhile.
void rewrite(Cache& cache, int file, const char* temporary, const char* path, const Notes& notes,
             std::int64_t now_ns, Journal::WallClock wall_clock);

}  // namespace alphaforge::cache
