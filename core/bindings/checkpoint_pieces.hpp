#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/frames.hpp"
#include "base/snapshot_codec.hpp"

namespace alphaforge::bindings {

// The bytes of an engine's checkpoint, in parts: its state at the beginning of the checkpoint, regardless of calls in
// between. The engine is locked only for short parts of the work.
//
// A checkpoint is overtaken by a newer one, or if too much has changed since it began.
template <class Engine>
class CheckpointPieces {
 public:
  CheckpointPieces(Engine& engine, std::string_view magic, std::int64_t version) : engine_(engine) {
    SnapshotWriter head;
    head.text(magic);
    head.number(version);
    ready_.assign(head.view());
  }
  CheckpointPieces(const CheckpointPieces&) = delete;
  CheckpointPieces& operator=(const CheckpointPieces&) = delete;

  // Begins the checkpoint, with the engine locked.
  template <class Value>
  void begin(Value& value, const CheckpointLimits& limits) {
    timed([&] { generation_ = value.begin_checkpoint(limits); });
  }
  // Fills `out` with the next bytes and returns their number: fewer only at the end. None if it was overtaken.
  std::optional<std::size_t> read(std::span<char> out) {
    std::size_t size = 0;
    while (size != out.size()) {
      const std::string_view next = unread();
      if (next.empty()) {
        if (!make_ready()) return std::nullopt;
        if (unread().empty()) break;
        continue;
      }
      const std::size_t part = std::min(next.size(), out.size() - size);
      std::memcpy(out.data() + size, next.data(), part);
      size += part;
      read_ += part;
    }
    return size;
  }
  void end() {
    engine_.with([&](auto& value) { value.checkpoint().end(generation_); });
  }
  std::int64_t longest_hold_ns() const { return longest_hold_ns_; }
  // Once it is read to its end.
  std::uint64_t checksum() const { return checksum_; }

 private:
  std::string_view unread() const { return std::string_view(ready_).substr(read_); }

  // The next frame; nothing after the last one. False if the checkpoint was overtaken.
  bool make_ready() {
    ready_.clear();
    read_ = 0;
    while (next_ == frames_.size() && !is_done_) {
      frames_.clear();
      next_ = 0;
      std::optional<bool> is_done;
      engine_.with([&](auto& value) {
        timed([&] {
          is_done = value.checkpoint().write(generation_, [&](auto& checkpoint) {
            frames_ = checkpoint.take();
            checksum_ = checkpoint.state_hash();
          });
        });
      });
      if (!is_done) return false;
      is_done_ = *is_done;
      if (is_done_) frames_.emplace_back();
    }
    if (next_ == frames_.size()) return true;
    const Frame& frame = frames_[next_++];
    char seal[FrameSeals::kBytes];
    seals_.next(frame.kind, frame.records.view(), seal);
    ready_.append(seal, sizeof seal).append(frame.records.view());
    return true;
  }
  template <class Work>
  void timed(Work&& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const auto took = std::chrono::steady_clock::now() - start;
    longest_hold_ns_ =
        std::max<std::int64_t>(longest_hold_ns_, std::chrono::duration_cast<std::chrono::nanoseconds>(took).count());
  }

  Engine& engine_;
  std::uint32_t generation_ = 0;
  std::int64_t longest_hold_ns_ = 0;
  std::uint64_t checksum_ = 0;
  FrameSeals seals_;
  std::vector<Frame> frames_;
  std::size_t next_ = 0;
  bool is_done_ = false;
  std::string ready_;
  std::size_t read_ = 0;
};

}  // namespace alphaforge::bindings
