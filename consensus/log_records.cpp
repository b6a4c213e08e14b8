#include "consensus/log_records.h"

#include "consensus/frames.h"
#include "protocol/check.h"
#include "protocol/records/peer.pb.h"

namespace agiddi::consensus {
namespace {

constexpr std::string_view kView = "c/view";
constexpr std::string_view kNewView = "c/new-view";
constexpr std::string_view kStable = "c/stable";

Bytes height_key(std::string_view prefix, Height height) {
  Bytes key(prefix);
  append_u64_be(key, height);
  return key;
}

template <class T>
T must(Result<T> result, const char* what) {
  AGIDDI_CHECK(result.has_value(), what);
  return std::move(*result);
}

TransactionPtr read_body(BytesView record) {
  return std::make_shared<const Transaction>(must(decode_transaction(record), "a logged transaction is damaged"));
}

void read_bodies(BytesView value, std::vector<TransactionPtr>& out) {
  while (!value.empty()) {
    AGIDDI_CHECK(value.size() >= 4 && value.size() - 4 >= read_u32_be(value), "logged bodies are damaged");
    const std::size_t size = read_u32_be(value);
    out.push_back(read_body(value.substr(4, size)));
    value.remove_prefix(4 + size);
  }
}

ViewRecord read_view(const Bytes& value, std::size_t members) {
  records::LogView record;
  AGIDDI_CHECK(record.ParseFromString(value), "the view record in the write-ahead log is damaged");
  ViewRecord out;
  out.view = record.view();
  out.active = record.active();
  out.epoch = record.epoch();
  if (record.has_sent()) out.sent = must(decode_view_change(record.sent().SerializeAsString(), members), "the logged ViewChange is damaged");
  return out;
}

}  // namespace

LogWrite log_view(const ViewRecord& view) {
  records::LogView record;
  record.set_view(view.view);
  record.set_active(view.active);
  record.set_epoch(view.epoch);
  if (view.sent) AGIDDI_CHECK(record.mutable_sent()->ParseFromString(encode_view_change(*view.sent)), "our own ViewChange cannot be read");
  return {Bytes(kView), record.SerializeAsString()};
}

LogWrite log_new_view(const NewView& message) { return {Bytes(kNewView), encode_new_view(message)}; }
LogWrite log_stable(const CertifiedHeader& certified) { return {Bytes(kStable), encode_certified(certified)}; }
LogWrite log_accepted(const PrePrepare& message) { return {height_key("c/a", message.batch.height), encode_pre_prepare(message)}; }
LogWrite log_prepared(const PreparedCertificate& certificate) { return {height_key("c/p", certificate.height), encode_prepared(certificate)}; }
// One record for all that a vote promises: each record is a key that the store sorts in, and a second one when it is erased.
LogWrite log_bodies(Height height, std::uint32_t number, const std::vector<TransactionPtr>& transactions) {
  Bytes key = height_key("c/t", height), value;
  append_u32_be(key, number);
  for (const TransactionPtr& transaction : transactions) {
    const Bytes record = encode_transaction(*transaction);
    append_u32_be(value, static_cast<std::uint32_t>(record.size()));
    value += record;
  }
  return {std::move(key), std::move(value)};
}
LogWrite erase_new_view() { return {Bytes(kNewView), std::nullopt}; }
LogWrite erase_accepted(Height height) { return {height_key("c/a", height), std::nullopt}; }
LogWrite erase_prepared(Height height) { return {height_key("c/p", height), std::nullopt}; }

std::uint64_t logged_epoch(const std::vector<LogRecord>& records) {
  for (const LogRecord& record : records) {
    if (record.key == kView) return read_view(record.value, limits::kMembersMax).epoch;
  }
  return 0;
}

RestoredLog restore_log(const std::vector<LogRecord>& records, std::size_t members) {
  RestoredLog out;
  for (const LogRecord& record : records) {
    const BytesView key = record.key;
    if (key == kView) {
      out.view = read_view(record.value, members);
    } else if (key == kNewView) {
      out.new_view = must(decode_new_view(record.value, members), "the logged NewView is damaged");
    } else if (key == kStable) {
      out.stable = must(decode_certified(record.value, members), "the logged certified header is damaged");
    } else if (key.size() == 11 && key.starts_with("c/a")) {
      out.accepted.emplace(read_u64_be(key.substr(3)), must(decode_pre_prepare(record.value, members), "a logged PrePrepare is damaged"));
    } else if (key.size() == 11 && key.starts_with("c/p")) {
      out.prepared.emplace(read_u64_be(key.substr(3)), must(decode_prepared(record.value, members), "a logged certificate is damaged"));
    } else if ((key.size() == 15 || key.size() == 43) && key.starts_with("c/t")) {
      RestoredBodies& bodies = out.bodies[read_u64_be(key.substr(3))];
      bodies.keys.emplace_back(key);
      if (key.size() == 15) {
        read_bodies(record.value, bodies.transactions);
      } else {
        bodies.transactions.push_back(read_body(record.value));
      }
    }
  }
  return out;
}

}  // namespace agiddi::consensus
