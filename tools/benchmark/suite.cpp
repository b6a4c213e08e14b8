#include "tools/benchmark/suite.h"

#include "tools/benchmark/benchmarks.h"

namespace agiddi::tools {
namespace {

void declare_consensus(Command& program, const std::shared_ptr<const PublishOptions>& publishing) {
  const auto o = std::make_shared<ConsensusOptions>();
  Command command = program.sub("consensus", "Payments by clients and rates, messages and bytes a transaction, block overhead; beside etcd");
  command.option("--nodes", o->nodes, "Sizes of the cluster, 1 to 16, with commas between them (4)");
  command.option("--clients", o->clients, "Clients at a time, each waiting for its answer, with commas between them (1,16,64,256)");
  command.option("--rate", o->rates, "Open loop too, at so many payments a second, with commas between them; latency counts from the intended start");
  command.choice("--peer", o->peer, {"etcd"}, "Also durable puts of 256 bytes at as many members of etcd, in turn with ours");
  command.integer("--seconds", o->seconds, 1, 600, "Length of each measurement (5)");
  command.integer("--warmup", o->warmup_ms, 0, 60'000, "Milliseconds of the same load before each (1000)");
  command.integer("--repetitions", o->repetitions, 1, 100, "Of each measurement (3); figures are medians, _min and _max the spread");
  command.flag("--unverified", o->unverified, "Without clients' signatures: nobody makes or checks them (a throw-away network; votes and blocks stay signed; no table of blocks)");
  command.action(published(publishing, "consensus", [o] { return bench_consensus(*o); }));
}

void declare_network(Command& program, const std::shared_ptr<const PublishOptions>& publishing) {
  const auto o = std::make_shared<NetworkBenchOptions>();
  Command command = program.sub("network", "The network's share of a payment, simulated: members and modelled links, in virtual time");
  command.option("--nodes", o->nodes, "Members, 4 to 16, with commas between them (4,7,10,16)");
  command.option("--link", o->links, "Delay of each link, one way, in ms, with commas between them (1,20,100)");
  command.integer("--rate", o->rate, 1, 100'000, "Payments a second, beside one at a time (500)");
  command.integer("--payments", o->payments, 1, 1'000'000, "Measured at that rate; at most 200 one at a time (2000)");
  command.integer("--seed", o->seed, 1, 1'000'000'000, "Of the random moments and nodes (1)");
  command.action(published(publishing, "network", [o] { return bench_network(*o); }));
}

void declare_recovery(Command& program, const std::shared_ptr<const PublishOptions>& publishing) {
  const auto o = std::make_shared<RecoveryOptions>();
  Command command = program.sub("recovery", "Start of a node by the devices in its ledger, and a cluster whose primary is killed");
  command.option("--devices", o->devices, "In the ledger of the node that is started, with commas between them (10000,100000)");
  command.option("--folder", o->folder, "Keep the filled ledgers below this folder, and take them from there: a million devices take minutes");
  command.integer("--repetitions", o->repetitions, 1, 100, "Starts for each number of devices (3)");
  command.integer("--nodes", o->nodes, 4, 16, "Of the cluster whose primary is killed (4)");
  command.integer("--kills", o->kills, 0, 100, "How often; 0: not at all (5)");
  command.action(published(publishing, "recovery", [o] { return bench_recovery(*o); }));
}

void declare_integrate(Command& program, const std::shared_ptr<const PublishOptions>& publishing) {
  const auto o = std::make_shared<IntegrateOptions>();
  Command command = program.sub("integrate", "From an application's request until the first reading of real devices");
  command.option("--devices", o->devices, "Of one application, 1 to 100, with commas between them (1,10,100)");
  command.option("--applications", o->applications, "At once, each for one device, 1 to 500, with commas between them (1,10,100)");
  command.integer("--nodes", o->nodes, 1, 16, "Nodes of the cluster (4)");
  command.integer("--repetitions", o->repetitions, 1, 1'000, "Of each (5)");
  command.integer("--interval", o->interval_ms, 10, 60'000, "Milliseconds from one reading of a device to the next; the first waits half of it on average (50)");
  command.integer("--pool", o->pool, 1, 100, "Devices at least, that the applications share (20)");
  command.action(published(publishing, "integrate", [o] { return bench_integrate(*o); }));
}

void declare_smoke(Command& program, const std::shared_ptr<const PublishOptions>& publishing) {
  const auto o = std::make_shared<SmokeOptions>();
  Command command = program.sub("smoke", "Instructions of the hot paths under callgrind, under a minute");
  command.integer("--repetitions", o->repetitions, 1, 20, "Runs, whose spread is told (3)");
  command.flag("--run-paths", o->run_paths, "Only run each path, as the run under callgrind does");
  command.action(published(publishing, "smoke", [o] { return bench_smoke(*o); }));
}

// Its parts have conditions of their own, and the page shows them, not the list of them.
void declare_all(Command& program, const std::shared_ptr<const PublishOptions>& publishing) {
  const auto o = std::make_shared<AllOptions>();
  Command command = program.sub("all", "Every benchmark in turn, with parameters that bound the time");
  command.flag("--short", o->short_form, "A minute or two: shows that everything runs; too short for figures to be trusted");
  command.choice("--peer", o->peer, {"etcd"}, "As in consensus");
  command.action([o, publishing]() -> Outcome<Answer> {
    auto answer = bench_all(*o);
    if (!answer) return answer;
    if (auto done = write_documents(answer->document.find("parts")->items(), *publishing); !done) return tl::unexpected(done.error());
    if (const auto& failures = answer->document.find("failed")->items(); !failures.empty()) {
      message(answer->text);
      return failed(std::to_string(failures.size()) + " of the benchmarks failed; the others' figures stand above");
    }
    return answer;
  });
}

}  // namespace

std::shared_ptr<const PublishOptions> declare_publishing(Command& program) {
  const auto options = std::make_shared<PublishOptions>();
  program.option("--csv", options->csv, "Also write the figures to this file: benchmark,table,row,column,value");
  program.option("--report", options->folder, "Also write a page with plots (index.html), figures.csv and figures.json into this folder");
  return options;
}

Command::Action published(const std::shared_ptr<const PublishOptions>& options, const std::string& benchmark, Command::Action action) {
  return [options, benchmark, action = std::move(action)] { return publish(action(), benchmark, *options); };
}

void declare_suite(Command& program, const std::shared_ptr<const PublishOptions>& publishing) {
  for (const auto declare : {declare_all, declare_consensus, declare_network, declare_recovery, declare_integrate, declare_smoke}) declare(program, publishing);
}

}  // namespace agiddi::tools
