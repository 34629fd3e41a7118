#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/instrument.hpp"
#include "data/tick_run.hpp"

namespace alphaforge::data {

// The instruments by name, and by number in order of first sight. A removed one leaves its number unused.
class InstrumentBook {
 public:
  Instrument* find(std::string_view id) const {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
  }
  Instrument* at(std::uint64_t index) const {
    return index < instruments_.size() ? instruments_[index].get() : nullptr;
  }

  Instrument& add(std::string_view id) {
    const std::size_t place = instruments_.size() % kRunsPerBlock;
    if (place == 0) runs_.push_back(std::make_unique<TickRun[]>(kRunsPerBlock));
    instruments_.push_back(std::make_unique<Instrument>(runs_.back()[place]));
    Instrument& instrument = *instruments_.back();
    instrument.id = std::make_shared<const std::string>(id);
    instrument.index = instruments_.size() - 1;
    by_id_.emplace(*instrument.id, &instrument);
    return instrument;
  }
  void remove(const Instrument& instrument) {
    by_id_.erase(*instrument.id);
    instruments_[instrument.index].reset();
  }
  void clear() {
    by_id_.clear();
    instruments_.clear();
    runs_.clear();
  }
  std::size_t size() const { return by_id_.size(); }
  // Those that have been given; removed ones have kept theirs.
  std::uint64_t numbers() const { return instruments_.size(); }

  // In order of first sight.
  template <class Visit>
  void each(const Visit& visit) const {
    for (const auto& instrument : instruments_)
      if (instrument) visit(*instrument);
  }

 private:
  static constexpr std::size_t kRunsPerBlock = 256;

  // Kept together, since ticks of many instruments touch nothing else: the CPU caches hold those of some thousand
  // instruments, and the TLB all.
  std::vector<std::unique_ptr<TickRun[]>> runs_;
  std::vector<std::unique_ptr<Instrument>> instruments_;
  std::unordered_map<std::string_view, Instrument*> by_id_;  // the keys live in the instruments
};

}  // namespace alphaforge::data
