// The whole suite with parameters that bound its time; a part that fails does not keep the others from being measured.
#include <functional>

#include "tools/benchmark/benchmarks.h"
#include "tools/benchmark/report/conditions.h"
#include "tools/cli/command.h"

namespace agiddi::tools {
namespace {

struct Part {
  std::string name;
  std::function<Outcome<Answer>()> run;
};

ConsensusOptions consensus_options(bool brief, const std::string& peer) {
  ConsensusOptions options;
  options.peer = peer;
  options.seconds = brief ? 1 : 3;
  options.repetitions = brief ? 1 : 3;
  options.warmup_ms = brief ? 300 : 1'000;
  options.clients = brief ? "1,64,256" : "1,16,64,256";
  options.rates = brief ? "500" : "500,2000";
  return options;
}

std::vector<Part> parts_of(const AllOptions& options) {
  const bool brief = options.short_form;
  ConsensusOptions growth = consensus_options(brief, "");
  growth.nodes = brief ? "4,7" : "4,7,10,16";
  growth.clients = brief ? "64" : "1,256";
  growth.rates.clear();
  growth.repetitions = 1;
  NetworkBenchOptions network;
  if (brief) network.payments = 200;
  RegisterOptions registering;
  registering.seconds = brief ? 1 : 6;
  if (brief) registering.batches = {1, 100};
  IntegrateOptions integrate;
  integrate.devices = brief ? "1,10" : "1,10,100";
  integrate.applications = brief ? "10" : "10,100,500";
  integrate.repetitions = brief ? 2 : 5;
  integrate.pool = brief ? 10 : 100;
  DataOptions data;
  data.seconds = brief ? 1 : 3;
  data.pairs = brief ? 1 : 3;
  if (brief) {
    data.grants = 1'000;
    data.revocations = 50;
  }
  DiscoveryOptions discovery;
  discovery.devices = brief ? 2'000 : 100'000;
  discovery.repetitions = brief ? 20 : 100;
  discovery.no_peers = true;
  RecoveryOptions recovery;
  recovery.devices = brief ? "1000,10000" : "10000,100000";
  recovery.repetitions = brief ? 1 : 3;
  recovery.kills = brief ? 2 : 7;
  SmokeOptions smoke;
  smoke.repetitions = brief ? 1 : 3;
  return {{"consensus", [=, o = consensus_options(brief, options.peer)] { return bench_consensus(o); }},
          {"consensus by nodes", [=] { return bench_consensus(growth); }},
          {"network", [=] { return bench_network(network); }},
          {"register", [=] { return bench_register(registering); }},
          {"integrate", [=] { return bench_integrate(integrate); }},
          {"data", [=] { return bench_data(data); }},
          {"discovery", [=] { return bench_discovery(discovery); }},
          {"recovery", [=] { return bench_recovery(recovery); }},
          {"smoke", [=] { return bench_smoke(smoke); }}};
}

}  // namespace

Outcome<Answer> bench_all(const AllOptions& options) {
  Json documents = Json::array(), failures = Json::array();
  std::string text;
  for (const Part& part : parts_of(options)) {
    message("measuring: " + part.name);
    auto answer = part.run();
    if (!answer) {
      const std::string detail = problem_text(answer.error().problem);
      failures.push(Json::object({{"benchmark", part.name}, {"detail", detail}}));
      text += "== " + part.name + " FAILED: " + detail + "\n";
      continue;
    }
    documents.push(answer->document.set("conditions", conditions(part.name.substr(0, part.name.find(' ')))));
    text += "== " + part.name + "\n" + answer->text + "\n";
  }
  return Answer{Json::object({{"benchmark", "all"}, {"short", options.short_form}, {"parts", std::move(documents)}, {"failed", std::move(failures)}}), std::move(text)};
}

}  // namespace agiddi::tools
