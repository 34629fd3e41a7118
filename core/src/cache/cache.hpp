#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/hash.hpp"
#include "cache/table.hpp"

namespace alphaforge::cache {

// One item of a batch of puts.
struct Item {
  HashedKey key;
  std::string_view value;
};

// Some keys of a cache, and where to go on: empty after the last.
struct KeyPage {
  std::vector<std::string> keys;
  std::string next_cursor;
};

// A table that many threads share.
//
// One-item calls are `with` or `try_with` and a call of the table. Batches, and whatever takes time in proportion to
// the cache, lock for a piece of the work at a time, so that nobody waits for the whole of it; others may see them half
// done.
class Cache {
 public:
  // Throws InvalidArgument SETTING_INVALID. The seed should be random, and the same for no two caches.
  Cache(const Settings& settings, const HashSeed& seed);

  // Throws InvalidArgument KEY_INVALID unless it has 1 to 1,024 bytes.
  HashedKey hashed(std::string_view key) const;

  // What `call(table)` returns, with the table locked. It must not touch Python.
  template <class Call>
  decltype(auto) with(Call&& call) {
    // Who waits for the table holds the queue: the next piece of a batch can't overtake him.
    std::unique_lock queue(queue_);
    const std::lock_guard lock(mutex_);
    queue.unlock();
    const Flush flush{table_};
    return std::forward<Call>(call)(table_);
  }
  // The same without waiting: false, and nothing done, while somebody else has the table.
  template <class Call>
  bool try_with(Call&& call) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return false;
    const Flush flush{table_};
    std::forward<Call>(call)(table_);
    return true;
  }

  // Puts in order; returns the last one's version, 0 without items. Throws as Table::check_fits, and then none is
  // stored.
  std::uint64_t put_many(std::span<const Item> items, std::int64_t expires_at_ns, std::int64_t now_ns);
  // Calls visit(index, found) for every key that is there, in order, with the table locked.
  template <class Visit>
  void get_many(std::span<const HashedKey> keys, std::int64_t now_ns, Visit&& visit);
  // How many there were.
  std::uint64_t erase_many(std::span<const HashedKey> keys, std::int64_t now_ns);
  // What a near cache served: its keys become the newest, in order, and the hits are counted.
  void refresh_many(std::span<const HashedKey> keys, std::uint64_t hits, std::int64_t now_ns);
  // Keys with that prefix, at most `limit` (a few more where hashes collide), in no particular order; a key that stays
  // throughout is met exactly once. Throws InvalidArgument PAGE_TOKEN_INVALID for a cursor that this cache didn't make.
  KeyPage keys(std::string_view prefix, std::size_t limit, std::string_view cursor, std::int64_t now_ns);
  void clear(std::int64_t now_ns);
  void resize(const Settings& settings, std::int64_t now_ns);
  // Evicts entries used longest ago until the table takes no more memory than that, or is empty.
  void shrink(std::uint64_t memory_max);
  // What the table holds of the process's memory.
  std::uint64_t memory_bytes();
  // Frees everything that has expired.
  void release_expired(std::int64_t now_ns);
  // Exact at that time: what has expired is freed first.
  Counters counters(std::int64_t now_ns);

  static void check(const Settings& settings);

 private:
  // Writes what a call has changed before the table is unlocked.
  struct Flush {
    Table& table;
    ~Flush() {
      if (Journal* const journal = table.journal()) journal->flush(table.changes().last_sequence());
    }
  };

  // Keys or entries handled under one lock: some 100 us at worst.
  static constexpr std::size_t kPiece = 1024;

  // Calls call(table, item) for each item in order, locking for a piece of them at a time.
  template <class Item, class Call>
  void in_pieces(std::span<const Item> items, Call&& call);
  std::string cursor_of(std::uint64_t position) const;
  // Gives memory back to the system when the table has become much smaller than it was.
  void give_back(std::uint64_t memory_before);

  std::mutex queue_;
  std::mutex mutex_;
  Table table_;
  HashSeed seed_;
};

inline const HashedKey& key_of(const Item& item) { return item.key; }
inline const HashedKey& key_of(const HashedKey& key) { return key; }

template <class Item, class Call>
void Cache::in_pieces(std::span<const Item> items, Call&& call) {
  // In a large table each key's cell, entry and bytes are in memory that no processor's cache has. Each of them is
  // fetched that many keys ahead of its use, the first of them first.
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
