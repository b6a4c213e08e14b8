#include <chrono>
#include <thread>

#include "tools/cli/command.h"
#include "tools/cli/follow.h"
#include "tools/cli/http_client.h"
#include "tools/cli/node_client.h"

namespace agiddi::tools {
namespace {

constexpr int kIdle_ms = 60'000;        // the node sends a comment well before
constexpr int kTriesMax = 5;
constexpr auto kTryAgain = std::chrono::milliseconds(300);

}  // namespace

Outcome<void> follow_stream(const Json& delivery, const Follower& follower) {
  auto url = text_member(delivery, "url");
  if (!url) return tl::unexpected(url.error());
  HttpRequest request;
  request.url = *url;
  bool over = false;
  const auto handle = [&](const SseEvent& event) {
    if (event.event.empty() || event.event == "message" || event.event == "measurement") {
      follower.measurement(event.data);
      return true;
    }
    over = event.event == "end";
    return !over;
  };
  // A broken connection is taken up again: only the node's word that the integration has ended ends it here.
  for (int tries = 0; tries < kTriesMax; ++tries) {
    bool heard = false;
    auto end = http_stream(request, kIdle_ms, [&](const SseEvent& event) { return heard = true, handle(event); }, [] { return true; });
    if (over) return {};
    const auto ended = follower.ended();
    if (!ended) return tl::unexpected(ended.error());
    if (*ended) return {};
    if (end && end->response.status != 200) return tl::unexpected(failure_of(end->response));
    if (!end) message("agiddi: " + end.error().detail + "; trying again");
    if (heard) tries = 0;
    std::this_thread::sleep_for(kTryAgain);
  }
  return failed("the stream broke and could not be taken up again, though the integration has not ended");
}

}  // namespace agiddi::tools
