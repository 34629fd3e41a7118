#include "base/snapshot_codec.hpp"

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
  return out.take().append(kChecksumBytes, '\0').substr(0, kChecksumBytes);
}

}  // namespace

std::string seal_snapshot(std::string_view magic, std::int64_t version, std::string_view state) {
  SnapshotWriter head;
  head.text(magic);
  head.number(version);
  std::string snapshot = head.take();
  snapshot.append(state);
  return snapshot + checksum_of(snapshot);
}

std::string_view unseal_snapshot(std::string_view magic, std::int64_t version, std::string_view snapshot) {
  if (snapshot.size() < kChecksumBytes) SnapshotReader::damaged("it ends early");
  const std::string_view sealed = snapshot.substr(0, snapshot.size() - kChecksumBytes);
  if (snapshot.substr(sealed.size()) != checksum_of(sealed)) SnapshotReader::damaged("its checksum is wrong");
  SnapshotReader in(sealed);
  if (in.text(magic.size()) != magic) SnapshotReader::damaged("it is none");
  if (const std::int64_t found = in.number(); found != version)
    throw EngineError(Reason::JOURNAL_DAMAGED, "the snapshot is of version " + std::to_string(found) + "; this release reads " +
                                                   std::to_string(version));
  return in.rest();
}

}  // namespace alphaforge
