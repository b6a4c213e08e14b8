// ByteClient: the client's end of a TCP or TLS connection behind one small interface, so that HTTP's parser is compiled once and knows neither.
//
// Threads: one at a time. Every wait is bounded, which the blocking calls of a socket are not; but to find a host's address takes as long as the
// system's resolver does, for nothing stops that. TLS: system certificates, host name checked.
#pragma once

#include <boost/system/error_code.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string_view>

#include "tools/cli/url.h"

namespace agiddi::tools {

class ByteClient {
 public:
  using Clock = std::chrono::steady_clock;
  using ErrorCode = boost::system::error_code;   // a passed deadline is boost::asio::error::timed_out

  explicit ByteClient(const Url& url);
  ~ByteClient();

  ErrorCode open(Clock::time_point deadline);
  ErrorCode write(std::string_view text, Clock::time_point deadline);   // all of it
  struct Part {
    ErrorCode error;                             // boost::asio::error::eof: the far end has said all
    std::size_t size = 0;                        // bytes
  };
  // wanted() is asked about three times a second while nothing comes; false ends the wait with boost::asio::error::operation_aborted.
  Part read_some(char* data, std::size_t size, Clock::time_point deadline, const std::function<bool()>& wanted = {});

 private:
  struct Streams;
  template <class Stop>
  ErrorCode await(ErrorCode& error, Clock::time_point deadline, const std::function<bool()>& wanted, Stop stop);

  Url url_;
  std::unique_ptr<Streams> streams_;
};

}  // namespace agiddi::tools
