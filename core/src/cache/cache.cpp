#include "cache/cache.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "cache/counters.hpp"
#include "cache/hash.hpp"
#include "cache/table.hpp"
#include "encoding/key.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace alphaforge::cache {

namespace {

Settings checked(Settings settings) {
  Cache::check(settings);
  return settings;
}

}  // namespace

void Cache::check(const Settings& settings) {
  // Slots are numbered with 32 bits, some of them reserved.
  constexpr std::uint64_t kEntriesMax = 4'000'000'000;
  if (settings.entries_max < 1 || settings.entries_max > kEntriesMax)
    throw InvalidArgument(Reason::SETTING_INVALID,
                          "max_size is " + std::to_string(settings.entries_max) + "; it must be 1 to 4,000,000,000");
}

Cache::Cache(const Settings& settings, const HashSeed& seed) : table_(checked(settings)), seed_(seed) {}

HashedKey Cache::hashed(std::string_view key) const {
  wire::check_key_size(key);
  return {key, static_cast<std::uint32_t>(hash_of(key, seed_))};
}

std::uint64_t Cache::put_many(std::span<const Item> items, std::int64_t expires_at_ns, std::int64_t now_ns) {
  std::size_t largest = 0;
  for (const Item& item : items) largest = std::max(largest, item.key.text.size() + item.value.size());
  with([&](Table& table) { table.check_fits(largest); });
  std::uint64_t version = 0;
  in_pieces(items,
            [&](Table& table, const Item& item) { version = table.put(item.key, item.value, expires_at_ns, now_ns); });
  return version;
}

std::uint64_t Cache::erase_many(std::span<const HashedKey> keys, std::int64_t now_ns) {
  const std::uint64_t before = memory_bytes();
  std::uint64_t erased = 0;
  in_pieces(keys, [&](Table& table, const HashedKey& key) { erased += table.erase(key, now_ns) ? 1 : 0; });
  give_back(before);
  return erased;
}

void Cache::refresh_many(std::span<const HashedKey> keys, std::uint64_t hits, std::int64_t now_ns) {
  in_pieces(keys, [&](Table& table, const HashedKey& key) { table.use(key, now_ns); });
  with([&](Table& table) { table.count_near_hits(hits); });
}

// A position in hexadecimal, prefixed with a mark of the cache's seed, so that cursors of other caches, or from before
// a restart, are refused.
std::string Cache::cursor_of(std::uint64_t position) const {
  char text[32];
  const auto mark = static_cast<unsigned>(hash_of("cursor", seed_) >> 32);
  const int size = std::snprintf(text, sizeof(text), "%08x%08x", mark, static_cast<unsigned>(position));
  return std::string(text, static_cast<std::size_t>(size));
}

KeyPage Cache::keys(std::string_view prefix, std::size_t limit, std::string_view cursor, std::int64_t now_ns) {
  std::uint64_t position = 0;
  if (!cursor.empty()) {
    const std::string_view digits = cursor.substr(std::min<std::size_t>(8, cursor.size()));
    std::from_chars(digits.data(), digits.data() + digits.size(), position, 16);
    if (cursor != cursor_of(position))
      throw InvalidArgument(Reason::PAGE_TOKEN_INVALID,
                            "this cache did not return the cursor; start again without one");
  }
  KeyPage page;
  do {
    position =
        with([&](Table& table) { return table.keys(prefix, limit - page.keys.size(), position, now_ns, page.keys); });
  } while (position != 0 && page.keys.size() < limit);
  if (position != 0) page.next_cursor = cursor_of(position);
  return page;
}

void Cache::clear(std::int64_t now_ns) {
  const std::uint64_t before = memory_bytes();
  while (!with([&](Table& table) { return table.release_expired(now_ns, kPiece); })) {
  }
  std::unique_ptr<Storage> old = with([](Table& table) { return table.clear(); });
  // Frees the entries after releasing the lock.
  old.reset();
  give_back(before);
}

std::uint64_t Cache::memory_bytes() {
  return with([](Table& table) { return table.memory_bytes(); });
}

void Cache::shrink(std::uint64_t memory_max) {
  const std::uint64_t before = memory_bytes();
  while (!with([&](Table& table) { return table.shrink(memory_max, kPiece); })) {
  }
  give_back(before);
}

// glibc keeps freed memory between used blocks. Returning it takes some milliseconds, which only pays for a large
// release.
void Cache::give_back(std::uint64_t memory_before) {
#ifdef __GLIBC__
  constexpr std::uint64_t kWorthwhileBytes = 16 * 1024 * 1024;
  if (memory_before > memory_bytes() + kWorthwhileBytes) malloc_trim(0);
#endif
}

void Cache::resize(const Settings& settings, std::int64_t now_ns) {
  check(settings);
  while (!with([&](Table& table) { return table.resize(settings, now_ns, kPiece); })) {
  }
}

void Cache::release_expired(std::int64_t now_ns) {
  const std::uint64_t before = memory_bytes();
  while (!with([&](Table& table) { return table.release_expired(now_ns, kPiece); })) {
  }
  give_back(before);
}

Counters Cache::counters(std::int64_t now_ns) {
  release_expired(now_ns);
  // Entries that have expired since, by other callers' clocks, are not counted either.
  for (;;) {
    const auto [is_done, counters] = with([&](Table& table) {
      const bool released = table.release_expired(now_ns, kPiece);
      return std::pair(released, table.counters());
    });
    if (is_done) return counters;
  }
}

}  // namespace alphaforge::cache
