#pragma once

#include <cstdint>
#include <string_view>

namespace alphaforge {

// The contents of a SQLite write-ahead log (a `-wal` file). SQLite recovers frames up to the first invalid one, which
// it takes for the torn end of an unfinished write. That is right after a crash, but after damage in the middle it
// drops commits.
struct SqliteWal {
  bool is_header_valid = false;
  // The number of valid frames, and of those up to the last commit, which SQLite recovers.
  std::uint64_t frames = 0;
  std::uint64_t committed_frames = 0;
  // The number of frames of the same log after the first invalid one: if there are any, it is not a torn end.
  std::uint64_t frames_after_bad = 0;
};

// Reads a whole log; see https://www.sqlite.org/fileformat2.html#walformat.
SqliteWal read_sqlite_wal(std::string_view file);

}  // namespace alphaforge
