#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/guarded.hpp"
#include "cache/counters.hpp"
#include "cache/hash.hpp"
#include "cache/journal.hpp"
#include "cache/table.hpp"

namespace alphaforge::cache {

// One item of a batch of puts.
struct Item {
  HashedKey key;
  std::string_view value;
};

// A page of keys, and the cursor of the next one: empty after the last.
struct KeyPage {
  std::vector<std::string> keys;
  std::string next_cursor;
};

// A table shared by threads.
//
// One-item calls are `with` or `try_with` and a call of the table. Batches, and other work proportional to the cache's
// size, lock for a part at a time, so that other callers don't wait for all of it; they may see it partly done.
class Cache {
 public:
  // Throws InvalidArgument SETTING_INVALID. The seed should be random and differ between caches.
  Cache(const Settings& settings, const HashSeed& seed);

  // Throws InvalidArgument KEY_INVALID unless it has 1 to 1,024 bytes.
  HashedKey hashed(std::string_view key) const;

  using Value = Table;

  // Returns `call(table)`, called with the table locked.
  template <class Call>
  decltype(auto) with(Call&& call) {
    return table_.with([&](Table& table) -> decltype(auto) {
      const Flush flush{table};
      return call(table);
    });
  }
  // The same without waiting: returns false and does nothing while another thread holds the table.
  template <class Call>
  bool try_with(Call&& call) {
    return table_.try_with([&](Table& table) {
      const Flush flush{table};
      call(table);
    });
  }

  // Puts in order; returns the last one's version, 0 without items. If it throws, as Table::check_fits does, none is
  // stored.
  std::uint64_t put_many(std::span<const Item> items, std::int64_t expires_at_ns, std::int64_t now_ns);
  // Calls visit(index, found) for every key that exists, in order, with the table locked.
  template <class Visit>
  void get_many(std::span<const HashedKey> keys, std::int64_t now_ns, Visit&& visit);
  // Returns the number of keys that existed.
  std::uint64_t erase_many(std::span<const HashedKey> keys, std::int64_t now_ns);
  // Keys served by a near cache: they become the newest, in order, and the hits are counted.
  void refresh_many(std::span<const HashedKey> keys, std::uint64_t hits, std::int64_t now_ns);
  // Keys with that prefix, at most `limit` (a few more where hashes collide), in no particular order; a key that exists
  // throughout is returned exactly once. Throws InvalidArgument PAGE_TOKEN_INVALID for an invalid cursor.
  KeyPage keys(std::string_view prefix, std::size_t limit, std::string_view cursor, std::int64_t now_ns);
  void clear(std::int64_t now_ns);
  void resize(const Settings& settings, std::int64_t now_ns);
  // Evicts the least recently used entries until the table takes at most that much memory, or is empty.
  void shrink(std::uint64_t memory_max);
  // The memory of the table.
  std::uint64_t memory_bytes();
  // Frees everything that has expired.
  void release_expired(std::int64_t now_ns);
  // Exact at that time: expired entries are freed first.
  Counters counters(std::int64_t now_ns);

  static void check(const Settings& settings);

 private:
  // Writes the changes of a call before the table is unlocked.
  struct Flush {
    Table& table;
    ~Flush() {
      if (Journal* const journal = table.journal()) journal->flush(table.changes().last_sequence());
    }
  };

  // Keys or entries handled under one lock: about 100 us at worst.
  static constexpr std::size_t kPiece = 1024;

  // Calls call(table, item) for each item in order, locking for some items at a time.
  template <class Item, class Call>
  void in_pieces(std::span<const Item> items, Call&& call);
  std::string cursor_of(std::uint64_t position) const;
  // Returns memory to the system when the table has become much smaller.
  void give_back(std::uint64_t memory_before);

  Guarded<Table> table_;
  HashSeed seed_;
};

inline const HashedKey& key_of(const Item& item) { return item.key; }
inline const HashedKey& key_of(const HashedKey& key) { return key; }
const HashedKey& key_of(HashedKey&&) = delete;

template <class Item, class Call>
void Cache::in_pieces(std::span<const Item> items, Call&& call) {
  // In a large table, each key's cell, entry and bytes are not in the CPU cache. Each is prefetched this many keys
  // ahead of its use.
  constexpr std::size_t kCellAhead = 24, kEntryAhead = 16, kDataAhead = 8;
  while (!items.empty()) {
    const auto piece = items.first(std::min(kPiece, items.size()));
    items = items.subspan(piece.size());
    with([&](Table& table) {
      for (std::size_t i = 0; i < piece.size(); ++i) {
        if (i + kCellAhead < piece.size()) table.prefetch_cell(key_of(piece[i + kCellAhead]));
        if (i + kEntryAhead < piece.size()) table.prefetch_entry(key_of(piece[i + kEntryAhead]));
        if (i + kDataAhead < piece.size()) table.prefetch_data(key_of(piece[i + kDataAhead]));
        call(table, piece[i]);
      }
    });
  }
}

template <class Visit>
void Cache::get_many(std::span<const HashedKey> keys, std::int64_t now_ns, Visit&& visit) {
  std::size_t index = 0;
  in_pieces(keys, [&](Table& table, const HashedKey& key) {
    if (const auto found = table.get(key, now_ns)) visit(index, *found);
    ++index;
  });
}

}  // namespace alphaforge::cache
