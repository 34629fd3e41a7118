#include "cache/change_log.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace alphaforge::cache {

void ChangeLog::keep(std::size_t changes_max, std::size_t bytes_max) {
  changes_max_ = changes_max;
  bytes_max_ = bytes_max;
  trim();
}

void ChangeLog::trim() {
  while (!kept_.empty() && (kept_.size() > changes_max_ || memory_bytes() > bytes_max_)) {
    key_bytes_ -= kept_.front().key.size();
    kept_.pop_front();
  }
}

void ChangeLog::skip_to(std::uint64_t last_sequence) {
  if (last_sequence >= next_sequence_) continue_after(last_sequence);
}

void ChangeLog::continue_after(std::uint64_t last_sequence) {
  next_sequence_ = last_sequence + 1;
  kept_.clear();
  key_bytes_ = 0;
}

std::uint64_t ChangeLog::append(ChangeKind kind, std::string_view key) {
  const std::uint64_t sequence = next_sequence_++;
  if (changes_max_ == 0) return sequence;
  kept_.push_back({sequence, kind, std::string(key)});
  key_bytes_ += key.size();
  trim();
  return sequence;
}

Changes ChangeLog::read(std::uint64_t from_sequence, std::size_t limit) const {
  const std::uint64_t first = next_sequence_ - kept_.size();
  Changes result;
  // A reader that is ahead has read an earlier instance of this cache, so it has missed everything in between, too.
  result.has_gap = from_sequence < first || from_sequence > next_sequence_;
  const std::uint64_t start = result.has_gap ? first : from_sequence;
  const auto begin = kept_.begin() + static_cast<std::ptrdiff_t>(start - first);
  const auto count = std::min<std::size_t>(limit, static_cast<std::size_t>(kept_.end() - begin));
  result.changes.assign(begin, begin + static_cast<std::ptrdiff_t>(count));
  result.next_sequence = start + count;
  return result;
}

}  // namespace alphaforge::cache
