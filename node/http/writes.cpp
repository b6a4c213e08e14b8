#include "node/http/writes.h"

#include "node/client_documents.h"
#include "protocol/limits.h"
#include "subservices/door.h"
#include "subservices/registration/registration_service.h"

namespace agiddi::node {
namespace {

constexpr int kWaitDefault_s = 10;
constexpr std::chrono::milliseconds kAsyncGrace{15};   // in which a chain that takes nothing says so before the 202

std::string location_of(const Transaction& transaction) { return "/v1/transactions/" + transaction.id.hex(); }

// The body's member and the path name the same thing.
Result<void> check_target(const WriteCall& call, const HttpRequest& request, const Json& body) {
  if (call.target.empty()) return {};
  const Json* named = body.find(call.target);
  if (!named || !named->is_string() || named->as_string() == request.parameter("id")) return {};
  return fail_field(pointer_member("", call.target), "must be the id that the path names");
}

HttpResponse outcome_response(const ledger::LedgerSnapshot& snapshot, const Transaction& transaction, const Receipt& receipt, std::uint64_t height,
                              TimeMs timestamp, Json* answer_out = nullptr) {
  auto answer = subservices::answer_for(snapshot, transaction, receipt, height, timestamp);
  if (!answer) return problem_with(answer.error(), {{"transaction", transaction.id.hex()}, {"height", height}});
  HttpResponse response = json_response(static_cast<unsigned>(receipt.status), *answer);
  for (const auto& [member, path] : {std::pair<const char*, const char*>{"payment", "/v1/payments/"}, {"integration", "/v1/integrations/"}}) {
    const Json* id = answer->find(member);
    if (receipt.status == Status::created && id && id->is_string() && transaction.header.action == std::string(member) + ".create") {
      response.with("Location", path + id->as_string());
    }
  }
  if (answer_out) *answer_out = std::move(*answer);
  return response;
}

// One write that is under way: the first of outcome and deadline answers.
struct UnderWay {
  Core core;
  Responder responder;
  std::shared_ptr<const Transaction> transaction;
  Preference preference;
  Finish finish;
  std::shared_ptr<void> place;       // held until the outcome is known
  Json preview;                      // the 202's body
  std::function<void()> stop_timer;

  bool plain_async() const { return preference.respond_async && !preference.wait_s; }

  void send_accepted() const {
    HttpResponse response = json_response(202, preview);
    response.with("Location", location_of(*transaction)).with("Preference-Applied", "respond-async");
    responder.send(std::move(response));
  }

  void on_deadline() const {
    if (preference.respond_async) return send_accepted();
    const int seconds = preference.wait_s.value_or(kWaitDefault_s);
    HttpResponse response = problem_with(
        Error{Status::timed_out, "The transaction was taken but not seen in a block within " + std::to_string(seconds) +
                                     " s; its state is at " + location_of(*transaction) + ", and the same document may be sent again.", {}},
        {{"transaction", transaction->id.hex()}});
    response.with("Location", location_of(*transaction));
    responder.send(std::move(response));
  }

  void on_outcome(Result<Outcome> outcome) const {
    stop_timer();
    if (finish) core->finished(transaction->id);
    if (!outcome) return responder.send(problem_with(outcome.error(), {{"transaction", transaction->id.hex()}}));
    if (plain_async()) send_accepted();
    if (responder.answered() && !finish) return;
    const auto snapshot = core->chain().snapshot();
    Json answer;
    HttpResponse response = outcome_response(*snapshot, *transaction, outcome->receipt, outcome->height, outcome->timestamp, &answer);
    if (preference.wait_s) response.with("Preference-Applied", "wait=" + std::to_string(*preference.wait_s));
    if (finish && answer.is_object()) return finish(responder, response.status, std::move(answer));
    responder.send(std::move(response));
  }
};

void submit(UnderWay made) {
  if (made.finish && !made.core->finishes(made.transaction->id)) made.finish = {};
  auto way = std::make_shared<UnderWay>(std::move(made));
  const auto wait = way->plain_async() ? kAsyncGrace : std::chrono::milliseconds(1000 * way->preference.wait_s.value_or(kWaitDefault_s));
  way->stop_timer = way->core->after(wait, [way] { way->on_deadline(); });
  way->core->chain().submit(*way->transaction, [way](Result<Outcome> outcome) {
    way->core->workers().post_always([way, outcome = std::move(outcome)]() mutable { way->on_outcome(std::move(outcome)); });
  });
}

void at_the_door(const Core& core, const WriteCall& call, const HttpRequest& request, const Responder& responder, const ExtraDoor& door,
                 Finish finish, std::shared_ptr<void> place) {
  auto transaction = authenticate(core->chain(), call.action, request);
  if (!transaction) return responder.send(problem(transaction.error()));
  const auto snapshot = core->chain().snapshot();
  const auto body = parse_json(transaction->body);
  if (body) {
    if (auto same = check_target(call, request, *body); !same) return responder.send(problem(same.error()));
  }
  if (const auto known = snapshot->transaction(transaction->id)) {
    return responder.send(outcome_response(*snapshot, known->transaction, known->receipt, known->height, known->timestamp));
  }
  const TimeMs now = core->chain().now();
  if (!inside_window(transaction->header, now)) {
    return responder.send(problem(Status::unauthorized, "The document is outside its time window: iat must lie within 60 s ahead and 600 s behind."));
  }
  if (!body) return responder.send(problem(body.error()));
  if (auto fits = subservices::check_at_door(core->executor(), *transaction, *snapshot, now); !fits) return responder.send(problem(fits.error()));
  if (door) {
    if (auto fits = door(*body); !fits) return responder.send(problem(fits.error()));
  }
  UnderWay way{core, responder, std::make_shared<const Transaction>(std::move(*transaction)), parse_prefer(request.header_list("prefer")),
               std::move(finish), std::move(place), Json::object(), {}};
  way.preview.set("transaction", way.transaction->id.hex());
  if (way.preference.respond_async && call.action == "device.register") {
    auto preview = subservices::preview_registration(core->chain().members(), *snapshot, *way.transaction);
    if (!preview) return responder.send(problem(preview.error()));
    way.preview = std::move(*preview);
  }
  submit(std::move(way));
}

}  // namespace

Result<Transaction> authenticate(Chain& chain, std::string_view action, const HttpRequest& request) {
  if (request.body.size() > limits::kBodyMax_bytes) return fail(Status::too_large, "A signed document has at most 4 MiB.");
  const auto signature = request.header("agiddi-signature");
  if (!signature) return fail(Status::unauthorized, "The header Agiddi-Signature is missing; this call takes a signed document.");
  if (request.header_list("agiddi-signature") != *signature) return fail(Status::unauthorized, "There is more than one Agiddi-Signature.");
  auto transaction = parse_transaction(*signature, request.body);
  if (!transaction) return transaction;
  if (transaction->header.action != action) return fail(Status::unauthorized, "The document is signed for another action; act must be " + std::string(action) + " here.");
  const std::string& network = chain.genesis().network;
  if (transaction->header.network != network) return fail(Status::unauthorized, "The document is signed for another network; net must be " + network + ".");
  if (!is_authentic(*transaction, chain.genesis(), [&chain] { return chain.members(); })) return fail(Status::unauthorized, "The signature does not verify with the key that kid names.");
  return transaction;
}

void signed_write(const Core& core, const WriteCall& call, HttpRequest request, Responder responder, ExtraDoor door, Finish finish) {
  auto place = core->write_place();
  if (!place) return responder.send(problem(Status::overloaded, "This node has too many writes under way; try again shortly or ask another node."));
  auto shared = std::make_shared<HttpRequest>(std::move(request));
  core->run(core->workers(), responder, [core, call, shared, responder, door = std::move(door), finish = std::move(finish), place = std::move(place)]() mutable {
    at_the_door(core, call, *shared, responder, door, std::move(finish), std::move(place));
  });
}

Handler write_handler(const Core& core, WriteCall call) {
  return [core, call = std::move(call)](HttpRequest request, Responder responder) {
    signed_write(core, call, std::move(request), std::move(responder));
  };
}

}  // namespace agiddi::node
