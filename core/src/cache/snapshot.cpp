#include "cache/snapshot.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "wire/writer.hpp"

namespace alphaforge::cache {

namespace {

using wire::Reader;
using wire::Writer;

constexpr std::uint64_t kFormat = 1;
// Entries are collected up to this size; one block can be larger by its last entry.
constexpr std::size_t kBlockBytes = 1024 * 1024;
constexpr std::size_t kBlockBytesMax = 16 * 1024 * 1024;

// A checksum against damage needs no secret.
constexpr HashSeed kChecksumSeed{0x616c706861666f72, 0x67652d6361636865};

struct BlockHead {
  std::uint64_t size = 0;
  std::uint64_t checksum = 0;
};

[[noreturn]] void refuse(const char* what) {
  throw InvalidArgument(Reason::MESSAGE_MALFORMED, std::string("damaged snapshot of a cache: ") + what);
}

void write_block(const std::string& block, const SnapshotSink& sink) {
  const BlockHead head{block.size(), hash_of(block, kChecksumSeed)};
  sink({reinterpret_cast<const char*>(&head), sizeof(head)});
  sink(block);
}

// The next block; empty at the regular end.
std::string read_block(const SnapshotSource& source) {
  BlockHead head;
  if (source(reinterpret_cast<char*>(&head), sizeof(head)) != sizeof(head)) refuse("it ends too early");
  if (head.size > kBlockBytesMax) refuse("a block's length");
  std::string block(head.size, '\0');
  if (source(block.data(), block.size()) != block.size()) refuse("it ends too early");
  if (hash_of(block, kChecksumSeed) != head.checksum) refuse("a checksum");
  return block;
}

std::string encode_head(const Table& table, std::int64_t wall_ns) {
  std::string head;
  Writer writer(head);
  writer.uint(1, kFormat);
  writer.uint(2, static_cast<std::uint64_t>(wall_ns));
  writer.uint(3, table.changes().last_sequence());
  const Counters counters = table.counters();
  const auto counter = [&](std::string_view name, std::uint64_t value) {
    const std::size_t start = writer.begin(4);
    writer.bytes(1, name);
    writer.uint(2, value);
    writer.end(start);
  };
#define X(name, kind, unit, help) counter(#name, counters.name);
  ALPHAFORGE_CACHE_COUNTERS(X)
#undef X
  return head;
}

struct Head {
  std::uint64_t format = 0;
  std::int64_t wall_ns = 0;
  std::uint64_t last_sequence = 0;
  Counters counters;
};

void read_counter(std::string_view message, Counters& counters) {
  std::string_view counter;
  std::uint64_t value = 0;
  Reader reader(message);
  while (reader.next()) {
    if (reader.field() == 1)
      counter = reader.bytes();
    else if (reader.field() == 2)
      value = reader.uint();
    else
      reader.skip();
  }
#define X(name, kind, unit, help) \
  if (counter == #name) counters.name = value;
  ALPHAFORGE_CACHE_COUNTERS(X)
#undef X
}

Head read_head(const std::string& block) {
  Head head;
  Reader reader(block);
  while (reader.next()) {
    if (reader.field() == 1)
      head.format = reader.uint();
    else if (reader.field() == 2)
      head.wall_ns = static_cast<std::int64_t>(reader.uint());
    else if (reader.field() == 3)
      head.last_sequence = reader.uint();
    else if (reader.field() == 4)
      read_counter(reader.bytes(), head.counters);
    else
      reader.skip();
  }
  if (head.format != kFormat) refuse("its format is not of this release");
  return head;
}

void write_entry(Writer& writer, const Entry& entry, std::int64_t now_ns) {
  const std::size_t start = writer.begin(1);
  writer.bytes(1, entry.key());
  writer.bytes(2, entry.value());
  writer.uint(3, entry.version);
  if (entry.expires_at_ns != kNever) writer.uint(4, static_cast<std::uint64_t>(entry.expires_at_ns - now_ns));
  writer.end(start);
}

struct SavedEntry {
  std::string_view key;
  std::string_view value;
  std::uint64_t version = 0;
  std::int64_t ttl_ns = kNever;
};

SavedEntry read_entry(std::string_view message) {
  SavedEntry entry;
  Reader reader(message);
  while (reader.next()) {
    if (reader.field() == 1)
      entry.key = reader.bytes();
    else if (reader.field() == 2)
      entry.value = reader.bytes();
    else if (reader.field() == 3)
      entry.version = reader.uint();
    else if (reader.field() == 4)
      entry.ttl_ns = static_cast<std::int64_t>(reader.uint());
    else
      reader.skip();
  }
  return entry;
}

}  // namespace

std::uint64_t write_snapshot(Cache& cache, std::int64_t now_ns, std::int64_t wall_ns, const SnapshotSink& sink) {
  std::uint64_t entries = 0;
  cache.release_expired(now_ns);
  cache.with([&](Table& table) {
    // What has expired since, by the clock of others, is counted too.
    table.release_expired(now_ns, SIZE_MAX);
    write_block(encode_head(table, wall_ns), sink);
    std::string block;
    Writer writer(block);
    table.for_each([&](const Entry& entry) {
      write_entry(writer, entry, now_ns);
      ++entries;
      if (block.size() < kBlockBytes) return;
      write_block(block, sink);
      block.clear();
    });
    if (!block.empty()) write_block(block, sink);
  });
  write_block({}, sink);
  return entries;
}

std::uint64_t read_snapshot(Cache& cache, std::int64_t now_ns, std::int64_t wall_ns, const SnapshotSource& source) {
  try {
    Head head = read_head(read_block(source));
    // A clock that was set back must not make entries live longer than they were given.
    const std::int64_t passed_ns = std::max<std::int64_t>(0, wall_ns - head.wall_ns);
    for (std::string block = read_block(source); !block.empty(); block = read_block(source)) {
      Reader reader(block);
      while (reader.next()) {
        const SavedEntry entry = read_entry(reader.bytes());
        if (!is_utf8(entry.key)) refuse("a key is not UTF-8");
        if (entry.ttl_ns <= passed_ns) {
          // A change like any other: who follows the changes from before the restart must not miss it.
          ++head.counters.expirations;
          ++head.last_sequence;
          continue;
        }
        const std::int64_t expires_at_ns = entry.ttl_ns == kNever ? kNever : now_ns + (entry.ttl_ns - passed_ns);
        const HashedKey key = cache.hashed(entry.key);
        cache.with([&](Table& table) { table.restore(key, entry.value, entry.version, expires_at_ns, now_ns); });
      }
    }
    return cache.with([&](Table& table) {
      table.resume(head.counters, head.last_sequence);
      return table.counters().entries;
    });
  } catch (...) {
    cache.clear(now_ns);
    throw;
  }
}

}  // namespace alphaforge::cache
