#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/block.hpp"
#include "cache/counters.hpp"
#include "cache/slots.hpp"

namespace alphaforge::cache {

// Writes all bytes to an open file; returns 0 or the system's error number.
int write_whole(int file, std::string_view bytes);

// The changes of a cache, before they are written to its file. The table records each change; the cache writes them in
// one block before it is unlocked, so that no caller sees a change that a kill of the process could undo.
//
// Without a file, the blocks are collected for the cache's owner, who writes them elsewhere.
//
// Reads are not changes: after a kill, the order of use is that of puts and touches.
//
// After a failed write, nothing more is recorded: the file stays unchanged until a rewrite replaces it.
class Journal {
 public:
  // The time of day, ns since the Unix epoch.
  using WallClock = std::int64_t (*)();

  struct Statistics {
    std::uint64_t writes = 0;
    std::uint64_t changes = 0;
    std::uint64_t written_bytes = 0;
    std::uint64_t failures = 0;
    std::uint64_t file_bytes = 0;
    std::uint64_t rewrites = 0;
  };

  // Takes over a file that is open for reading and writing at its end, after `file_bytes`.
  Journal(int file, std::uint64_t file_bytes, WallClock wall_clock);
  // Collects blocks until `take`.
  explicit Journal(WallClock wall_clock) : Journal(kNoFile, 0, wall_clock) {}
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  void stored(const Entry& entry, std::int64_t now_ns) noexcept;
  void touched(const Entry& entry, std::int64_t now_ns) noexcept;
  void removed(std::string_view key) noexcept;
  void cleared() noexcept;
  void note(std::string_view bytes) noexcept;
  void brief_note(std::string_view bytes) noexcept;
  void counters(const Counters& counters) noexcept;

  // Until `release`, changes are recorded but not written, so that a note can be written in the same block.
  void hold() { is_held_ = true; }
  void release() { is_held_ = false; }
  // Writes what was recorded.
  void flush(std::uint64_t last_sequence) noexcept;

  // The blocks collected since the last call.
  std::vector<std::string> take() { return std::exchange(collected_, {}); }

  // The system's error number of the failed write; 0 if none has failed.
  int error() const { return error_; }
  int file() const { return file_; }
  const Statistics& statistics() const { return statistics_; }
  // Continues in a file that has everything up to now.
  void switch_to(int file, std::uint64_t file_bytes);

 private:
  static constexpr int kNoFile = -1;

  template <class Write>
  void record(Write&& write) noexcept;
  void write_block() noexcept;
  // Returns 0 or the system's error number.
  int write_or_collect(std::string_view block) noexcept;
  void fail(int error) noexcept;

  int file_;
  WallClock wall_clock_;
  Block block_;
  std::vector<std::string> collected_;
  std::uint64_t changes_in_block_ = 0;
  bool is_held_ = false;
  int error_ = 0;
  Statistics statistics_;
};

}  // namespace alphaforge::cache
