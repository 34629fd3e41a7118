// Decimals and bar types as people write them.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/decimal.hpp"
#include "base/int128.hpp"
#include "fuzz.hpp"
#include "model/bar_type.hpp"
#include "model/names.hpp"

using namespace alphaforge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::view(data, size);
  for (const int places : {0, kPlaces, kValuePlaces, kPlacesMax}) {
    fuzz::accepts([&] {
      const int128 mantissa = parse_decimal(text, places);
      const std::string shown = format_decimal(mantissa, places, 0);
      fuzz::demand(parse_decimal(shown, places) == mantissa, "a decimal that is shown is read");
      fuzz::demand(parse_rounded(text, places) == mantissa, "nothing is rounded that fits");
    });
    fuzz::accepts([&] { parse_rounded(text, places); });
  }
  fuzz::accepts([&] {
    const BarType type = BarType::parse(text);
    fuzz::demand(BarType::parse(type.name) == type && BarType::parse(type.name).name == type.name,
                 "a canonical name is that of its type");
    fuzz::demand(type.step > 0, "a step is above 0");
  });
  fuzz::accepts([&] { check_name(text, "name", kInstrumentIdBytesMax); });
  return 0;
}
