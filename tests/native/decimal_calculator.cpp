// Answers questions about base/decimal, one a line: `divide n d`, `scale mantissa from to`, `multiply_divide a b c`,
// `format mantissa places min_places`, `parse places text`, `round places text`, `double mantissa places`, `of double`,
// `of32 float`. An answer is a number, or the reason of the refusal.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"

namespace {

using namespace alphaforge;

int128 integer(std::istream& in) {
  std::string text;
  in >> text;
  return parse_decimal(text, 0);
}

std::string hexadecimal(double value) {
  std::array<char, 64> buffer;
  std::snprintf(buffer.data(), buffer.size(), "%a", value);
  return buffer.data();
}

std::string answer(const std::string& question) {
  std::istringstream in(question);
  std::string verb, text;
  int places = 0, other = 0;
  in >> verb;
  const auto shown = [](int128 value) { return format_decimal(value, 0, 0); };
  if (verb == "divide") {
    const int128 n = integer(in), d = integer(in);
    return shown(divide_half_even(n, d));
  }
  if (verb == "scale") {
    const int128 mantissa = integer(in);
    in >> places >> other;
    return shown(rescale(mantissa, places, other));
  }
  if (verb == "multiply_divide") {
    const int128 a = integer(in), b = integer(in), c = integer(in);
    return shown(multiply_divide_half_even(a, b, c));
  }
  if (verb == "format") {
    const int128 mantissa = integer(in);
    in >> places >> other;
    return format_decimal(mantissa, places, other);
  }
  if (verb == "parse" || verb == "round") {
    in >> places >> text;
    return shown(verb == "parse" ? parse_decimal(text, places) : parse_rounded(text, places));
  }
  if (verb == "double") {
    const int128 mantissa = integer(in);
    in >> places;
    return hexadecimal(to_double(mantissa, places));
  }
  in >> text;
  if (verb == "of32") return shown(decimal_of(std::strtof(text.c_str(), nullptr)));
  return shown(decimal_of(std::strtod(text.c_str(), nullptr)));
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    try {
      std::cout << answer(line) << '\n';
    } catch (const InvalidArgument& error) {
      std::cout << name_of(error.reason()) << '\n';
    }
  }
}
