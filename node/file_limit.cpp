#include "node/file_limit.h"

#include <sys/resource.h>

#include <algorithm>

namespace agiddi::node {
namespace {

// The store keeps at most 512 tables open; logs, links to members, brokers, snapshots and connections that are just accepted are the rest.
constexpr std::size_t kOwnFiles = 768;

}  // namespace

std::size_t raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return static_cast<std::size_t>(::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before);
}

FilePlan plan_files(std::size_t allowed, std::size_t connections_max, std::size_t watchers_max) {
  FilePlan plan;
  plan.wanted = kOwnFiles + connections_max + watchers_max + kWebhooksMax;
  plan.enough = allowed >= plan.wanted;
  const std::size_t clients = allowed > 2 * kOwnFiles ? allowed - kOwnFiles : allowed / 2;
  plan.webhooks = std::min(kWebhooksMax, clients / 8);
  const std::size_t room = clients - plan.webhooks;
  plan.watchers = std::min(watchers_max, std::max(room / 4, room - std::min(room, connections_max)));
  plan.connections = std::min(connections_max, room - plan.watchers);
  return plan;
}

}  // namespace agiddi::node
