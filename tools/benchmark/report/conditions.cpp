#include "tools/benchmark/report/conditions.h"

#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "protocol/time.h"
#include "tools/benchmark/figures.h"

namespace agiddi::tools {
namespace {

struct Guarantees {
  std::string_view benchmark, durable, verified;
};
constexpr std::string_view kAgreedDurable =
    "a batch and each vote for it are synced at a member before the vote leaves, blocks before they are answered; all members on one machine and one disk";
constexpr std::string_view kAgreedUnverified = "no signature of a client is made or checked; that of every vote that becomes part of a certificate is; a Commit is taken on the word of its TLS link";
constexpr std::string_view kAgreedVerified = "every node checks the signature of every client's document and of every vote that becomes part of a certificate; a Commit is taken on the word of its TLS link";
constexpr std::array kGuarantees = {
    Guarantees{"consensus", kAgreedDurable, kAgreedVerified},
    Guarantees{"pay", kAgreedDurable, kAgreedVerified},
    Guarantees{"load", kAgreedDurable, kAgreedVerified},
    Guarantees{"overload", kAgreedDurable, kAgreedVerified},
    Guarantees{"register", kAgreedDurable, kAgreedVerified},
    Guarantees{"watch", kAgreedDurable, kAgreedVerified},
    Guarantees{"integrate", kAgreedDurable, kAgreedVerified},
    Guarantees{"data", "what was counted is reported to the ledger now and then; readings themselves are nowhere kept", "the broker asks for the password of every device and application; grants and reports are signed"},
    Guarantees{"discovery", "every block of the store is synced", "with --own bulk no signature is checked; with --own http as in register"},
    Guarantees{"recovery", "the ledger of the node that is started was synced once, when it was made; the killed primary's as in consensus", "the start checks what it always checks; bulk devices were not checked when they were made"},
    Guarantees{"network", "nothing: disks take no time here", "nothing: processors take no time here; signatures have their size"},
    Guarantees{"smoke", "nothing: instructions are counted in memory", "as each row says"},
};

std::string line_after(const char* path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(name)) continue;
    const std::size_t at = line.find_first_of(":=", name.size());
    const std::size_t from = at == line.npos ? line.npos : line.find_first_not_of(" \t\"", at + 1);
    if (from == line.npos) return "";
    const std::size_t end = line.find_last_not_of(" \"");
    return line.substr(from, end - from + 1);
  }
  return "unknown";
}

std::string disk_type(const std::string& folder) {
  struct statfs disk {};
  if (::statfs(folder.c_str(), &disk) != 0) return "unknown";
  switch (static_cast<std::uint64_t>(disk.f_type)) {
    case 0xEF53: return "ext4";
    case 0x58465342: return "xfs";
    case 0x9123683E: return "btrfs";
    case 0x01021994: return "tmpfs (memory: nothing is durable)";
    case 0x794C7630: return "overlay";
    default: return "another";
  }
}

Json machine() {
  utsname kernel{};
  ::uname(&kernel);
  double load = 0;
  (void)::getloadavg(&load, 1);
  const double memory_gib = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1024.0 * 1024 * 1024);
  return Json::object({{"processor", line_after("/proc/cpuinfo", "model name")},
                       {"processors", static_cast<std::int64_t>(::sysconf(_SC_NPROCESSORS_ONLN))},
                       {"memory_gib", rounded(memory_gib, 1)},
                       {"system", line_after("/etc/os-release", "PRETTY_NAME")},
                       {"kernel", std::string(kernel.release)},
                       {"disk", disk_type(std::filesystem::temp_directory_path().string())},
                       {"loadAtEnd", rounded(load, 2)}});
}

Json versions() {
  return Json::object({{"agiddi", AGIDDI_VERSION},
                       {"compiler", "g++ " __VERSION__},
                       {"rocksdb", AGIDDI_ROCKSDB_VERSION},
                       {"libsodium", AGIDDI_SODIUM_VERSION}});
}

}  // namespace

Json conditions(const std::string& benchmark, bool unverified) {
  const char* commit = std::getenv("AGIDDI_COMMIT");
  const TimeMs now = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  Json out = Json::object({{"time", time_text(now)}, {"commit", commit ? commit : "unknown: tools/bench tells it"}, {"machine", machine()}, {"versions", versions()}});
  for (const Guarantees& one : kGuarantees) {
    if (one.benchmark == benchmark) out.set("durable", std::string(one.durable)).set("verified", std::string(unverified ? kAgreedUnverified : one.verified));
  }
  return out;
}

}  // namespace agiddi::tools
