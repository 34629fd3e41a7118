#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "cache/change_log.hpp"
#include "cache/counters.hpp"
#include "cache/deadlines.hpp"
#include "cache/index.hpp"
#include "cache/journal.hpp"
#include "cache/slots.hpp"

namespace alphaforge::cache {

// The weight of an entry besides its key and value: its slot, its positions in index and heap, the allocator's
// rounding.
inline constexpr std::uint64_t kEntryOverheadBytes = 96;

// The limits of a cache; 0 bytes: no limit.
struct Settings {
  std::uint64_t entries_max = 10'000;
  std::uint64_t bytes_max = 0;

  bool operator==(const Settings&) const = default;
};

// A key with its hash under the cache's seed, computed before the cache is locked.
struct HashedKey {
  std::string_view text;
  std::uint32_t tag = 0;
};

// A view of a stored entry; the bytes are valid until the table changes.
struct Found {
  std::string_view value;
  std::uint64_t version = 0;
  std::int64_t expires_at_ns = kNever;
};

// The result of an increment: the entry's encoded value and version.
struct Sum {
  std::string value;
  std::uint64_t version = 0;
};

// A snapshot of a table's entries, from the least to the most recently used.
struct Order {
  std::vector<std::uint32_t> slots;
  std::uint64_t storage_number = 0;
};

// All data of the entries.
struct Storage {
  Slots slots;
  Index index;
  Deadlines deadlines{slots};
  std::uint32_t oldest = kNoSlot;
  std::uint32_t newest = kNoSlot;
  std::uint64_t entries = 0;
  std::uint64_t weight = 0;      // against bytes_max
  std::uint64_t heap_bytes = 0;  // of keys and values, as malloc rounds them
};

// Entries in exact order of use, with limits and times to live. Not thread-safe; see Cache.
//
// Every call takes the time, in ns of any monotonic clock; a time earlier than that of a previous call
// counts as the latter. Each call frees a few expired entries, so the work of freeing is spread over calls.
class Table {
 public:
  explicit Table(const Settings& settings);

  // A read that counts as a hit or miss and makes the entry the newest.
  std::optional<Found> get(const HashedKey& key, std::int64_t now_ns);
  // A read that changes and counts nothing.
  std::optional<Found> peek(const HashedKey& key, std::int64_t now_ns);
  bool contains(const HashedKey& key, std::int64_t now_ns);

  // Throws InvalidArgument LIMIT_EXCEEDED if a key and value of `data_size` bytes can't fit `bytes_max`.
  void check_fits(std::size_t data_size) const;
  // Stores a value and returns its version; a counted operation. Throws as check_fits.
  std::uint64_t put(const HashedKey& key, std::string_view value, std::int64_t expires_at_ns, std::int64_t now_ns);
  // The same without counting an operation, for put_if_absent, swaps and increments.
  std::uint64_t store(const HashedKey& key, std::string_view value, std::int64_t expires_at_ns, std::int64_t now_ns);
  // Stores a value if the entry has that version (0: if there is none); otherwise returns 0 and changes nothing.
  std::uint64_t compare_and_swap(const HashedKey& key, std::uint64_t version, std::string_view value,
                                 std::int64_t expires_at_ns, std::int64_t now_ns);
  // Adds to an encoded number. `expires_at_ns` applies to a new entry only; an existing one keeps its own.
  // Throws as wire::add_values. The amount must have passed wire::check_amount.
  Sum increment(const HashedKey& key, std::string_view amount, std::int64_t expires_at_ns, std::int64_t now_ns);
  bool erase(const HashedKey& key, std::int64_t now_ns);
  // Sets a new deadline and makes the entry the newest; false if there is no such entry.
  bool touch(const HashedKey& key, std::int64_t expires_at_ns, std::int64_t now_ns);
  // A read that makes the entry the newest and counts nothing: for get_or_compute, and for entries that a near cache
  // has served.
  std::optional<Found> use(const HashedKey& key, std::int64_t now_ns);
  void count_near_hits(std::uint64_t hits) { counters_.near_hits += hits; }

  // Prefetch what a call with that key will read. They change nothing.
  void prefetch_cell(const HashedKey& key) const { storage_->index.prefetch(key.tag); }
  void prefetch_entry(const HashedKey& key) const {
    const std::uint32_t slot = first_of(key);
    if (slot != kNoSlot) storage_->slots.prefetch(slot);
  }
  void prefetch_data(const HashedKey& key) const {
    const std::uint32_t slot = first_of(key);
    if (slot != kNoSlot) __builtin_prefetch(storage_->slots[slot].data);
  }

  // Frees at most `limit` expired entries; true when none is left.
  bool release_expired(std::int64_t now_ns, std::size_t limit);
  // Appends keys with that prefix from the segment of the index at `cursor` (0: the first) and returns the next cursor,
  // 0 at the end. Appends at most `limit` keys, and a few more if their tags equal the last key's. A key that exists
  // throughout is appended exactly once.
  std::uint64_t keys(std::string_view prefix, std::size_t limit, std::uint64_t cursor, std::int64_t now_ns,
                     std::vector<std::string>& out);

  // Removes and returns all entries. The caller should destroy them outside its lock, since that takes time for each.
  [[nodiscard]] std::unique_ptr<Storage> clear();

  Settings settings() const { return settings_; }
  // Applies new limits, evicting at most `limit` entries beyond them; true when done. Until then the limits shrink with
  // the entries, so that no put has to evict the whole difference.
  bool resize(const Settings& settings, std::int64_t now_ns, std::size_t limit);

  // Evicts least recently used entries, at most `limit`, down to that much memory; true when done or empty.
  bool shrink(std::uint64_t memory_max, std::size_t limit);

  // The memory of the table.
  std::uint64_t memory_bytes() const;
  // Counts expired entries that are not freed yet: callers that must not count them release them first.
  Counters counters() const;
  ChangeLog& changes() { return changes_; }
  const ChangeLog& changes() const { return changes_; }

  // Sets where changes are recorded; null: nowhere.
  void keep(std::unique_ptr<Journal> journal) { journal_ = std::move(journal); }
  Journal* journal() { return journal_.get(); }

  // Restores an entry from before a restart, with its version; call `resume` afterwards.
  void restore(const HashedKey& key, std::string_view value, std::uint64_t version, std::int64_t expires_at_ns,
               std::int64_t now_ns);
  // Continues counters and sequence from these.
  void resume(const Counters& counters, std::uint64_t last_sequence);
  // Takes over the sequence of the cache whose changes were applied to this one, and counts nothing of them.
  void follow(std::uint64_t last_sequence);

  // Takes a few ns per entry.
  Order order() const;
  // The current entry in that slot, or null.
  const Entry* entry_at(const Order& order, std::size_t index) const;

  // Recomputes every count and link the slow way; throws EngineError INTERNAL that names the first difference. For
  // tests.
  void validate() const;

 private:
  std::uint32_t find(const HashedKey& key) const;
  // The first slot under the key's tag; almost always the key's own, since tags rarely collide.
  std::uint32_t first_of(const HashedKey& key) const {
    return storage_->index.find(key.tag, [](std::uint32_t) { return true; });
  }
  std::uint32_t find_live(const HashedKey& key);
  std::uint32_t insert(const HashedKey& key, std::string_view value, std::int64_t expires_at_ns);
  void replace(std::uint32_t slot, std::string_view value, std::int64_t expires_at_ns);
  void make_room(std::uint64_t entries, std::uint64_t weight);
  void drop_one();
  void remove(std::uint32_t slot, ChangeKind why);
  void advance(std::int64_t now_ns);
  void link_newest(std::uint32_t slot);
  void unlink(std::uint32_t slot);
  void make_newest(std::uint32_t slot);

  Settings settings_;
  std::unique_ptr<Storage> storage_;
  std::uint64_t storage_number_ = 0;
  Counters counters_;
  ChangeLog changes_;
  std::unique_ptr<Journal> journal_;
  std::int64_t now_ns_ = kNoTime;
};

}  // namespace alphaforge::cache
