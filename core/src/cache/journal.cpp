#include "cache/journal.hpp"

#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <new>
#include <string_view>

#include "cache/block.hpp"
#include "cache/counters.hpp"
#include "cache/slots.hpp"

namespace alphaforge::cache {

int write_whole(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return errno;
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

Journal::Journal(int file, std::uint64_t file_bytes, WallClock wall_clock) : file_(file), wall_clock_(wall_clock) {
  statistics_.file_bytes = file_bytes;
}

Journal::~Journal() {
  if (file_ != kNoFile) ::close(file_);
}

template <class Write>
void Journal::record(Write&& write) noexcept {
  if (error_ != 0) return;
  try {
    if (block_.empty()) block_.wall_time(wall_clock_());
    write(block_);
    ++changes_in_block_;
    if (block_.size() >= kBlockBytes && !is_held_) write_block();
  } catch (const std::bad_alloc&) {
    fail(ENOMEM);
  }
}

void Journal::stored(const Entry& entry, std::int64_t now_ns) noexcept {
  record([&](Block& block) { block.stored(entry, now_ns); });
}

void Journal::touched(const Entry& entry, std::int64_t now_ns) noexcept {
  record([&](Block& block) { block.touched(entry, now_ns); });
}

void Journal::removed(std::string_view key) noexcept {
  record([&](Block& block) { block.removed(key); });
}

void Journal::cleared() noexcept {
  record([](Block& block) { block.cleared(); });
}

void Journal::note(std::string_view bytes) noexcept {
  record([&](Block& block) { block.note(bytes); });
}

void Journal::brief_note(std::string_view bytes) noexcept {
  record([&](Block& block) { block.brief_note(bytes); });
}

void Journal::counters(const Counters& counters) noexcept {
  record([&](Block& block) { block.counters(counters); });
}

void Journal::flush(std::uint64_t last_sequence) noexcept {
  if (is_held_ || block_.empty() || error_ != 0) return;
  try {
    block_.sequence(last_sequence);
  } catch (const std::bad_alloc&) {
    return fail(ENOMEM);
  }
  write_block();
}

void Journal::write_block() noexcept {
  const std::string_view bytes = block_.sealed();
  if (const int error = write_or_collect(bytes)) return fail(error);
  ++statistics_.writes;
  statistics_.changes += changes_in_block_;
  statistics_.written_bytes += bytes.size();
  statistics_.file_bytes += bytes.size();
  changes_in_block_ = 0;
  block_.clear();
}

int Journal::write_or_collect(std::string_view block) noexcept {
  if (file_ != kNoFile) return write_whole(file_, block);
  try {
    collected_.emplace_back(block);
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  }
  return 0;
}

void Journal::fail(int error) noexcept {
  error_ = error;
  ++statistics_.failures;
  changes_in_block_ = 0;
  block_.clear();
  if (file_ == kNoFile) return;
  // Removes what was written of the block; if that fails too, the file ends with a block that was cut off.
  if (::ftruncate(file_, static_cast<off_t>(statistics_.file_bytes)) == 0)
    ::lseek(file_, static_cast<off_t>(statistics_.file_bytes), SEEK_SET);
}

void Journal::switch_to(int file, std::uint64_t file_bytes) {
  ::close(file_);
  file_ = file;
  error_ = 0;
  statistics_.file_bytes = file_bytes;
  ++statistics_.rewrites;
}

}  // namespace alphaforge::cache
