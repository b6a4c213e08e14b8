// Every bound of the protocol, by name. Units stand last.
#pragma once

#include <cstddef>
#include <cstdint>

namespace agiddi::limits {

inline constexpr std::size_t kMembersMax = 16;
inline constexpr std::size_t kBodyMax_bytes = 4 * 1024 * 1024;       // an HTTP body, and so a signed document
inline constexpr std::size_t kDevicesPerRequestMax = 1000;
inline constexpr std::size_t kSensorsPerDeviceMax = 64;
inline constexpr std::size_t kItemsPerPaymentMax = 1000;
inline constexpr std::size_t kJsonDepthMax = 16;
inline constexpr std::size_t kJsonValuesMax = 500'000;                // in one document: bounds memory for a body of small values
inline constexpr std::size_t kFieldErrorsMax = 100;                  // listed in one problem
inline constexpr std::size_t kProtectedHeaderMax_bytes = 2048;       // as base64url text
inline constexpr std::size_t kBatchTransactionsMax = 2000;
inline constexpr std::size_t kBatchMax_bytes = 16 * 1024 * 1024;
inline constexpr std::size_t kPeerFrameMax_bytes = 24 * 1024 * 1024;
inline constexpr std::uint64_t kWindowHeights = 16;                  // sequence numbers in flight above the last certified block
inline constexpr std::size_t kHeaderChainMax = 2 * kWindowHeights;    // certified headers lie within a window of each other
inline constexpr std::size_t kMempoolMax_transactions = 20'000;
inline constexpr std::size_t kMempoolMax_bytes = 256 * 1024 * 1024;
inline constexpr std::int64_t kBatchClockTolerance_ms = 2'000;
inline constexpr std::int64_t kLeaseMin_ms = 5'000, kLeaseDefault_ms = 10'000, kLeaseMax_ms = 3'600'000;
inline constexpr std::int64_t kReservedAheadMax_bytes = 4 * 1024 * 1024;   // of one device: reserved and not yet reported

}  // namespace agiddi::limits
