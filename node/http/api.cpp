#include "node/http/api.h"

#include "node/http/api_core.h"

namespace agiddi::node {

Router make_api_router(ApiContext context, boost::asio::io_context& io) {
  const Core core = std::make_shared<ApiCore>(std::move(context), io);
  Router router;
  router.at_stop([core] { core->stop(); });
  bind_devices(router, core);
  bind_discovery(router, core);
  bind_sparql(router, core);
  bind_payments(router, core);
  bind_integrations(router, core);
  bind_receive(router, core);
  bind_chain(router, core);
  bind_governance(router, core);
  bind_events(router, core);
  bind_operations(router, core);
  bind_things(router, core);
  bind_thing_events(router, core);
  return router;
}

}  // namespace agiddi::node
