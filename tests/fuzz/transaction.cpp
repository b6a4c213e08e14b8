// Foreign bytes that claim to be a transaction, as the header's value (before the first line feed) with a body, or as a record; and
// the records of blocks. What a decoder accepts, its encoder writes in the same bytes.
#include <cstdint>
#include <cstdlib>

#include "protocol/block.h"

namespace {

template <class Value, class Encode>
void same_bytes(const Value& decoded, std::string_view bytes, Encode encode) {
  if (decoded && encode(*decoded) != bytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agiddi;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  same_bytes(decode_transaction(bytes), bytes, encode_transaction);
  same_bytes(decode_batch(bytes), bytes, encode_batch);
  same_bytes(decode_header(bytes), bytes, encode_header);
  same_bytes(decode_certificate(bytes), bytes, encode_certificate);
  same_bytes(decode_receipt(bytes), bytes, encode_receipt);

  const std::size_t line = bytes.find('\n');
  const std::string_view head = bytes.substr(0, line), body = line == bytes.npos ? std::string_view() : bytes.substr(line + 1);
  const auto transaction = parse_transaction(head, Bytes(body));
  if (transaction) {
    const auto back = decode_transaction(encode_transaction(*transaction));
    if (!back || back->id != transaction->id || verify_signature(*back) != verify_signature(*transaction)) std::abort();
  } else if (transaction.error().status != Status::unauthorized) {
    std::abort();
  }
  return 0;
}
