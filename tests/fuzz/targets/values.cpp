// Values of the cache: checked through all levels; those that are numbers are added to others.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "encoding/value.hpp"
#include "encoding/value_sum.hpp"
#include "fuzz.hpp"

using namespace alphaforge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::view(data, size);
  // The bytes as one value, and cut in two, as a stored value and an amount.
  fuzz::accepts([&] { wire::check_value(bytes); });
  const std::size_t cut = size == 0 ? 0 : data[0] % (size + 1);
  const std::string_view stored = bytes.substr(0, cut);
  const std::string_view amount = bytes.substr(cut);
  fuzz::accepts([&] {
    wire::check_value(stored);
    wire::check_value(amount);
    wire::check_amount(amount);
    const std::string sum = wire::add_values(stored, amount);
    fuzz::demand(fuzz::accepts([&] { wire::check_value(sum); }), "a sum is a value");
  });
  return 0;
}
