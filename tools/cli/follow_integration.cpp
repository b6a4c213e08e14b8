#include "tools/cli/follow_integration.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>

#include "tools/cli/count_sender.h"
#include "tools/cli/follow.h"
#include "tools/cli/reading_lines.h"

namespace agiddi::tools {
namespace {

constexpr int kProbe_ms = 3'000;
constexpr int kCredentials_ms = 12'000;     // the node waits 8 s for its broker

std::atomic<bool> stop_asked = false;

// The first signal ends the following in good order, a second one ends the program at once.
class StopSignals {
 public:
  StopSignals() {
    stop_asked = false;
    struct sigaction action {};
    action.sa_handler = [](int) { stop_asked = true; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
  }
  ~StopSignals() {
    for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, SIG_DFL);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
};

bool print_line(const std::string& line) {
  return std::fputs((line + "\n").c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
}

void say(const std::string& text) { message("agiddi: " + text); }

// The credentials when the integration's own answer had none, as long as they may still come.
Outcome<Json> first_credentials(const Follower& follower) {
  Contact credentials("the delivery of " + follower.node, follower.patience, follower.say);
  while (true) {
    auto fresh = follower.renew();
    if (fresh || !may_pass(fresh.error())) return fresh;
    if (!credentials.lost(detail_of(fresh.error()), Contact::Clock::now())) return failed(credentials.verdict());
    pause_for(credentials.pause(), follower);
    if (follower.interrupted()) return failed("interrupted before the first reading");
  }
}

constexpr std::int64_t kCountEvery_s = 5;

std::string readings_text(std::uint64_t count) { return std::to_string(count) + (count == 1 ? " reading" : " readings"); }

}  // namespace

void FollowOptions::declare(Command& command) {
  command.flag("--follow", follow, "Print one measurement a line until the end; Ctrl-C stops printing, not the integration");
  command.flag("--text", text, "Short readable lines also where standard output is no terminal");
  command.options("--fallback", fallbacks, "Address of another node that goes on when the serving one falls silent, once its lease has run out; may be repeated");
  command.flag("--count", count, "With --follow: count what comes, and tell the ledger, signed; only that is paid (agiddi count --help)");
  command.integer("--count-seconds", count_s, 1, 10, "How often --count tells, at the latest (5)");
  command.integer("--retry-seconds", retry_s, 0, 86'400, "How long --follow tries to come back to a node or broker that is away (60)");
}

Outcome<void> FollowOptions::check() const {
  if (count && !follow) return wrong_usage("--count belongs to --follow: nothing else is read here");
  if (count_s != 0 && !count) return wrong_usage("--count-seconds belongs to --count");
  if (!fallbacks.empty() && !follow) return wrong_usage("--fallback belongs to --follow: nothing else waits for a node here");
  for (const std::string& url : fallbacks) {
    if (auto fits = check_node_url(url); !fits) return wrong_usage("--fallback: " + fits.error().detail);
  }
  return {};
}

Outcome<Json> new_credentials(NodeClient& node, const KeyPair& key, const std::string& integration) {
  auto answer = node.write("POST", "/v1/integrations/" + integration + "/credentials", "integration.credentials", key, Json::object({{"integration", integration}}));
  if (!answer) return answer;
  const Json* delivery = answer->find("delivery");
  if (!delivery) return failed("the node's answer has no delivery credentials");
  return *delivery;
}

Outcome<Answer> follow_integration(const std::string& node_url, const KeyPair& key, const Followed& what, const FollowOptions& options) {
  const bool for_people = !json_wanted() && (options.text || ::isatty(STDOUT_FILENO) == 1);
  ReadingLines lines(!for_people ? ReadingLines::Form::json : what.devices > 1 ? ReadingLines::Form::text_with_device : ReadingLines::Form::text);
  std::string serving = node_url;
  Outcome<Json> delivery = what.delivery;
  const StopSignals signals;
  Follower follower;
  follower.node = NodeClient(serving).url();
  follower.measurement = [&](const std::string& measurement) {
    const auto line = lines.line(measurement);
    return !line || print_line(*line);
  };
  follower.ended = [&]() -> Outcome<bool> {
    auto answer = NodeClient(serving, kProbe_ms).get_json("/v1/integrations/" + what.id);
    for (auto other = options.fallbacks.begin(); !answer && other != options.fallbacks.end(); ++other) {
      auto told = NodeClient(*other, kProbe_ms).get_json("/v1/integrations/" + what.id);
      if (told && shown(*told, "state") == "ended") answer = std::move(told);   // while its node was dead
    }
    if (!answer) return tl::unexpected(answer.error());
    const Json* state = answer->find("state");
    return state && state->is_string() && state->as_string() == "ended";
  };
  follower.renew = [&] {
    NodeClient node(serving, kCredentials_ms);
    return new_credentials(node, key, what.id);
  };
  if (!what.request.is_null() && !options.fallbacks.empty()) {
    follower.move = [&] {
      for (const std::string& url : options.fallbacks) {
        NodeClient node(url, kCredentials_ms);
        auto answer = node.write("POST", "/v1/integrations", "integration.create", key, what.request);
        const Json* access = answer ? answer->find("delivery") : nullptr;
        if (access != nullptr) {
          delivery = *access;
        } else {
          // It was taken up there, and the answer was lost or had no credentials; or the lease runs still, or this one does not answer either.
          auto fresh = new_credentials(node, key, what.id);
          if (!fresh) continue;
          delivery = std::move(*fresh);
        }
        serving = url;
        follower.node = node.url();
        say("the integration goes on at " + node.url());
        return true;
      }
      return false;
    };
  }
  follower.interrupted = [] { return stop_asked.load(); };
  follower.say = say;
  follower.patience = std::chrono::seconds(options.retry_s);

  message("integration " + what.id + ", following until it ends");
  if (what.delivery.is_null()) delivery = first_credentials(follower);
  if (!delivery) return tl::unexpected(delivery.error());
  std::unique_ptr<CountSender> counts;
  if (options.count) {
    std::vector<std::string> nodes{node_url};
    nodes.insert(nodes.end(), options.fallbacks.begin(), options.fallbacks.end());
    counts = std::make_unique<CountSender>(key, what.id, std::move(nodes), std::chrono::seconds(options.count_s != 0 ? options.count_s : kCountEvery_s));
    if (auto begun = counts->begin(); !begun) {
      message("integration " + what.id + " goes on; nothing is read without a count");
      return tl::unexpected(begun.error());
    }
    lines.on_reading([&counts](const std::string& device) { counts->add(device); });
  }
  auto end = Outcome<FollowEnd>(FollowEnd::moved);
  while (end && *end == FollowEnd::moved) {
    const Json current = *delivery;
    end = what.protocol == "mqtt" ? follow_mqtt(current, follower) : follow_stream(current, follower);
  }
  std::string received = readings_text(lines.count()) + " received";
  if (counts) {
    counts->finish();
    received += ", " + std::to_string(counts->counted()) + " counted";
  }
  if (!end) {
    Failure failure = end.error();
    failure.problem.set("detail", detail_of(failure) + "; " + received + ". Integration " + what.id + " may go on: agiddi integration show " + what.id);
    return tl::unexpected(std::move(failure));
  }
  if (*end == FollowEnd::interrupted) {
    message("stopped, " + received + "; the integration goes on: agiddi integration show|close|credentials " + what.id);
    return Answer{Json(), ""};
  }
  const auto record = NodeClient(serving, kProbe_ms).get_json("/v1/integrations/" + what.id);
  const Json* because = record ? record->find("endedBecause") : nullptr;
  message("integration " + what.id + " ended" + (because && because->is_string() ? ": " + because->as_string() : "") + "; " + received);
  return Answer{Json(), ""};   // its measurements are what it prints
}

}  // namespace agiddi::tools
