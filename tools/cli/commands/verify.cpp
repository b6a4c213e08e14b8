#include "protocol/proof.h"
#include "tools/cli/files.h"
#include "tools/cli/program.h"

namespace agiddi::tools {

void declare_verify(Command& program) {
  struct Options { std::string genesis, proof; };
  const auto o = std::make_shared<Options>();
  Command command = program.sub("verify", "Check a proof offline, with nothing but the genesis file");
  command.positional("PROOF.json", o->proof, "Answer of GET /v1/transactions/{id}/proof, - for standard input");
  command.option("--genesis", o->genesis, "Genesis file of the network", true);
  command.examples("  agiddi verify --genesis genesis.json proof.json");
  command.action([o]() -> Outcome<Answer> {
    auto file = read_file(o->genesis);
    if (!file) return passed_on(file.error());
    auto genesis = parse_genesis(*file);
    if (!genesis) return failed(o->genesis + ": " + genesis.error().detail);
    auto proof = read_json_file(o->proof);
    if (!proof) return passed_on(proof.error());
    auto summary = verify_proof(*genesis, *proof);
    if (!summary) {
      Error error = summary.error();
      error.detail = "the proof does not hold: " + error.detail;
      return passed_on(error);
    }
    const int status = static_cast<int>(summary->receipt.status);
    const bool done = status < 300;
    const std::size_t signatures = summary->proof.certificate.signatures.size();
    const std::size_t above = summary->proof.headers.size();
    const std::string id = summary->transaction.id.hex(), time = time_text(summary->header.timestamp);
    Json document = Json::object({{"valid", true},
                                  {"network", genesis->network},
                                  {"transaction", id},
                                  {"action", summary->transaction.header.action},
                                  {"signer", summary->transaction.header.kid},
                                  {"state", done ? "committed" : "rejected"},
                                  {"status", status},
                                  {"height", summary->header.height},
                                  {"block", summary->header.hash().hex()},
                                  {"timestamp", time},
                                  {"epoch", summary->members.epoch()},
                                  {"signatures", static_cast<std::uint64_t>(signatures)}});
    if (auto result = parse_json(summary->receipt.result)) document.set("result", std::move(*result));
    std::string text = "the proof holds: transaction " + id + " (" + summary->transaction.header.action + ") stands in block " +
                       std::to_string(summary->header.height) + " of " + time + ", " + (done ? "committed" : "REJECTED there") + " (" + std::to_string(status) +
                       "), certified by " + std::to_string(signatures) + " of " + std::to_string(summary->members.size()) + " members" +
                       (above > 0 ? " with block " + std::to_string(summary->header.height + above) + " above it" : "") +
                       (summary->members.epoch() > 0 ? ", after " + std::to_string(summary->members.epoch()) + " changes of members" : "") + "\n";
    return Answer{std::move(document), std::move(text)};
  });
}

}  // namespace agiddi::tools
