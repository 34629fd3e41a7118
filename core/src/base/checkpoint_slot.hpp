#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace alphaforge {

// The checkpoint that an engine is writing, if any. `Checkpoint` is the engine's own class: constructed with its number
// first, it has write() and is_overtaken(). Code that is about to change something asks get() whom to tell.
template <class Checkpoint>
class CheckpointSlot {
 public:
  // Null while no checkpoint is being written.
  Checkpoint* get() const { return checkpoint_.get(); }
  std::uint32_t last_number() const { return last_number_; }

  // Begins a checkpoint with the next number; the one before ends.
  template <class... Args>
  Checkpoint& begin(Args&&... args) {
    end();
    checkpoint_ = std::make_unique<Checkpoint>(++last_number_, std::forward<Args>(args)...);
    return *checkpoint_;
  }
  // Writes the next part, which `take(checkpoint)` then takes; true when that was all. None if the checkpoint was
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
