#include "model/order_id.hpp"

#include <pthread.h>
#include <sys/random.h>
#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>

namespace alphaforge {

namespace {

// Counts the forks this process descends from: bytes drawn before a fork belong to the parent.
std::atomic<std::uint64_t> forks{0};
[[maybe_unused]] const int kForksAreCounted = pthread_atfork(nullptr, nullptr, [] { ++forks; });

// The system's random bytes, drawn many at a time.
class RandomBytes {
 public:
  std::uint64_t next() {
    if (used_ == bytes_.size() || forks_ != forks) refill();
    std::uint64_t value;
    std::memcpy(&value, bytes_.data() + used_, sizeof(value));
    used_ += sizeof(value);
    return value;
  }

 private:
  void refill() {
    forks_ = forks;
    std::size_t filled = 0;
    while (filled < bytes_.size()) {
      const ssize_t got = getrandom(bytes_.data() + filled, bytes_.size() - filled, 0);
      if (got > 0) filled += static_cast<std::size_t>(got);
    }
    used_ = 0;
  }

  std::array<char, 2048> bytes_{};
  std::size_t used_ = bytes_.size();
  std::uint64_t forks_ = 0;
};

void write_hex(char* out, std::uint64_t value) {
  for (int digit = 15; digit >= 0; --digit, value >>= 4) out[digit] = "0123456789abcdef"[value & 15];
}

}  // namespace

std::string make_order_id(std::int64_t now_ns) {
  thread_local RandomBytes random;
  const auto milliseconds = static_cast<std::uint64_t>(now_ns / 1'000'000);
  std::string id(32, '0');
  write_hex(id.data(), milliseconds << 16 | 0x7000 | (random.next() & 0xfff));
  write_hex(id.data() + 16, std::uint64_t{1} << 63 | random.next() >> 2);
  return id;
}

}  // namespace alphaforge
