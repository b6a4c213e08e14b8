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
LogWrite log_body(Height height, const Transaction& transaction) {
  return {height_key("c/t", height) + Bytes(transaction.id.view()), encode_transaction(transaction)};
}
LogWrite erase_new_view() { return {Bytes(kNewView), std::nullopt}; }
LogWrite erase_accepted(Height height) { return {height_key("c/a", height), std::nullopt}; }
LogWrite erase_prepared(Height height) { return {height_key("c/p", height), std::nullopt}; }
LogWrite erase_body(Height height, const Hash& id) { return {height_key("c/t", height) + Bytes(id.view()), std::nullopt}; }

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
    } else if (key.size() == 43 && key.starts_with("c/t")) {
      out.bodies[read_u64_be(key.substr(3))].push_back(
          std::make_shared<const Transaction>(must(decode_transaction(record.value), "a logged transaction is damaged")));
    }
  }
  return out;
}

}  // namespace agiddi::consensus
