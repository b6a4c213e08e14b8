#include "tools/benchmark/suite.h"

#include "tools/benchmark/benchmarks.h"

namespace agiddi::tools {
namespace {

void declare_consensus(Command& program) {
  const auto o = std::make_shared<ConsensusOptions>();
  Command command = program.sub("consensus", "Payments by clients and rates, messages and bytes a transaction, block overhead; beside etcd");
  command.option("--nodes", o->nodes, "Sizes of the cluster, 1 to 16, with commas between them (4)");
  command.option("--clients", o->clients, "Clients at a time, each waiting for its answer, with commas between them (1,16,64,256)");
  command.option("--rate", o->rates, "Open loop too, at so many payments a second, with commas between them; latency counts from the intended start");
  command.choice("--peer", o->peer, {"etcd"}, "Also durable puts of 256 bytes at as many members of etcd, in turn with ours");
  command.integer("--seconds", o->seconds, 1, 600, "Length of each measurement (5)");
  command.integer("--warmup", o->warmup_ms, 0, 60'000, "Milliseconds of the same load before each (1000)");
  command.integer("--repetitions", o->repetitions, 1, 100, "Of each measurement (3); figures are medians, _min and _max the spread");
  command.action([o] { return bench_consensus(*o); });
}

void declare_recovery(Command& program) {
  const auto o = std::make_shared<RecoveryOptions>();
  Command command = program.sub("recovery", "Start of a node by the devices in its ledger, and a cluster whose primary is killed");
  command.option("--devices", o->devices, "In the ledger of the node that is started, with commas between them (10000,100000)");
  command.integer("--repetitions", o->repetitions, 1, 100, "Starts for each number of devices (3)");
  command.integer("--nodes", o->nodes, 4, 16, "Of the cluster whose primary is killed (4)");
  command.integer("--kills", o->kills, 0, 100, "How often; 0: not at all (5)");
  command.action([o] { return bench_recovery(*o); });
}

void declare_integrate(Command& program) {
  const auto o = std::make_shared<IntegrateOptions>();
  Command command = program.sub("integrate", "From an application's request until the first reading of real devices");
  command.option("--devices", o->devices, "Of one application, 1 to 100, with commas between them (1,10,100)");
  command.option("--applications", o->applications, "At once, each for one device, 1 to 500, with commas between them (1,10,100)");
  command.integer("--nodes", o->nodes, 1, 16, "Nodes of the cluster (4)");
  command.integer("--repetitions", o->repetitions, 1, 1'000, "Of each (5)");
  command.integer("--interval", o->interval_ms, 10, 60'000, "Milliseconds from one reading of a device to the next; the first waits half of it on average (50)");
  command.integer("--pool", o->pool, 1, 100, "Devices at least, that the applications share (20)");
  command.action([o] { return bench_integrate(*o); });
}

}  // namespace

void declare_suite(Command& program) {
  declare_integrate(program);
  declare_consensus(program);
  declare_recovery(program);
}

}  // namespace agiddi::tools
