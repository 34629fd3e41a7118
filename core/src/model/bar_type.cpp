#include "model/bar_type.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/decimal.hpp"
#include "base/error.hpp"

namespace alphaforge {

namespace {

constexpr std::int64_t kDayNs = 86'400'000'000'000;

struct TimeUnit {
  std::string_view name;
  std::int64_t nanos;
};

// The largest first: the canonical name takes the first that divides the step.
constexpr std::array<TimeUnit, 5> kTimeUnits = {{
    {"day", kDayNs},
    {"hour", 3'600'000'000'000},
    {"min", 60'000'000'000},
    {"s", 1'000'000'000},
    {"ms", 1'000'000},
}};

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  constexpr std::size_t kShownMax = 40;
  throw InvalidArgument(Reason::BAR_TYPE_INVALID, "bar type '" + std::string(text.substr(0, kShownMax)) + "' " + why);
}

// The number in front of the unit: digits without a leading zero, then perhaps a point and digits.
std::size_t number_length(std::string_view text) {
  const auto digits = [&](std::size_t from) {
    std::size_t at = from;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at;
  };
  const std::size_t whole = digits(0);
  if (whole == 0 || (whole > 1 && text[0] == '0')) return 0;
  if (whole == text.size() || text[whole] != '.') return whole;
  const std::size_t end = digits(whole + 1);
  return end == whole + 1 ? 0 : end;
}

std::int64_t parse_count(std::string_view text, std::string_view number) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), count);
  if (end != number.data() + number.size()) refuse(text, "needs a whole number");
  if (error != std::errc{}) refuse(text, "has a step beyond 64 bits");
  return count;
}

int128 parse_step(std::string_view text, std::string_view number, int places) {
  try {
    // Nine places are what may be typed; a dollar step is kept at the eighteen of a value.
    return rescale(parse_decimal(number, kPlaces, "step"), kPlaces, places);
  } catch (const InvalidArgument& error) {
    refuse(text, std::string("has no usable step: ") + error.what());
  }
}

BarType time_type(std::string_view text, std::int64_t count, const TimeUnit& unit) {
  std::int64_t step = 0;
  if (__builtin_mul_overflow(count, unit.nanos, &step) || step <= 0 || kDayNs % step != 0) {
    refuse(text, "has a time step that does not divide 24 hours");
  }
  const auto* const largest =
      std::find_if(kTimeUnits.begin(), kTimeUnits.end(), [&](const TimeUnit& u) { return step % u.nanos == 0; });
  return {BarKind::kTime, step, std::to_string(step / largest->nanos) + std::string(largest->name)};
}

}  // namespace

std::string_view name_of(BarKind kind) {
  switch (kind) {
    case BarKind::kTime:
      return "time";
    case BarKind::kTick:
      return "tick";
    case BarKind::kVolume:
      return "volume";
    case BarKind::kDollar:
      return "dollar";
  }
  return "time";
}

BarType BarType::parse(std::string_view text) {
  const std::string_view number = text.substr(0, number_length(text));
  const std::string_view unit = text.substr(number.size());
  if (number.empty()) refuse(text, "is unknown; expected a name such as 1min, 100tick, 0.5volume or 1000000dollar");
  for (const TimeUnit& time : kTimeUnits) {
    if (unit == time.name) return time_type(text, parse_count(text, number), time);
  }
  BarType type;
  if (unit == "tick") {
    type.kind = BarKind::kTick;
    type.step = parse_count(text, number);
    type.name = format_decimal(type.step, 0, 0) + "tick";
  } else if (unit == "volume") {
    type.kind = BarKind::kVolume;
    type.step = parse_step(text, number, kPlaces);
    type.name = format_decimal(type.step, kPlaces, 0) + "volume";
  } else if (unit == "dollar") {
    type.kind = BarKind::kDollar;
    type.step = parse_step(text, number, kValuePlaces);
    type.name = format_decimal(type.step, kValuePlaces, 0) + "dollar";
  } else {
    refuse(text, "has an unknown unit; ms, s, min, hour, day, tick, volume or dollar");
  }
  if (type.step == 0) refuse(text, "has a step of 0");
  return type;
}

}  // namespace alphaforge
