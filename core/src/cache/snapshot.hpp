#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "cache/cache.hpp"

namespace alphaforge::cache {

// A cache as bytes, for a restart that keeps it: blocks of a length, a checksum and a protobuf message each, the first
// one with what belongs to the cache, the others with its entries from the one unused longest to the newest, the last
// one empty. A cut or damaged file is therefore noticed wherever the damage is.

// Takes bytes; may throw, which ends the writing.
using SnapshotSink = std::function<void(std::string_view)>;
// Fills the buffer as far as there are bytes and returns how many it has; less than asked for only at the end.
using SnapshotSource = std::function<std::size_t(char*, std::size_t)>;

// Writes the entries that have not expired and returns how many. `wall_ns` is the time of day, for the one who reads.
// The cache is locked throughout: this is for one that is about to end.
std::uint64_t write_snapshot(Cache& cache, std::int64_t now_ns, std::int64_t wall_ns, const SnapshotSink& sink);

// Puts the entries of a snapshot into an empty cache, with their versions, and returns how many are there. Times to live
// go on from the time of day at which it was written; what has expired since is left out and counted. The cache's own
// bounds count: where they are smaller, the entries used last stay. Counters and sequence go on where they were.
// Throws InvalidArgument MESSAGE_MALFORMED that says what is damaged; the cache is then empty.
std::uint64_t read_snapshot(Cache& cache, std::int64_t now_ns, std::int64_t wall_ns, const SnapshotSource& source);

}  // namespace alphaforge::cache
