// What the documents about money have in common: amounts, currencies and whom they name. Errors are collected at the field.
#pragma once

#include "protocol/field_reader.h"
#include "protocol/money.h"
#include "subservices/records.h"

namespace agiddi::subservices {

std::optional<MicroUnits> read_money(FieldReader& fields, const char* name);
std::optional<std::string> read_did(FieldReader& fields, const char* name);
std::optional<std::string> read_currency(FieldReader& fields);

// 402: what the account holds and what is needed. purse: see accounts.h.
Error lack_of_funds(const StateView& state, std::string_view did, std::string_view purse, MicroUnits wanted);

}  // namespace agiddi::subservices
