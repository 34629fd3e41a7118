#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "cache/cache.hpp"
#include "cache/journal.hpp"

namespace alphaforge::cache {

// The system refused to write, with this error number.
struct FileFailure : std::exception {
  explicit FileFailure(int number) : error(number) {}
  int error;
};

// The notes that the owner of a cache writes at the beginning of its file.
struct Notes {
  std::vector<std::string> lasting;
  std::vector<std::string> brief;
};

// Writes a cache's notes and entries to an open file, from the entry unused longest to the newest, and returns the
// file's size. The cache is locked for some entries at a time and remains available. Throws FileFailure.
std::uint64_t write_entries(Cache& cache, int file, const Notes& notes, std::int64_t now_ns,
                            Journal::WallClock wall_clock);

// Replaces a cache's file with an equivalent shorter one: the current entries, then the changes made while they were
// written. `file` is open for reading and writing, empty, and named `temporary`; in the end it is named `path`, and the
// cache's journal continues in it. Throws FileFailure, and then the cache keeps the old file; ECANCELED if the cache
// has no file, or its file is ended meanwhile.
void rewrite(Cache& cache, int file, const char* temporary, const char* path, const Notes& notes, std::int64_t now_ns,
             Journal::WallClock wall_clock);

}  // namespace alphaforge::cache
