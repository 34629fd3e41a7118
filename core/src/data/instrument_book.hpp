#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/instrument.hpp"
#include "data/tick_run.hpp"
#include "model/name_index.hpp"

namespace alphaforge::data {

// The instruments by name, and by number in order of first sight. A removed one leaves its number unused.
class InstrumentBook {
 public:
  Instrument* find(std::string_view id) const { return by_id_.find(id); }
  // The same, without hashing if the last call found this instrument too.
  Instrument* find_again(std::string_view id) {
    if (last_ == nullptr || *last_->id != id) last_ = by_id_.find(id);
    return last_;
  }
  // Finds many instruments, null for unknown ids; the waits for memory overlap.
  void find(const std::vector<std::string>& ids, std::vector<Instrument*>& found) const;
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
    by_id_.insert(&instrument);
    return instrument;
  }
  void remove(const Instrument& instrument) {
    last_ = nullptr;
    by_id_.erase(&instrument);
    instruments_[instrument.index].reset();
  }
  void clear() {
    last_ = nullptr;
    by_id_.clear();
    instruments_.clear();
    runs_.clear();
  }
  std::size_t size() const { return by_id_.size(); }
  // How many numbers have been assigned; removed instruments have kept theirs.
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
  struct IdOf {
    std::string_view operator()(const Instrument& instrument) const { return *instrument.id; }
  };
  NameIndex<Instrument, IdOf> by_id_;
  Instrument* last_ = nullptr;
};

inline void InstrumentBook::find(const std::vector<std::string>& ids, std::vector<Instrument*>& found) const {
  constexpr std::size_t kAtOnce = 32;
  std::array<std::uint64_t, kAtOnce> hashes;
  for (std::size_t first = 0; first < ids.size(); first += kAtOnce) {
    const std::size_t count = std::min(kAtOnce, ids.size() - first);
    Instrument** const some = found.data() + first;
    for (std::size_t i = 0; i < count; ++i) {
      hashes[i] = by_id_.hash_of(ids[first + i]);
      by_id_.prefetch(hashes[i]);
    }
    for (std::size_t i = 0; i < count; ++i) {
      some[i] = by_id_.probable(hashes[i]);
      if (some[i] != nullptr) some[i]->prefetch_name();
    }
    for (std::size_t i = 0; i < count; ++i)
      if (some[i] != nullptr) __builtin_prefetch(some[i]->id.get());
    for (std::size_t i = 0; i < count; ++i)
      if (some[i] != nullptr) __builtin_prefetch(some[i]->id->data());
    for (std::size_t i = 0; i < count; ++i)
      if (some[i] != nullptr && *some[i]->id != ids[first + i]) some[i] = by_id_.find(ids[first + i]);
  }
}

}  // namespace alphaforge::data
