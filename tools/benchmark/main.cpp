// agiddi-bench: benchmarks on this machine. See docs/TESTING.md and docs/PERFORMANCE.md.
#include "protocol/decimal.h"
#include "tools/benchmark/benchmarks.h"
#include "tools/benchmark/suite.h"
#include "tools/cli/command.h"

int main(int argc, char** argv) {
  using namespace agiddi::tools;
  return run_program(argc, argv, [](Command& program) {
    const auto publishing = declare_publishing(program);
    declare_suite(program, publishing);

    const auto pay = std::make_shared<PayOptions>();
    Command payments = program.sub("pay", "Single signed payments: throughput and latency");
    payments.integer("--nodes", pay->nodes, 1, 16, "Nodes of the cluster (4)");
    payments.integer("--clients", pay->clients, 1, 10'000, "Clients at a time, spread over the nodes (256)");
    payments.integer("--seconds", pay->seconds, 1, 3'600, "How long, after 2 s of warm-up (10)");
    payments.integer("--rate", pay->rate, 0, 1'000'000, "Open loop at so many payments a second; 0 (default): each client waits for its answer");
    payments.flag("--unverified", pay->unverified, "Without clients' signatures: nobody makes or checks them (a throw-away network; votes and blocks stay signed)");
    payments.action(published(publishing, "pay", [pay] { return bench_pay(*pay); }));

    struct Register { RegisterOptions options; std::vector<std::string> batches; };
    const auto registering = std::make_shared<Register>();
    Command registrations = program.sub("register", "Signed registrations, by how many devices stand in a document");
    registrations.integer("--nodes", registering->options.nodes, 1, 16, "Nodes of the cluster (4)");
    registrations.options("--batch", registering->batches, "Devices a document, 1 to 1000; may be repeated (1, 10, 100, 1000)");
    registrations.integer("--clients", registering->options.clients, 1, 10'000, "Clients at a time, spread over the nodes; fewer with large documents (64)");
    registrations.integer("--seconds", registering->options.seconds, 1, 3'600, "Length of each measurement, after 2 s of warm-up (10)");
    registrations.integer("--rate", registering->options.rate, 0, 1'000'000, "Open loop at so many documents a second; 0 (default): each client waits for its answer");
    registrations.action(published(publishing, "register", [registering]() -> Outcome<Answer> {
      if (!registering->batches.empty()) registering->options.batches.clear();
      for (const std::string& text : registering->batches) {
        const auto batch = agiddi::Decimal::parse(text);
        if (!batch || batch->scale() != 0 || *batch < agiddi::Decimal(1, 0) || *batch > agiddi::Decimal(1'000, 0)) return wrong_usage("--batch takes a number from 1 to 1000, not '" + text + "'");
        registering->options.batches.push_back(static_cast<std::int64_t>(batch->mantissa()));
      }
      return bench_register(registering->options);
    }));

    const auto load = std::make_shared<LoadOptions>();
    Command beside = program.sub("load", "Payments on a cluster that runs already, until the time is over or SIGTERM comes");
    beside.option("--dir", load->folder, "The cluster's folder", true);
    beside.option("--without", load->without, "A node that is left alone");
    beside.integer("--clients", load->clients, 1, 10'000, "Clients at a time, spread over the nodes (8)");
    beside.integer("--rate", load->rate, 0, 1'000'000, "Open loop at so many payments a second; 0 (default): each client waits for its answer");
    beside.integer("--seconds", load->seconds, 1, 36'000, "How long (10)");
    beside.action(published(publishing, "load", [load] { return bench_load(*load); }));

    const auto overload = std::make_shared<OverloadOptions>();
    Command flood = program.sub("overload", "Many times more than the cluster can take");
    flood.integer("--nodes", overload->nodes, 1, 16, "Nodes of the cluster (4)");
    flood.integer("--clients", overload->clients, 1, 10'000, "Clients that wait for their answers, before and after (256)");
    flood.integer("--factor", overload->factor, 2, 100, "The flood's rate, in multiples of the best rate (10)");
    flood.integer("--seconds", overload->seconds, 2, 600, "Length of each of the three phases (10)");
    flood.action(published(publishing, "overload", [overload] { return bench_overload(*overload); }));

    const auto watch = std::make_shared<WatchOptions>();
    Command standing = program.sub("watch", "Registrations without and with standing queries");
    standing.integer("--queries", watch->queries, 1, 50'000, "Watchers, each with a query of its own (10000)");
    standing.integer("--nodes", watch->nodes, 1, 16, "Nodes of the cluster (4)");
    standing.flag("--spread", watch->spread, "Watchers at all nodes; default: all at the first one, which is the most that one can be asked");
    standing.integer("--clients", watch->clients, 1, 10'000, "Clients that register, spread over the nodes (256)");
    standing.integer("--rate", watch->rate, 0, 1'000'000, "Open loop at so many registrations a second; 0 (default): each client waits for its answer");
    standing.integer("--seconds", watch->seconds, 1, 3'600, "Length of each measurement (10)");
    standing.integer("--pairs", watch->pairs, 1, 100, "Measurements without and with the watchers; every other pair begins with them (3)");
    standing.action(published(publishing, "watch", [watch] { return bench_watch(*watch); }));

    const auto data = std::make_shared<DataOptions>();
    Command streams = program.sub("data", "Paid streams of readings through the broker, beside the broker alone; and grants");
    streams.integer("--clients", data->clients, 1, 1'000, "Devices, each with an application of its own (30)");
    streams.integer("--payload", data->payload, 48, 60'000, "Bytes of each reading (50)");
    streams.choice("--qos", data->qos, {"0", "1", "both"}, "Of devices and applications (both)");
    streams.integer("--nodes", data->nodes, 1, 16, "Nodes of the cluster (4)");
    streams.integer("--seconds", data->seconds, 1, 600, "Length of each measurement (5)");
    streams.integer("--pairs", data->pairs, 1, 100, "Measurements of the broker alone and of paid streams; every other pair begins with these (5)");
    streams.integer("--rate", data->rate, 1, 100'000, "Readings a second, all streams together, where latency is measured (2000)");
    streams.integer("--grants", data->grants, 1, 100'000, "Live grants (10000)");
    streams.integer("--revocations", data->revocations, 1, 10'000, "Of connected clients, one after the other (200)");
    streams.choice("--format", data->format, {"unified", "senml"}, "Of the measurements (unified)");
    streams.choice("--context", data->context, {"inline", "link"}, "Of the unified template (inline)");
    streams.choice("--peer", data->peer, {"mosquitto"}, "Beside which broker: the same one as it comes, which is always measured");
    streams.flag("--same-size", data->same_size, "Also the broker alone with payloads as long as a measurement");
    streams.action(published(publishing, "data", [data] { return bench_data(*data); }));

    const auto discovery = std::make_shared<DiscoveryOptions>();
    Command search = program.sub("discovery", "Queries over generated devices, and the same on Virtuoso, Jena and Oxigraph where they are installed");
    search.integer("--devices", discovery->devices, 1, 10'000'000, "How many (100000)");
    search.integer("--seed", discovery->seed, 0, 1'000'000'000, "Of the devices (1)");
    search.integer("--repetitions", discovery->repetitions, 3, 100'000, "Of each query, within 4 s (200); q8 and q9 take five times as many");
    search.options("--peer", discovery->peers, "virtuoso, jena or oxigraph; may be repeated (all)");
    search.flag("--no-peers", discovery->no_peers, "Only our own engine");
    search.choice("--own", discovery->own, {"bulk", "http", "none"}, "Our own form of the devices: through the executor (default), HTTP and four daemons, or not at all");
    search.choice("--store", discovery->store, {"columns", "disk"}, "What our queries read: columns in memory (default) or the indexes on disk");
    search.option("--figures", discovery->figures, "Write the figures to this file as JSON, beside the table");
    search.flag("--explain", discovery->explain, "Print our plans too");
    search.action(published(publishing, "discovery", [discovery] { return bench_discovery(*discovery); }));
  });
}
