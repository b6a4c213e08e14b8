// The Mosquitto plugin (API 5): translates the broker's callbacks into BrokerAccess. Compiled without exceptions; nothing here allocates but
// through the broker. All callbacks run on the broker's one thread.
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

#include <cstring>

#include "deploy/broker_plugin/access.h"

namespace broker = agiddi::broker;

namespace {

struct Plugin {
  mosquitto_plugin_id_t* identifier = nullptr;
  broker::BrokerAccess* access = nullptr;
};

Plugin plugin;  // the broker loads a plugin once and calls back from one thread

void kick(void*, const char* username) { mosquitto_kick_client_by_username(username, false); }

// The broker frees the payload when it takes the message; publish_copy is avoided since it confuses 2.0.11's memory accounting.
void send(void*, const char* client_id, const char* topic, const char* payload, std::size_t size) {
  void* copy = mosquitto_malloc(size + 1);
  if (copy == nullptr) return;
  std::memcpy(copy, payload, size);
  static_cast<char*>(copy)[size] = 0;
  if (mosquitto_broker_publish(client_id, topic, static_cast<int>(size), copy, 1, false, nullptr) != MOSQ_ERR_SUCCESS) mosquitto_free(copy);
}

int on_basic_auth(int, void* event_data, void*) {
  const auto* event = static_cast<const mosquitto_evt_basic_auth*>(event_data);
  const bool yes = broker::access_authenticate(plugin.access, event->client, event->username, event->password,
                                               mosquitto_client_address(event->client), mosquitto_client_id(event->client));
  return yes ? MOSQ_ERR_SUCCESS : MOSQ_ERR_AUTH;
}

int on_acl_check(int, void* event_data, void*) {
  const auto* event = static_cast<const mosquitto_evt_acl_check*>(event_data);
  broker::AccessKind kind;
  switch (event->access) {
    case MOSQ_ACL_READ: kind = broker::AccessKind::read; break;
    case MOSQ_ACL_WRITE: kind = broker::AccessKind::write; break;
    case MOSQ_ACL_SUBSCRIBE: kind = broker::AccessKind::subscribe; break;
    case MOSQ_ACL_UNSUBSCRIBE: kind = broker::AccessKind::unsubscribe; break;
    default: return MOSQ_ERR_ACL_DENIED;
  }
  const bool yes = broker::access_allowed(plugin.access, event->client, mosquitto_client_username(event->client), kind, event->topic,
                                          event->payloadlen, event->retain);
  return yes ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
}

// A shorter topic is written over the old one: Mosquitto 2.0.11 leaks one that is replaced, later versions free it. The broker frees the old payload.
void move_to(mosquitto_evt_message* event, const char* topic, std::size_t size) {
  std::memcpy(event->topic, topic, size);
  event->topic[size] = 0;
}

int on_message(int, void* event_data, void*) {
  auto* event = static_cast<mosquitto_evt_message*>(event_data);
  const char* username = mosquitto_client_username(event->client);
  const bool plain = event->qos < 2 && event->properties == nullptr;
  const broker::Routed routed = broker::access_route(plugin.access, username, event->topic, event->payload, event->payloadlen, plain);
  if (routed.kind == broker::RouteKind::as_it_is) return MOSQ_ERR_SUCCESS;
  if (routed.topic_size > std::strlen(event->topic)) return MOSQ_ERR_ACL_DENIED;
  if (routed.kind == broker::RouteKind::measurement) {
    void* payload = mosquitto_malloc(routed.payload_size + 1);
    if (payload == nullptr) return MOSQ_ERR_ACL_DENIED;
    std::memcpy(payload, routed.payload, routed.payload_size);
    static_cast<char*>(payload)[routed.payload_size] = 0;
    event->payload = payload;
    event->payloadlen = static_cast<std::uint32_t>(routed.payload_size);
  }
  move_to(event, routed.topic, routed.topic_size);
  return MOSQ_ERR_SUCCESS;
}

// Any other return value than success would close the sender's connection.
int on_control(int, void* event_data, void*) {
  const auto* event = static_cast<const mosquitto_evt_control*>(event_data);
  broker::access_control(plugin.access, mosquitto_client_id(event->client), mosquitto_client_username(event->client), event->payload,
                         event->payloadlen);
  return MOSQ_ERR_SUCCESS;
}

int on_disconnect(int, void* event_data, void*) {
  const auto* event = static_cast<const mosquitto_evt_disconnect*>(event_data);
  broker::access_disconnected(plugin.access, event->client, mosquitto_client_id(event->client), mosquitto_client_username(event->client));
  return MOSQ_ERR_SUCCESS;
}

int on_tick(int, void*, void*) {
  broker::access_tick(plugin.access);
  return MOSQ_ERR_SUCCESS;
}

struct Callback {
  int event;
  MOSQ_FUNC_generic_callback function;
  const void* data;
};

const Callback kCallbacks[] = {
    {MOSQ_EVT_BASIC_AUTH, on_basic_auth, nullptr},   {MOSQ_EVT_ACL_CHECK, on_acl_check, nullptr},
    {MOSQ_EVT_CONTROL, on_control, broker::kControlTopic.data()}, {MOSQ_EVT_DISCONNECT, on_disconnect, nullptr},
    {MOSQ_EVT_TICK, on_tick, nullptr},               {MOSQ_EVT_MESSAGE, on_message, nullptr},
};

const char* option(const mosquitto_opt* options, int count, const char* key) {
  for (int i = 0; i < count; ++i) {
    if (std::strcmp(options[i].key, key) == 0) return options[i].value;
  }
  return nullptr;
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) int mosquitto_plugin_version(int supported_version_count, const int* supported_versions) {
  for (int i = 0; i < supported_version_count; ++i) {
    if (supported_versions[i] == MOSQ_PLUGIN_VERSION) return MOSQ_PLUGIN_VERSION;
  }
  return -1;
}

__attribute__((visibility("default"))) int mosquitto_plugin_init(mosquitto_plugin_id_t* identifier, void**, mosquitto_opt* options,
                                                                 int option_count) {
  for (int i = 0; i < option_count; ++i) {
    if (std::strcmp(options[i].key, "admins") != 0 && std::strcmp(options[i].key, "anonymous") != 0 &&
        std::strcmp(options[i].key, "grants_max") != 0) {
      mosquitto_log_printf(MOSQ_LOG_ERR, "agiddi: unknown option plugin_opt_%s", options[i].key);
      return MOSQ_ERR_INVAL;
    }
  }
  broker::AccessOptions settings;
  settings.admins_file = option(options, option_count, "admins");
  settings.anonymous = option(options, option_count, "anonymous");
  settings.grants_max = option(options, option_count, "grants_max");
  char message[512] = "";
  plugin.identifier = identifier;
  plugin.access = broker::access_create(settings, {nullptr, kick, send}, message, sizeof message);
  if (plugin.access == nullptr) {
    mosquitto_log_printf(MOSQ_LOG_ERR, "agiddi: %s", message);
    return MOSQ_ERR_INVAL;
  }
  for (const Callback& callback : kCallbacks) {
    const int code = mosquitto_callback_register(identifier, callback.event, callback.function, callback.data, nullptr);
    if (code != MOSQ_ERR_SUCCESS) {
      mosquitto_log_printf(MOSQ_LOG_ERR, "agiddi: the broker does not take callback %d (error %d)", callback.event, code);
      return code;
    }
  }
  return MOSQ_ERR_SUCCESS;
}

__attribute__((visibility("default"))) int mosquitto_plugin_cleanup(void*, mosquitto_opt*, int) {
  for (const Callback& callback : kCallbacks) {
    mosquitto_callback_unregister(plugin.identifier, callback.event, callback.function, callback.data);
  }
  broker::access_destroy(plugin.access);
  plugin.access = nullptr;
  return MOSQ_ERR_SUCCESS;
}

}  // extern "C"
