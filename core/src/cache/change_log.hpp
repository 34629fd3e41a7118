#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace alphaforge::cache {

// The numbers are those of the wire.
enum class ChangeKind : std::uint8_t { kPut = 1, kDelete = 2, kEviction = 3, kExpiration = 4, kClear = 5, kTouch = 6 };

// A change that invalidates copies of an entry. kClear has no key.
struct Change {
  std::uint64_t sequence = 0;
  ChangeKind kind = ChangeKind::kPut;
  std::string key;
};

// The result for a reader: changes from its position, and whether older ones are no longer kept.
struct Changes {
  std::vector<Change> changes;
  std::uint64_t next_sequence = 0;  // where to continue reading
  bool has_gap = false;
};

// The latest changes of a cache, numbered from 1 without gaps; the number of a put is its entry's version. They are
// kept only while there are subscribers, within two limits.
class ChangeLog {
 public:
  // Starts keeping changes; 0 changes: stops.
  void keep(std::size_t changes_max, std::size_t bytes_max);

  // Returns the change's sequence.
  std::uint64_t append(ChangeKind kind, std::string_view key);
  // The sequence of the latest change; 0 before the first.
  std::uint64_t last_sequence() const { return next_sequence_ - 1; }
  // Continues above this one, after a restart; never backwards.
  void skip_to(std::uint64_t last_sequence);
  // Continues after this one, for a copy of another process's cache.
  void continue_after(std::uint64_t last_sequence);
  Changes read(std::uint64_t from_sequence, std::size_t limit) const;
  std::size_t memory_bytes() const { return kept_.size() * sizeof(Change) + key_bytes_; }

 private:
  void trim();

  std::deque<Change> kept_;
  std::uint64_t next_sequence_ = 1;
  std::size_t changes_max_ = 0;
  std::size_t bytes_max_ = 0;
  std::size_t key_bytes_ = 0;
};

}  // namespace alphaforge::cache
