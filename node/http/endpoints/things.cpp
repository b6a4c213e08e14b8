// The directory of Things: W3C WoT Discovery's Things API over the devices of the ledger, and the directory's own Thing Description.
#include <algorithm>
#include <mutex>

#include "node/http/directory_thing.h"
#include "node/http/negotiate.h"
#include "node/http/uri.h"
#include "node/http/writes.h"
#include "ontology/thing_description.h"
#include "protocol/transaction.h"
#include "subservices/registration/thing_directory.h"

namespace agiddi::node {
namespace {

using subservices::ThingCount;
using subservices::ThingDirectory;

constexpr std::size_t kPageDefault = 100, kPageMax = 1000;
constexpr std::size_t kPageMax_bytes = 4 * 1024 * 1024;
constexpr std::uint64_t kBlocksToCatchUp = 64;   // further behind, counting again is cheaper than reading blocks

const std::vector<std::string> kThingTypes{"application/td+json", "application/ld+json", "application/json"};
const std::vector<std::string> kListTypes{"application/ld+json", "application/json"};
const std::vector<std::string> kThingBodies{"application/td+json", "application/ld+json", "application/json"};

// A snapshot with the number of Things in it: counted once, then kept up with the blocks.
class CountedDirectory {
 public:
  struct View {
    std::shared_ptr<const ledger::LedgerSnapshot> snapshot;
    ThingCount count;
  };

  // Called by the chain, once a block: must not wait.
  void on_block(const std::vector<ChainEvent>& events) {
    const std::lock_guard lock(mutex_);
    if (!known_ || events.empty() || events.front().height != known_->height + 1) return;
    known_->height = events.front().height;
    for (const ChainEvent& event : events) {
      if (event.kind != "device") continue;
      if (const auto thing = subservices::thing_event(event.data)) apply(known_->count, *thing);
    }
  }

  View view(Chain& chain) {
    for (;;) {
      auto snapshot = chain.snapshot();
      const std::uint64_t height = snapshot->height();
      std::optional<Known> known = copy();
      if (known && known->height > height) continue;   // a block came between the two looks
      if (!known || !catch_up(*known, *snapshot)) known = recounted(*snapshot);
      const std::lock_guard lock(mutex_);
      if (!known_ || known_->height < height) known_ = known;
      return {std::move(snapshot), known->count};
    }
  }

 private:
  struct Known {
    std::uint64_t height = 0;
    ThingCount count;
  };

  static void apply(ThingCount& count, const subservices::ThingEvent& event) {
    using Kind = subservices::ThingEvent::Kind;
    if (event.kind == Kind::created) ++count.registered, ++count.current;
    if (event.kind == Kind::deleted) --count.current;
  }

  std::optional<Known> copy() {
    const std::lock_guard lock(mutex_);
    return known_;
  }

  static bool catch_up(Known& known, const ledger::LedgerSnapshot& snapshot) {
    if (snapshot.height() - known.height > kBlocksToCatchUp) return false;
    for (; known.height < snapshot.height(); ++known.height) {
      const auto events = ThingDirectory(snapshot).events(known.height + 1);
      if (!events) return false;
      for (const auto& event : *events) apply(known.count, event);
    }
    return true;
  }

  // One counts, whoever asks meanwhile waits for it and then needs only the blocks since.
  Known recounted(const ledger::LedgerSnapshot& snapshot) {
    const std::lock_guard counting(counting_);
    auto known = copy();
    if (known && known->height <= snapshot.height() && catch_up(*known, snapshot)) return *known;
    return {snapshot.height(), ThingDirectory(snapshot).count()};
  }

  std::mutex mutex_, counting_;
  std::optional<Known> known_;
};

// What a client asks of the list; also what its next links repeat.
struct ListRequest {
  std::size_t limit = kPageDefault;    // as asked
  std::uint64_t offset = 0;
  bool collection = false, descending = false;
  std::string sorting;                 // "&sort_by=id&sort_order=desc" as given
  std::optional<Hash> after;
};

// One value of a query parameter out of a few words.
Result<bool> choice(const HttpRequest& request, std::string_view name, std::string_view no, std::string_view yes) {
  const auto value = request.query_value(name);
  if (!value || *value == no) return false;
  if (*value == yes) return true;
  return fail(Status::bad_request, std::string(name) + " must be " + std::string(no) + " or " + std::string(yes) + ".");
}

Result<ListRequest> list_request(const HttpRequest& request) {
  ListRequest list;
  for (const auto& [name, value] : request.query) {
    if (request.query_count(name) > 1) return fail(Status::bad_request, "The parameter " + name + " stands there twice.");
  }
  if (const auto text = request.query_value("limit")) {
    const auto number = parse_count(*text);
    if (!number || *number == 0) return fail(Status::bad_request, "limit must be a whole number from 1 on, of at most 18 digits.");
    list.limit = *number;
  }
  if (const auto text = request.query_value("offset")) {
    const auto number = parse_count(*text);
    if (!number) return fail(Status::bad_request, "offset must be a whole number from 0 on, of at most 18 digits.");
    list.offset = *number;
  }
  const auto collection = choice(request, "format", "array", "collection");
  if (!collection) return tl::unexpected(collection.error());
  list.collection = *collection;
  if (const auto field = request.query_value("sort_by")) {
    if (*field != "id" && *field != "/id") {
      return fail(Status::bad_request, "The list is sorted by id only (sort_by=id); POST /v1/query orders devices by name, price, registration and more with orderBy.");
    }
    list.sorting += "&sort_by=id";
  }
  const auto descending = choice(request, "sort_order", "asc", "desc");
  if (!descending) return tl::unexpected(descending.error());
  list.descending = *descending;
  if (request.query_value("sort_order")) list.sorting += *descending ? "&sort_order=desc" : "&sort_order=asc";
  if (const auto urn = request.query_value("after")) {
    const auto device = device_from_urn(*urn);
    if (!device) return fail(Status::bad_request, "after must be the id of a Thing, as a next link gives it.");
    list.after = *device;
  }
  return list;
}

std::string list_url(const ListRequest& list, std::uint64_t offset, const std::optional<Hash>& after) {
  std::string url = "/things?offset=" + std::to_string(offset) + "&limit=" + std::to_string(list.limit);
  if (list.collection) url += "&format=collection";
  url += list.sorting;
  if (after) url += "&after=" + device_urn(*after);
  return url;
}

HttpResponse list_response(const ListRequest& list, const subservices::ThingPage& page, const ThingCount& count) {
  HttpResponse response;
  const std::string next = page.last ? list_url(list, list.offset + page.count, page.last) : std::string();
  if (list.collection) {
    Json head = Json::object({{"@context", ontology::kDiscoveryContext},
                              {"@type", "ThingCollection"},
                              {"@id", list_url(list, list.offset, list.after)},
                              {"total", count.current}});
    if (page.last) head.set("next", next);
    response.body = head.dump();
    response.body.back() = ',';
    response.body += "\"members\":[" + page.members + "]}";
  } else {
    response.body = "[" + page.members + "]";
  }
  if (page.last) response.with("Link", "<" + next + ">; rel=\"next\"");
  response.with("Link", "</things>; rel=\"canonical\"; etag=\"" + std::to_string(count.registered) + "-" + std::to_string(count.current) + "\"");
  return response;
}

void list_things(const Core& core, const std::shared_ptr<CountedDirectory>& directory, const HttpRequest& request, const Responder& responder) {
  const auto type = negotiate(request.header_list("accept"), kListTypes);
  if (!type) return responder.send(problem(Status::not_acceptable, "The list of Things is written in application/ld+json and application/json."));
  const auto list = list_request(request);
  if (!list) return responder.send(problem(list.error()));
  core->run(core->searches(), responder, [core, directory, list = *list, type = kListTypes[*type], responder] {
    const auto view = directory->view(core->chain());
    const auto page = ThingDirectory(*view.snapshot).page({std::min(list.limit, kPageMax), list.offset, list.after, list.descending, kPageMax_bytes, core->base_url(),
                                                          [&core] { return core->stopping().cancelled(); }});
    if (!page) return responder.send(problem(page.error()));
    HttpResponse response = list_response(list, *page, view.count);
    response.content_type = type;
    response.with("Vary", "Accept").with("Agiddi-Height", std::to_string(view.snapshot->height()));
    responder.send(std::move(response));
  });
}

HttpResponse thing_response(const Json& thing, const std::string& type) {
  HttpResponse response = json_response(200, thing);
  response.content_type = type;
  response.with("Vary", "Accept");
  return response;
}

void get_thing(const Core& core, const HttpRequest& request, Responder responder) {
  const auto type = negotiate(request.header_list("accept"), kThingTypes);
  if (!type) return responder.send(problem(Status::not_acceptable, "A Thing is written in application/td+json, application/ld+json and application/json."));
  core->read_device(std::move(responder), std::string(request.parameter("id")), [core, urn = std::string(request.parameter("id")), type = kThingTypes[*type]](const ledger::LedgerSnapshot& snapshot) -> Result<HttpResponse> {
    const auto thing = ThingDirectory(snapshot).thing(urn, core->base_url());
    if (!thing) return tl::unexpected(thing.error());
    return thing_response(*thing, type);
  });
}

// The answers of signed writes as the recommendation words them. Everything else passes as it is.
class ThingAnswer final : public ResponseSink {
 public:
  ThingAnswer(Responder responder, bool creates) : responder_(std::move(responder)), creates_(creates) {}

  void respond(HttpResponse response) override {
    if (response.status == 200 || response.status == 201) {
      done(response);
    } else if (response.content_type == "application/problem+json") {
      name_fields(response);
    }
    responder_.send(std::move(response));
  }
  std::shared_ptr<EventStream> open_stream(std::vector<NameValue>) override { return nullptr; }

 private:
  void done(HttpResponse& response) const {
    const auto answer = parse_json(response.body);
    if (!answer) return;
    for (const auto& [member, header] : {std::pair<const char*, const char*>{"transaction", "Agiddi-Transaction"}, {"height", "Agiddi-Height"}}) {
      if (const Json* value = answer->find(member)) response.with(header, value->is_string() ? value->as_string() : value->dump());
    }
    if (!creates_) {
      response.status = 204;
      response.body.clear();
    } else if (const Json* devices = answer->find("devices"); devices && devices->items().size() == 1) {
      response.with("Location", "/things/" + devices->items()[0].find("id")->as_string());
    }
  }

  // "validationErrors" beside "errors": {"field","description"}, as the recommendation has it.
  static void name_fields(HttpResponse& response) {
    auto document = parse_json(response.body);
    const Json* errors = document ? document->find("errors") : nullptr;
    if (!errors) return;
    Json fields = Json::array();
    for (const Json& error : errors->items()) {
      std::string field = error.find("pointer")->as_string();
      std::replace(field.begin(), field.end(), '/', '.');
      fields.push(Json::object({{"field", field.empty() ? "(root)" : field.substr(1)}, {"description", *error.find("detail")}}));
    }
    document->set("validationErrors", std::move(fields));
    response.body = document->dump();
  }

  const Responder responder_;
  const bool creates_;
};

Result<void> only_things(const Json& body) {
  if (ontology::is_thing_description(body)) return {};
  return fail_field("", "must be a Thing Description, with \"@context\"; registrations in the form of this network go to /v1/devices");
}

Handler thing_write(const Core& core, WriteCall call, bool creates, bool is_thing) {
  return [core, call = std::move(call), creates, is_thing](HttpRequest request, Responder responder) {
    Responder answer(std::make_shared<ThingAnswer>(std::move(responder), creates));
    signed_write(core, call, std::move(request), std::move(answer), is_thing ? ExtraDoor(only_things) : ExtraDoor());
  };
}

// SPARQL for clients of a Thing Description Directory, which expect JSON when they do not say what they want.
Handler search_handler(Handler sparql) {
  return [sparql = std::move(sparql)](HttpRequest request, Responder responder) {
    if (request.method == "GET" && request.query_count("query") == 0) {
      return responder.send(problem(Status::bad_request, "The parameter query is missing: GET /search/sparql?query=…"));
    }
    const std::string accept = request.header_list("accept");
    if (accept.empty() || accept == "*/*") {
      std::erase_if(request.headers, [](const NameValue& header) { return header.first == "accept"; });
      request.headers.emplace_back("accept", "application/ld+json, application/json;q=0.9");
    }
    sparql(std::move(request), std::move(responder));
  };
}

}  // namespace

void bind_things(Router& router, const Core& core) {
  auto directory = std::make_shared<CountedDirectory>();
  core->chain().subscribe([weak = std::weak_ptr<CountedDirectory>(directory)](const std::vector<ChainEvent>& events) {
    if (const auto alive = weak.lock()) alive->on_block(events);
  });
  router.add("GET", "/things", [core, directory](HttpRequest request, Responder responder) { list_things(core, directory, request, responder); },
             with_query({}, {"limit", "offset", "format", "sort_by", "sort_order", "after"}));
  router.add("POST", "/things", thing_write(core, {"device.register", ""}, true, true), {{}, kThingBodies, false});
  router.add("GET", "/things/{id}", [core](HttpRequest request, Responder responder) { get_thing(core, request, std::move(responder)); }, with_query({}, {}));
  router.add("PUT", "/things/{id}", thing_write(core, {"device.update", "id"}, false, true), {{}, kThingBodies, false});
  router.add("DELETE", "/things/{id}", thing_write(core, {"device.retire", "id"}, false, false), {{}, {"application/json"}, false});
  router.add("GET", "/search/sparql", search_handler(router.bound("GET", "/sparql")));
  router.add("POST", "/search/sparql", search_handler(router.bound("POST", "/sparql")),
             {{}, {"application/sparql-query", "application/x-www-form-urlencoded", "application/sparql-update"}, true});
  router.add("GET", "/.well-known/wot", [core](HttpRequest request, Responder responder) {
    const auto type = negotiate(request.header_list("accept"), kThingTypes);
    if (!type) return responder.send(problem(Status::not_acceptable, "A Thing is written in application/td+json, application/ld+json and application/json."));
    responder.send(thing_response(directory_thing(core->chain().genesis().network, core->chain().self().id, core->base_url()), kThingTypes[*type]));
  }, with_query({}, {}));
}

}  // namespace agiddi::node
