// Fuzz target: what devices send to a flow of the broker's plugin. It must take and drop what the node would, count the same bytes and write the same
// measurement, and pass no limit.
#include <cstdint>

#include "deploy/broker_plugin/flow.h"
#include "protocol/check.h"
#include "subservices/forwarding/measurement.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agiddi;
  constexpr TimeMs kNow = 1'767'225'600'000;
  constexpr std::uint64_t kLimit = 200;
  const BytesView payload{reinterpret_cast<const char*>(data), size};
  subservices::MeasurementFrame frame;
  frame.device.sensors = {{"air", "urn:a", "urn:b", "http://qudt.org/vocab/unit/DEG_C"}};
  const auto texts = subservices::texts_without_conversion(frame);
  AGIDDI_CHECK(texts && texts->size() == 1, "nothing is converted");
  broker::FlowTerms terms;
  terms.sensors = {{"air", texts->front()}};
  terms.sequence_limit = 3;
  terms.bytes = kLimit;
  broker::Flow flow(terms);
  subservices::RecentReadings recent;
  const auto readings = subservices::parse_readings(payload, kNow);
  const auto resolved = readings ? subservices::resolve_readings(frame, *readings, kNow) : std::vector<subservices::ResolvedReading>{};
  std::string measurement;
  for (int time = 0; time < 5; ++time) {
    const auto before = flow.usage();
    const auto verdict = flow.take({payload, kNow, kNow + 1, true, true, true}, recent, measurement);
    const auto after = flow.usage();
    AGIDDI_CHECK(after.bytes <= kLimit && after.sequence <= 3, "no limit is passed");
    AGIDDI_CHECK(after.bytes - before.bytes == (verdict == broker::FlowVerdict::deliver ? size : 0), "what is delivered is counted, and nothing else");
    if (verdict != broker::FlowVerdict::deliver) continue;
    AGIDDI_CHECK(resolved.size() == 1, "the node would forward it");
    AGIDDI_CHECK(measurement == subservices::measurement_json(frame, resolved.front(), after.sequence), "and the same");
  }
  if (resolved.empty() && !flow.stopped()) AGIDDI_CHECK(flow.usage().bytes == 0, "what the node drops is dropped");
  if (!resolved.empty() && size <= kLimit && !flow.unfit()) AGIDDI_CHECK(flow.usage().readings > 0, "what the node forwards is forwarded");
  return 0;
}
