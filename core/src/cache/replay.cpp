#include "cache/replay.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/utf8.hpp"

namespace alphaforge::cache {

namespace {

// More changes than a process makes without writing them.
constexpr std::uint64_t kLeap = std::uint64_t{1} << 32;

// Nothing expires while changes are made again: who touched an entry did so when it was good.
constexpr std::int64_t kBeforeAll = INT64_MIN;

class Replay {
 public:
  Replay(Cache& cache, std::int64_t now_ns, std::int64_t wall_ns, std::int64_t brief_ns)
      : cache_(cache), now_ns_(now_ns), wall_ns_(wall_ns), brief_ns_(brief_ns) {}

  void apply(const Record& record) {
    is_complete_ = record.kind == Record::Kind::kSequence && is_complete_;
    switch (record.kind) {
      case Record::Kind::kWallTime:
        // A clock that was set back must not make entries live longer than they were given.
        passed_ns_ = std::max<std::int64_t>(0, wall_ns_ - static_cast<std::int64_t>(record.number));
        return;
      case Record::Kind::kSequence:
        last_sequence_ = std::max(last_sequence_, record.number);
        return;
      case Record::Kind::kCounters:
        counters_ = record.counters;
        is_complete_ = true;
        return;
      case Record::Kind::kBriefNote:
        if (passed_ns_ > brief_ns_) return;
        [[fallthrough]];
      case Record::Kind::kNote:
        notes_.emplace_back(record.bytes);
        return;
      default:
        change(record);
    }
  }

  // Counters and sequence go on; what has expired goes.
  void finish() {
    cache_.with([&](Table& table) {
      table.resume(is_complete_ ? counters_ : Counters{}, last_sequence_ + (is_complete_ ? 0 : kLeap));
    });
    cache_.release_expired(now_ns_);
  }

  bool is_complete() const { return is_complete_; }
  std::vector<std::string>& notes() { return notes_; }

 private:
  void change(const Record& record) {
    if (record.kind == Record::Kind::kCleared) {
      (void)cache_.with([](Table& table) { return table.clear(); });
      return;
    }
    if (!is_utf8(record.bytes)) throw InvalidArgument(Reason::MESSAGE_MALFORMED, "a key is not UTF-8");
    const HashedKey key = cache_.hashed(record.bytes);
    cache_.with([&](Table& table) {
      if (record.kind == Record::Kind::kStored)
        table.restore(key, record.value, record.number, expires_at(record.ttl_ns), kBeforeAll);
      else if (record.kind == Record::Kind::kTouched)
        table.touch(key, expires_at(record.ttl_ns), kBeforeAll);
      else
        table.erase(key, kBeforeAll);
    });
  }

  std::int64_t expires_at(std::int64_t ttl_ns) const {
    if (ttl_ns == kNever) return kNever;
    const std::int64_t left_ns = ttl_ns - passed_ns_;
    return left_ns < kNever - std::max<std::int64_t>(0, now_ns_) ? now_ns_ + left_ns : kNever;
  }

  Cache& cache_;
  std::int64_t now_ns_;
  std::int64_t wall_ns_;
  std::int64_t brief_ns_;
  std::int64_t passed_ns_ = 0;
  std::uint64_t last_sequence_ = 0;
  bool is_complete_ = false;
  Counters counters_;
  std::vector<std::string> notes_;
};

}  // namespace

Replayed replay(Cache& cache, std::int64_t now_ns, std::int64_t wall_ns, std::int64_t brief_ns,
                const ByteSource& source) {
  Replay replay(cache, now_ns, wall_ns, brief_ns);
  BlockReader reader(source);
  Replayed result;
  try {
    while (const auto block = reader.next()) {
      for_each_record(*block, [&](const Record& record) { replay.apply(record); });
      result.valid_bytes = reader.valid_bytes();
    }
  } catch (const InvalidArgument& error) {
    result.damage = error.what();
  }
  replay.finish();
  result.is_complete = replay.is_complete() && result.damage.empty();
  result.notes = std::move(replay.notes());
  return result;
}

}  // namespace alphaforge::cache
