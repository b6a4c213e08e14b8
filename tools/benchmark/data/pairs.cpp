#include "tools/benchmark/data/pairs.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace agiddi::tools {
namespace {

using LoadClock = std::chrono::steady_clock;

constexpr std::uint64_t kFirstNumber = 1'000'000, kNumbers = 9'000'000;   // seven digits
constexpr std::size_t kRing = 65'536;
constexpr auto kGivenUp = std::chrono::seconds(3);
constexpr std::size_t kUnsentMax_bytes = 64 * 1024;

// Behind the last mention of the name: a measurement's context names its terms too.
bool number_behind(std::string_view text, std::string_view name, std::uint64_t& out) {
  const std::size_t at = text.rfind(name);
  if (at == std::string_view::npos) return false;
  const char* from = text.data() + at + name.size();
  return std::from_chars(from, text.data() + text.size(), out).ec == std::errc{};
}

class Run {
 public:
  Run(std::vector<Pair>& pairs, const PairsPlan& plan) : pairs_(pairs), plan_(plan), poll_(::epoll_create1(EPOLL_CLOEXEC)), from_(pairs.size()) {
    ::prctl(PR_SET_TIMERSLACK, 1UL);   // readings are due every half a millisecond
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      pairs[i].sent_at.resize(kRing);
      from_[i] = {pairs[i].sent, pairs[i].delivered, pairs[i].lost};
      watch(pairs[i].publisher, 2 * i);
      watch(pairs[i].subscriber, 2 * i + 1);
    }
  }
  ~Run() { ::close(poll_); }

  Outcome<PairsResult> run() {
    begin_ = LoadClock::now();
    const auto counted_from = begin_ + plan_.warm_up, end = counted_from + plan_.duration;
    bool counting = false;
    double cpu = 0;
    LoadClock::time_point from = counted_from, last_arrival = begin_;
    std::uint64_t seen = 0, seen_at_from = 0;
    for (;;) {
      const auto now = LoadClock::now();
      if (!counting && now >= counted_from) {
        counting = true;
        from = now;
        seen_at_from = seen_;
        cpu = own_cpu_s(RUSAGE_THREAD);
        result_.latencies_us.clear();
      }
      if (now >= end) break;
      if (!send(now)) return failed("a publisher's connection was closed");
      if (!turn(true)) return failed("a connection was closed");
      if (seen_ != seen) last_arrival = LoadClock::now();
      seen = seen_;
      if (plan_.window > 0 && LoadClock::now() - last_arrival > kGivenUp) give_up();
    }
    result_.seconds = std::chrono::duration<double>(LoadClock::now() - from).count();
    result_.delivered = seen_ - seen_at_from;
    result_.own_cpu_s = own_cpu_s(RUSAGE_THREAD) - cpu;
    for (last_arrival = LoadClock::now(); on_way() > 0 && LoadClock::now() - last_arrival < kGivenUp;) {
      if (!turn(false)) return failed("a connection was closed");
      if (seen_ != seen) last_arrival = LoadClock::now();
      seen = seen_;
    }
    give_up();
    return std::move(result_);
  }

 private:
  struct Start {
    std::uint64_t sent, delivered, lost;
  };

  void watch(const MqttLink& link, std::size_t index) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = index;
    ::epoll_ctl(poll_, EPOLL_CTL_ADD, link.descriptor(), &event);
  }

  std::uint64_t on_way(std::size_t i) const {
    const Pair& pair = pairs_[i];
    return (pair.sent - from_[i].sent) - (pair.delivered - from_[i].delivered) - (pair.lost - from_[i].lost);
  }
  std::uint64_t on_way() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < pairs_.size(); ++i) sum += on_way(i);
    return sum;
  }
  void give_up() {
    for (std::size_t i = 0; i < pairs_.size(); ++i) pairs_[i].lost += on_way(i);
  }

  void send_one(Pair& pair) {
    pair.sent_at[pair.sent % kNumbers % kRing] = LoadClock::now();
    pair.publisher.publish(pair.topic, numbered_payload(pair.sent++, plan_.payload_bytes), plan_.qos);
  }

  bool send(LoadClock::time_point now) {
    if (plan_.window > 0) {
      for (std::size_t i = 0; i < pairs_.size(); ++i) {
        while (on_way(i) < plan_.window && pairs_[i].publisher.unsent() < kUnsentMax_bytes) send_one(pairs_[i]);
        if (!pairs_[i].publisher.flush()) return false;
      }
      return true;
    }
    const auto due = static_cast<std::uint64_t>(plan_.rate * std::chrono::duration<double>(now - begin_).count());
    for (; issued_ < due; ++issued_) {
      Pair& pair = pairs_[issued_ % pairs_.size()];
      send_one(pair);
      if (!pair.publisher.flush()) return false;
    }
    return true;
  }

  // Waits for what comes, at most until the next reading is due, and takes it.
  bool turn(bool sending) {
    timespec wait{0, 2'000'000};
    // At saturation it never sleeps: whoever finds it asleep pays for waking it, and that would be the broker, the more the less there is to generate.
    if (plan_.window > 0) wait.tv_nsec = 0;
    if (sending && plan_.window == 0) {
      const std::chrono::duration<double> next(static_cast<double>(issued_ + 1) / plan_.rate);
      const auto left = begin_ + std::chrono::duration_cast<LoadClock::duration>(next) - LoadClock::now();
      wait.tv_nsec = std::clamp<long>(std::chrono::duration_cast<std::chrono::nanoseconds>(left).count(), 0, wait.tv_nsec);
    }
    std::array<epoll_event, 256> events{};
    const int count = ::epoll_pwait2(poll_, events.data(), static_cast<int>(events.size()), &wait, nullptr);
    for (int i = 0; i < count; ++i) {
      const std::size_t index = events[static_cast<std::size_t>(i)].data.u64;
      Pair& pair = pairs_[index / 2];
      MqttLink& link = index % 2 == 0 ? pair.publisher : pair.subscriber;
      if (!link.receive([&](const MqttPublish& publish) { arrived(pair, publish.payload); }) || !link.flush()) return false;
    }
    for (Pair& pair : pairs_) {
      if (pair.publisher.unsent() > 0 && !pair.publisher.flush()) return false;
      if (pair.subscriber.unsent() > 0 && !pair.subscriber.flush()) return false;
    }
    return true;
  }

  void arrived(Pair& pair, std::string_view payload) {
    std::uint64_t number = 0, sequence = 0;
    static constexpr std::string_view kValue[] = {"\"value\":", "\"numericValue\":", "\"v\":"}, kSequence[] = {"", "\"sequence\":", "\"agiddi:sequence\":"};
    const auto form = static_cast<std::size_t>(pair.form);
    pair.last_size = payload.size();
    if (!number_behind(payload, kValue[form], number)) {
      ++pair.out_of_order;
      return;
    }
    if (pair.delivered > 0 && (number <= pair.last_number && pair.last_number - number < kNumbers / 2)) ++pair.out_of_order;
    pair.last_number = number;
    if (pair.form != Pair::Form::as_sent) {
      if (!number_behind(payload, kSequence[form], sequence) || sequence != pair.last_sequence + 1) ++pair.gaps;
      pair.last_sequence = sequence;
    }
    ++pair.delivered;
    ++seen_;
    if (plan_.window > 0) return;
    const auto sent_at = pair.sent_at[(number - kFirstNumber) % kRing];
    result_.latencies_us.push_back(std::chrono::duration<double, std::micro>(LoadClock::now() - sent_at).count());
  }

  std::vector<Pair>& pairs_;
  const PairsPlan& plan_;
  int poll_;
  std::vector<Start> from_;
  LoadClock::time_point begin_;
  std::uint64_t issued_ = 0, seen_ = 0;
  PairsResult result_;
};

}  // namespace

std::string numbered_payload(std::uint64_t number, std::size_t size) {
  std::string out = "{\"sensor\":\"t\",\"value\":" + std::to_string(kFirstNumber + number % kNumbers) + ",\"time\":1767225600";
  if (out.size() + 1 < size) out.append(size - out.size() - 1, ' ');
  return out + '}';
}

Outcome<PairsResult> run_pairs(std::vector<Pair>& pairs, const PairsPlan& plan) { return Run(pairs, plan).run(); }

}  // namespace agiddi::tools
