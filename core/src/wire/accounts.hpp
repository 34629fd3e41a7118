#pragma once

#include <string>
#include <string_view>

#include "model/account.hpp"

namespace alphaforge::wire {

// alphaforge.execution.v1.Account. Decoding throws InvalidArgument MESSAGE_MALFORMED.
std::string encode_account(const Account& account);
Account decode_account(std::string_view message);

}  // namespace alphaforge::wire
