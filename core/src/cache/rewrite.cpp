#include "cache/rewrite.hpp"

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "cache/block.hpp"
#include "cache/cache.hpp"
#include "cache/journal.hpp"
#include "cache/slots.hpp"
#include "cache/table.hpp"

namespace alphaforge::cache {

namespace {

// Entries written under one lock, and the bytes of a journal that are copied under one.
constexpr std::size_t kPieceEntries = 256;
constexpr std::uint64_t kPieceBytes = 1024 * 1024;

void write_block(int file, Block& block) {
  if (const int error = write_whole(file, block.sealed())) throw FileFailure{error};
  block.clear();
}

// Copies a range of a file to the end of another one.
void copy(int from, std::uint64_t begin, std::uint64_t end, int to) {
  std::string piece;
  while (begin != end) {
    piece.resize(std::min(kPieceBytes, end - begin));
    const ssize_t got = ::pread(from, piece.data(), piece.size(), static_cast<off_t>(begin));
    if (got < 0 && errno == EINTR) continue;
    // The file is shorter than what was written to it: it was truncated.
    if (got <= 0) throw FileFailure{got == 0 ? EIO : errno};
    piece.resize(static_cast<std::size_t>(got));
    if (const int error = write_whole(to, piece)) throw FileFailure{error};
    begin += static_cast<std::uint64_t>(got);
  }
}

// The cache's file may be ended by other calls meanwhile.
Journal& journal_of(Table& table) {
  if (table.journal() == nullptr) throw FileFailure{ECANCELED};
  return *table.journal();
}

std::uint64_t end_of(Cache& cache) {
  return cache.with([](Table& table) { return journal_of(table).statistics().file_bytes; });
}

}  // namespace

std::uint64_t write_entries(Cache& cache, int file, const Notes& notes, std::int64_t now_ns,
                            Journal::WallClock wall_clock) {
  Block block;
  block.wall_time(wall_clock());
  const Order order = cache.with([&](Table& table) {
    block.sequence(table.changes().last_sequence());
    return table.order();
  });
  for (const std::string& note : notes.lasting) block.note(note);
  for (const std::string& note : notes.brief) block.brief_note(note);
  for (std::size_t next = 0; next != order.slots.size();) {
    if (block.size() >= kBlockBytes) write_block(file, block);
    if (block.empty()) block.wall_time(wall_clock());
    cache.with([&](Table& table) {
      const std::size_t end = std::min(next + kPieceEntries, order.slots.size());
      for (; next != end && block.size() < kBlockBytes; ++next) {
        const Entry* const entry = table.entry_at(order, next);
        if (entry != nullptr && now_ns < entry->expires_at_ns) block.stored(*entry, now_ns);
      }
    });
  }
  write_block(file, block);
  return static_cast<std::uint64_t>(::lseek(file, 0, SEEK_CUR));
}

void rewrite(Cache& cache, int file, const char* temporary, const char* path, const Notes& notes, std::int64_t now_ns,
             Journal::WallClock wall_clock) {
  cache.release_expired(now_ns);
  std::uint64_t copied = end_of(cache);
  write_entries(cache, file, notes, now_ns, wall_clock);
  // Copies the changes made meanwhile: most of them concurrently, the rest with the cache locked.
  const int old = cache.with([](Table& table) { return journal_of(table).file(); });
  for (std::uint64_t end = end_of(cache); end - copied > kPieceBytes; end = end_of(cache)) {
    copy(old, copied, end, file);
    copied = end;
  }
  if (::fdatasync(file) != 0) throw FileFailure{errno};
  cache.with([&](Table& table) {
    Journal& journal = journal_of(table);
    copy(old, copied, journal.statistics().file_bytes, file);
    if (std::rename(temporary, path) != 0) throw FileFailure{errno};
    journal.switch_to(file, static_cast<std::uint64_t>(::lseek(file, 0, SEEK_CUR)));
  });
}

}  // namespace alphaforge::cache
