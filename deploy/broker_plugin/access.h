// BrokerAccess: the plugin's decisions behind a boundary that lets no exception out, so that plugin.cpp can be plain C in spirit.
//
// Threads: one, the broker's. Every function is noexcept; what goes wrong inside (memory, a broken invariant of the input) denies.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace agiddi::broker {

inline constexpr std::size_t kControlMax_bytes = 256 * 1024;
inline constexpr std::size_t kControlCommandsMax = 1'000;
inline constexpr std::string_view kControlTopic = "$CONTROL/agiddi/v1";
inline constexpr std::string_view kResponseTopic = "$CONTROL/agiddi/v1/response";
inline constexpr std::string_view kEventsTopic = "$CONTROL/agiddi/v1/events";

enum class AccessKind { read, write, subscribe, unsubscribe };

// What the broker's side has to carry out. Called from within the functions below, at most once for each item; must not throw.
struct BrokerActions {
  void* context = nullptr;
  void (*kick)(void* context, const char* username) = nullptr;
  void (*send)(void* context, const char* client_id, const char* topic, const char* payload, std::size_t size) = nullptr;
};

class BrokerAccess;

// What becomes of a message that the broker is about to route: it goes on as it is, it is carried off to a topic that nobody can have, or it goes on as the
// measurement that was made of it (valid until the next call) to the application's topic, which is not longer than its own.
enum class RouteKind { as_it_is, nowhere, measurement };
inline constexpr std::string_view kNowhere = "void";
struct Routed {
  RouteKind kind = RouteKind::as_it_is;
  const char* topic = nullptr;
  std::size_t topic_size = 0;
  const char* payload = nullptr;
  std::size_t payload_size = 0;
};

struct AccessOptions {
  const char* admins_file = nullptr;
  const char* anonymous = nullptr;     // "loopback" or "none"
  const char* grants_max = nullptr;    // decimal text
};

// Nothing when the options are unusable: then message (of message_size bytes, always terminated) says why.
BrokerAccess* access_create(const AccessOptions& options, BrokerActions actions, char* message, std::size_t message_size) noexcept;
void access_destroy(BrokerAccess* access) noexcept;

// username is nullptr for a client without one; address may be nullptr.
bool access_authenticate(BrokerAccess* access, const void* client, const char* username, const char* password, const char* address, const char* client_id) noexcept;
bool access_allowed(BrokerAccess* access, const void* client, const char* username, AccessKind kind, const char* topic,
                    std::size_t payload_size, bool retain) noexcept;
void access_disconnected(BrokerAccess* access, const void* client, const char* client_id, const char* username) noexcept;
void access_control(BrokerAccess* access, const char* client_id, const char* username, const void* payload, std::size_t size) noexcept;
// plain: QoS 0 or 1 and no properties.
Routed access_route(BrokerAccess* access, const char* username, const char* topic, const void* payload, std::size_t size, bool plain) noexcept;
void access_tick(BrokerAccess* access) noexcept;

}  // namespace agiddi::broker
