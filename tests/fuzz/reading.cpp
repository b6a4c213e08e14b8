// Fuzz target: what devices send. Whatever is accepted must resolve and print as JSON that the strict reader takes back when its numbers are short.
#include <cstdint>

#include "protocol/check.h"
#include "subservices/forwarding/measurement.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agiddi;
  constexpr TimeMs kNow = 1'767'225'600'000;
  const auto readings = subservices::parse_readings({reinterpret_cast<const char*>(data), size}, kNow);
  if (!readings) return 0;
  subservices::MeasurementFrame frame;
  frame.device.sensors = {{"air", "urn:a", "urn:b", "http://qudt.org/vocab/unit/DEG_C"}};
  frame.delivery_unit = "http://qudt.org/vocab/unit/DEG_F";
  for (const auto& reading : subservices::resolve_readings(frame, *readings, kNow)) {
    const std::string json = subservices::measurement_json(frame, reading, 1);
    const auto back = parse_json(json);
    AGIDDI_CHECK(back || back.error().status == Status::invalid, "a measurement is JSON");
  }
  return 0;
}
