// Frames from peers: decoding must be total, and what was accepted must survive encoding and decoding again. Verification with a
// checker that accepts every signature then walks the nested certificates.
#include "consensus/frames.h"
#include "consensus/verify.h"
#include "protocol/check.h"

namespace {

using namespace agiddi;
using namespace agiddi::consensus;

class Accepting final : public Authenticator {
 public:
  Signature sign(BytesView) const override { return {}; }
  bool verify(MemberIndex, BytesView, const Signature&) const override { return true; }
};

SigningContext make_context() {
  std::vector<Member> members(4);
  for (std::size_t i = 0; i < members.size(); ++i) {
    members[i].id = "node-0" + std::to_string(i + 1);
    members[i].key[0] = static_cast<std::uint8_t>(i + 1);
  }
  return {"test", MemberSet(std::move(members))};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const SigningContext context = make_context();
  const auto frame = decode_frame({reinterpret_cast<const char*>(data), size}, context.members.size());
  if (!frame) return 0;
  const Bytes again = encode_frame(*frame);
  const auto second = decode_frame(again, context.members.size());
  AGIDDI_CHECK(second.has_value() && encode_frame(*second) == again, "an accepted frame can be encoded and decoded again");
  AGIDDI_CHECK(!describe(*frame).empty(), "every frame can be described");
  (void)verify_frame(*frame, context, Accepting{});
  return 0;
}
