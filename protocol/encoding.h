// Text encodings of bytes: hex, strict base64url (RFC 4648 section 5, no padding, trailing bits zero) and base58btc.
#pragma once

#include "protocol/bytes.h"

namespace agiddi {

std::string to_hex(BytesView raw);                        // lower case
Result<Bytes> from_hex(std::string_view text);            // lower case only, even length
std::string to_base64url(BytesView raw);
Result<Bytes> from_base64url(std::string_view text);      // refuses padding, foreign characters and non-zero trailing bits
std::string to_base58(BytesView raw);
Result<Bytes> from_base58(std::string_view text);         // at most 128 characters
bool is_utf8(std::string_view text);                      // RFC 3629: no overlong forms, no surrogates

}  // namespace agiddi
