#include "base/snapshot_codec.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/int128.hpp"
#include "base/reason.hpp"
#include "base/state_hash.hpp"

namespace alphaforge {
namespace {

// A checksum is a number of 64 bits as a varint, padded.
constexpr std::size_t kChecksumBytes = 20;

std::string checksum_of(std::string_view bytes) {
  StateHash hash;
  hash.text(bytes);
  SnapshotWriter out;
  out.number(static_cast<int128>(hash.value()));
  return std::string(out.view()).append(kChecksumBytes, '\0').substr(0, kChecksumBytes);
}

}  // namespace

void SnapshotWriter::grow(std::size_t bytes) {
  const std::size_t capacity = std::max({capacity_ * 2, size_ + bytes, std::size_t{1024}});
  auto larger = std::make_unique_for_overwrite<char[]>(capacity);
  if (size_ != 0) std::memcpy(larger.get(), bytes_.get(), size_);
  bytes_ = std::move(larger);
  capacity_ = capacity;
}

std::string seal_snapshot(std::string_view magic, std::int64_t version, std::string_view state) {
  SnapshotWriter head;
  head.text(magic);
  head.number(version);
  std::string snapshot(head.view());
  snapshot.reserve(snapshot.size() + state.size() + kChecksumBytes);
  snapshot.append(state);
  return snapshot.append(checksum_of(snapshot));
}

std::int64_t version_of_snapshot(std::string_view magic, std::string_view snapshot) {
  SnapshotReader in(snapshot);
  if (in.text(magic.size()) != magic) SnapshotReader::damaged("it is not a snapshot");
  return in.number();
}

std::string_view unseal_snapshot(std::string_view magic, std::int64_t version, std::string_view snapshot) {
  if (snapshot.size() < kChecksumBytes) SnapshotReader::damaged("it is incomplete");
  const std::string_view sealed = snapshot.substr(0, snapshot.size() - kChecksumBytes);
  if (snapshot.substr(sealed.size()) != checksum_of(sealed)) SnapshotReader::damaged("its checksum is wrong");
  SnapshotReader in(sealed);
  if (in.text(magic.size()) != magic) SnapshotReader::damaged("it is not a snapshot");
  if (const std::int64_t found = in.number(); found != version)
    throw EngineError(Reason::JOURNAL_VERSION, "the snapshot is of version " + std::to_string(found) +
                                                   "; this release reads " + std::to_string(version));
  return in.rest();
}

}  // namespace alphaforge
