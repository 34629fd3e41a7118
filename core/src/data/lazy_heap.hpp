#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

namespace alphaforge::data {

// A priority queue of items whose keys only grow, at no cost: an entry's key is a lower bound of the item's true key,
// corrected when it reaches the top. Each item remembers its `Ticket`; an entry that is not the item's ticket is stale
// and dropped.
template <class Key>
class LazyHeap {
 public:
  static constexpr Key kNotWaiting = std::numeric_limits<Key>::max();
  // The key under which the item waits, kNotWaiting while it doesn't.
  struct Ticket {
    Key key = kNotWaiting;
  };

  // Makes sure that the item comes up no later than at `key`.
  void expect(std::uint64_t item, Key key, Ticket& ticket) {
    if (key >= ticket.key) return;
    ticket.key = key;
    entries_.push_back({key, item});
    std::push_heap(entries_.begin(), entries_.end(), later);
  }

  bool due(Key limit) const { return !entries_.empty() && entries_.front().key <= limit; }
  bool empty() const { return entries_.empty(); }
  Key first_key() const { return entries_.front().key; }
  void clear() { entries_.clear(); }

  // Takes the first entry; `ticket_of(item)` returns the item's ticket, or null if the item is gone. True if the entry
  // is the item's own: its ticket is taken back, and the caller looks at the item's true key.
  template <class TicketOf>
  bool pop(std::uint64_t& item, TicketOf ticket_of) {
    const Entry entry = entries_.front();
    std::pop_heap(entries_.begin(), entries_.end(), later);
    entries_.pop_back();
    Ticket* ticket = ticket_of(entry.item);
    if (ticket == nullptr || ticket->key != entry.key) return false;
    ticket->key = kNotWaiting;
    item = entry.item;
    return true;
  }

 private:
  struct Entry {
    Key key;
    std::uint64_t item;
  };
  static bool later(const Entry& a, const Entry& b) { return a.key > b.key; }

  std::vector<Entry> entries_;
};

}  // namespace alphaforge::data
