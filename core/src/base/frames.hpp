#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/snapshot_codec.hpp"

// The format of a checkpoint written in the background: a head with its kind and version, then frames. A frame has
// records of one kind and a checksum over itself and all previous frames; the last one has kind 0 and is empty.

namespace alphaforge {

// Limits of what is written with the engine locked: a piece takes about 100 us.
struct CheckpointLimits {
  std::size_t piece_bytes = 64 * 1024;
  std::size_t waiting_bytes = 64 * 1024 * 1024;  // records written early, before a change, and not yet taken
};

// The size counted for a record that is hashed but not written.
inline constexpr std::size_t kHashedBytes = 128;

struct Frame {
  std::uint32_t kind = 0;
  SnapshotWriter records;
};

// Records to write, by kind, until the caller takes them; each kind keeps its order.
class Records {
 public:
  explicit Records(std::size_t kinds) : open_(kinds) {}

  // The writer for the next record of a kind; call it for each record.
  SnapshotWriter& of(std::uint32_t kind) {
    if (open_[kind].size() >= kFrameBytes) [[unlikely]]
      finish(kind);
    return open_[kind];
  }
  // The approximate number of bytes waiting.
  std::size_t bytes() const;
  std::vector<Frame> take();

 private:
  static constexpr std::size_t kFrameBytes = 128 * 1024;
  void finish(std::uint32_t kind);

  std::vector<SnapshotWriter> open_;
  std::vector<Frame> full_;
  std::size_t full_bytes_ = 0;
};

// Heads and checksums of the frames of one checkpoint, in order.
class FrameSeals {
 public:
  static constexpr std::size_t kBytes = 16;
  // Writes the seal of the next frame: size and kind (32 bits each), then the checksum.
  void next(std::uint32_t kind, std::string_view content, char* seal);

 private:
  std::uint64_t checksum_ = 0;
};

// The contents of the frames, by kind and in order: views of the given bytes. Throws EngineError JOURNAL_DAMAGED.
std::vector<std::vector<std::string_view>> read_frames(std::string_view magic, std::int64_t version, std::size_t kinds,
                                                       std::string_view checkpoint);

// Calls visit(reader) for each record of such frames; `visit` reads one record.
template <class Visit>
void each_record(const std::vector<std::string_view>& frames, Visit visit) {
  for (const std::string_view frame : frames)
    for (SnapshotReader in(frame); !in.rest().empty();) visit(in);
}

// The checkpoint that an engine is writing, if any. `Checkpoint` is the engine's own class: its constructor takes the
// number first, and it has write() and is_overtaken(). Code that is about to change something notifies get().
template <class Checkpoint>
class CheckpointSlot {
 public:
  // Null while no checkpoint is being written.
  Checkpoint* get() const { return checkpoint_.get(); }
  std::uint32_t last_number() const { return last_number_; }

  // Begins a checkpoint with the next number and ends the previous one.
  template <class... Args>
  Checkpoint& begin(Args&&... args) {
    end();
    checkpoint_ = std::make_unique<Checkpoint>(++last_number_, std::forward<Args>(args)...);
    return *checkpoint_;
  }
  // Writes the next part, which `take(checkpoint)` then takes; true if it was the last. None if the checkpoint was
  // overtaken: by another one, by end(), or by more changes than are kept in memory.
  template <class Take>
  std::optional<bool> write(std::uint32_t number, Take take) {
    if (checkpoint_ == nullptr || number != last_number_) return std::nullopt;
    const bool is_done = checkpoint_->write();
    if (checkpoint_->is_overtaken()) {
      end();
      return std::nullopt;
    }
    take(*checkpoint_);
    if (is_done) end();
    return is_done;
  }
  // Ends that checkpoint, unless another one has begun since.
  void end(std::uint32_t number) {
    if (number == last_number_) end();
  }
  void end() { checkpoint_.reset(); }

 private:
  std::unique_ptr<Checkpoint> checkpoint_;
  std::uint32_t last_number_ = 0;
};

}  // namespace alphaforge
