// The write-ahead records of consensus: what a member has promised and must still know after a crash. Keys live under "c/" in Column::log.
//
//   c/view          epoch, view, active or not, and the own ViewChange that was sent for it
//   c/new-view      the NewView that the current view stands on (absent in view 0)
//   c/stable        the highest certified header: written with the erasing of records at or below it, which would be a broken promise without it
//   c/a<height>     the batch accepted at that height with the primary's vote: the promise not to prepare another one in that view
//   c/p<height>     the prepared certificate of the highest view at that height, with its batch: what view changes must carry
//   c/t<height><n>  bodies of transactions of an accepted batch: all that one vote promised; n counts from 0 (4 bytes). Stores of older versions have
//                   a record for each body, with its id in place of n; they are read and erased like the others
// Heights are 8 bytes big-endian. Records at or below a height that is certified and applied are erased.
#pragma once

#include <map>

#include "consensus/messages.h"

namespace agiddi::consensus {

struct LogWrite {
  Bytes key;
  std::optional<Bytes> value;  // nothing = erase
};
struct LogRecord {
  Bytes key;
  Bytes value;
};

struct ViewRecord {
  View view = 0;
  bool active = true;
  std::optional<ViewChange> sent;
  std::uint64_t epoch = 0;
};

// What the log holds of one height.
struct RestoredBodies {
  std::vector<TransactionPtr> transactions;
  std::vector<Bytes> keys;     // of the records
};

struct RestoredLog {
  ViewRecord view;
  std::optional<NewView> new_view;
  std::optional<CertifiedHeader> stable;
  std::map<Height, PrePrepare> accepted;
  std::map<Height, PreparedCertificate> prepared;
  std::map<Height, RestoredBodies> bodies;
};

LogWrite log_view(const ViewRecord& record);
LogWrite log_new_view(const NewView& message);
LogWrite log_stable(const CertifiedHeader& certified);
LogWrite log_accepted(const PrePrepare& message);
LogWrite log_prepared(const PreparedCertificate& certificate);
LogWrite log_bodies(Height height, std::uint32_t number, const std::vector<TransactionPtr>& transactions);
LogWrite erase_new_view();
LogWrite erase_accepted(Height height);
LogWrite erase_prepared(Height height);

// The epoch in which the records were written; 0 when there are none.
std::uint64_t logged_epoch(const std::vector<LogRecord>& records);

// Our own records, so damage is not an error to handle: it aborts, because a member that forgot its promises must not vote.
RestoredLog restore_log(const std::vector<LogRecord>& records, std::size_t members);

}  // namespace agiddi::consensus
