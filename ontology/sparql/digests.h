// The hash functions that SPARQL names (MD5, SHA-1, SHA-2), as lower-case hex. For queries only: nothing of the protocol rests on them.
// Sources: RFC 1321, FIPS 180-4.
#pragma once

#include <string>
#include <string_view>

namespace agiddi::ontology::sparql {

std::string md5_hex(std::string_view data);
std::string sha1_hex(std::string_view data);
std::string sha256_hex(std::string_view data);
std::string sha384_hex(std::string_view data);
std::string sha512_hex(std::string_view data);

}  // namespace agiddi::ontology::sparql
