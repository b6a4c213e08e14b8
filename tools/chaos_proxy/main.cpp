// agiddi-chaos-proxy: the links of a local cluster under the command of tools/chaos. One command a line on standard input, one answer a
// line on standard output; the end of the input ends the program, so it cannot outlive the one who started it.
//
//   link FROM TO PORT                                  -> listening PORT
//   set FROM TO pass|hold|cut DELAY_MS BYTES_PER_S     -> ok
//   bytes                                              -> bytes N
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <csignal>
#include <cstdio>
#include <functional>
#include <istream>
#include <sstream>
#include <unistd.h>

#include "tools/chaos_proxy/proxy.h"

namespace {

namespace asio = boost::asio;
using agiddi::tools::ChaosProxy;
using agiddi::tools::DirectionState;
using agiddi::tools::LinkMode;

constexpr std::size_t kLineMax_bytes = 1024;

std::string obey(ChaosProxy& proxy, const std::string& line) {
  std::istringstream words(line);
  std::string command, from, to, mode;
  words >> command;
  if (command == "bytes") return "bytes " + std::to_string(proxy.bytes_passed());
  words >> from >> to;
  if (command == "link") {
    std::uint16_t port = 0;
    if (!(words >> port)) return "error: link FROM TO PORT";
    return "listening " + std::to_string(proxy.add_link(from, to, port));
  }
  if (command == "set") {
    DirectionState state;
    if (!(words >> mode >> state.delay_ms >> state.bytes_per_second) || state.delay_ms < 0 || state.bytes_per_second < 0) {
      return "error: set FROM TO pass|hold|cut DELAY_MS BYTES_PER_S";
    }
    if (mode != "pass" && mode != "hold" && mode != "cut") return "error: the mode is pass, hold or cut";
    state.mode = mode == "pass" ? LinkMode::pass : mode == "hold" ? LinkMode::hold : LinkMode::cut;
    proxy.set(from, to, state);
    return "ok";
  }
  return "error: unknown command '" + command + "'";
}

}  // namespace

int main() {
  std::signal(SIGPIPE, SIG_IGN);
  asio::io_context io;
  ChaosProxy proxy(io);
  asio::posix::stream_descriptor input(io, ::dup(STDIN_FILENO));
  asio::streambuf buffer(kLineMax_bytes);
  std::function<void()> next = [&] {
    asio::async_read_until(input, buffer, '\n', [&](boost::system::error_code failure, std::size_t) {
      if (failure) return io.stop();
      std::istream stream(&buffer);
      std::string line;
      std::getline(stream, line);
      std::string answer;
      try {
        answer = obey(proxy, line);
      } catch (const std::exception& problem) {
        answer = std::string("error: ") + problem.what();
      }
      std::printf("%s\n", answer.c_str());
      std::fflush(stdout);
      next();
    });
  };
  next();
  io.run();
  return 0;
}
