#include "wire/accounts.hpp"

#include <string>
#include <string_view>

#include "encoding/fields.hpp"
#include "encoding/reader.hpp"
#include "model/account.hpp"
#include "model/numbers.hpp"

namespace alphaforge::wire {

std::string encode_account(const Account& account) {
  std::string message;
  FieldWriter out(message);
  out.text(1, account.strategy_id);
  out.text(2, to_string(account.starting_cash));
  out.text(3, to_string(account.cash));
  out.text(4, to_string(account.equity));
  out.text(5, to_string(account.exposure));
  out.text(6, to_string(account.net_exposure));
  if (account.drawdown) out.optional_text(7, to_string(*account.drawdown));
  if (account.max_drawdown) out.optional_text(8, to_string(*account.max_drawdown));
  out.flag(9, account.is_halted);
  return message;
}

Account decode_account(std::string_view message) {
  Account account;
  Reader in(message);
  while (in.next()) switch (in.field()) {
      case 1:
        account.strategy_id = text_of(in);
        break;
      case 2:
        account.starting_cash = value_of(in, "starting_cash");
        break;
      case 3:
        account.cash = value_of(in, "cash");
        break;
      case 4:
        account.equity = value_of(in, "equity");
        break;
      case 5:
        account.exposure = value_of(in, "exposure");
        break;
      case 6:
        account.net_exposure = value_of(in, "net_exposure");
        break;
      case 7:
        account.drawdown = value_of(in, "drawdown");
        break;
      case 8:
        account.max_drawdown = value_of(in, "max_drawdown");
        break;
      case 9:
        account.is_halted = integer_of(in) != 0;
        break;
      default:
        in.skip();
    }
  return account;
}

}  // namespace alphaforge::wire
