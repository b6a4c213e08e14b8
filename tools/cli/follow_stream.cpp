#include "tools/cli/follow.h"
#include "tools/cli/http_client.h"
#include "tools/cli/node_client.h"

namespace agiddi::tools {
namespace {

constexpr int kIdle_ms = 40'000;        // the node sends a comment each 15 s
constexpr int kOpen_ms = 10'000;
constexpr std::string_view kTakenOver[] = {"end: a newer stream took over", "end: the credentials were renewed"};   // as the node puts it

}  // namespace

Outcome<FollowEnd> follow_stream(const Json& delivery, const Follower& follower) {
  auto url = text_member(delivery, "url");
  if (!url) return tl::unexpected(url.error());
  Contact stream("the stream at " + follower.node, follower.patience, follower.say);
  Renewal renewal(follower);
  while (true) {
    HttpRequest request;
    request.url = *url;
    request.timeout_ms = kOpen_ms;
    bool nobody_reads = false;
    const auto handle = [&](const SseEvent& event) {
      if (event.event.empty() || event.event == "message") nobody_reads = !follower.measurement(event.data);
      return !nobody_reads;
    };
    const auto end = http_stream(request, kIdle_ms, handle, [&] { return !follower.interrupted(); }, [&] { stream.up(Contact::Clock::now()); });
    if (nobody_reads) return failed("standard output is closed");
    if (follower.interrupted()) return FollowEnd::interrupted;
    const auto ended = follower.ended();
    if (ended && *ended) return FollowEnd::ended;
    if (!ended && follower.move && follower.move()) return FollowEnd::moved;

    std::string reason = "the node closed it";
    if (!end) {
      reason = end.error().detail;
    } else if (end->response.status == 200) {
      for (const std::string_view told : kTakenOver) {
        if (end->last_comment == told) return failed("the node ended the stream: " + std::string(told.substr(5)) + " (somebody else who holds the key reads it)");
      }
      if (end->last_comment.starts_with("end: ")) reason = end->last_comment.substr(5);
    } else if (end->response.status == 401) {
      auto fresh = renewal.ask(Contact::Clock::now());
      if (!fresh) return tl::unexpected(fresh.error());
      if (*fresh) {
        url = text_member(**fresh, "url");
        if (!url) return tl::unexpected(url.error());
        continue;
      }
      reason = renewal.reason();
    } else {
      const Failure refused = failure_of(end->response);
      if (!may_pass(refused)) return tl::unexpected(refused);
      reason = detail_of(refused);
    }
    if (!stream.lost(reason, Contact::Clock::now())) return failed(stream.verdict());
    pause_for(stream.pause(), follower);
    if (follower.interrupted()) return FollowEnd::interrupted;
  }
}

}  // namespace agiddi::tools
