// What goes wrong in a simulated cluster, and how it ends: all members up, the network whole, no message lost any more. Only liars stay what they are.
//
// At most f members are faulty beyond crashes and bad links: liars, clocks that are off by more than a batch may be, and disks that are lost.
#include <algorithm>

#include "protocol/limits.h"
#include "tools/sim/cluster.h"

namespace agiddi::tools {

using namespace consensus;

std::int64_t Cluster::small_skew() { return options_.has("clock") ? random_.between(-500, 500) : random_.between(-20, 20); }

// Who lies, and how; who else may fail for good.
void Cluster::choose_liars() {
  std::vector<std::string> ways;
  for (const FaultKind& kind : fault_table()) {
    if (kind.byzantine && options_.faults.contains(kind.name)) ways.push_back(kind.name);
  }
  std::vector<std::size_t> members(options_.nodes);
  for (std::size_t i = 0; i < members.size(); ++i) members[i] = i;
  for (std::size_t i = members.size(); i > 1; --i) std::swap(members[i - 1], members[static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(i) - 1))]);

  const MemberSet genesis = workload_.genesis().member_set();
  auto budget = static_cast<std::int64_t>(genesis.faults());
  const auto one_more = [&](auto& into) {
    if (budget == 0 || !random_.chance(500)) return;
    into.insert(members.back());
    members.pop_back();
    --budget;
  };
  const bool gremlins = options_.has("clock") || options_.has("corrupt");
  // Others than liars first in some runs, so that each kind is met at f = 1 too.
  if (gremlins && !ways.empty() && random_.chance(300)) {
    if (options_.has("clock") && random_.chance(500)) one_more(bad_clocks_);
    if (options_.has("corrupt")) one_more(fragile_disks_);
  }
  const auto conspiracy = std::make_shared<Conspiracy>();
  const std::int64_t liars = ways.empty() ? 0 : random_.between(0, budget) == 0 && random_.chance(700) ? budget : random_.between(0, budget);
  for (std::int64_t i = 0; i < liars; ++i) {
    const Seat member = members.back();
    members.pop_back();
    --budget;
    ++report_.counts.byzantine;
    std::vector<std::string> chosen{ways[static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(ways.size()) - 1))]};
    while (random_.chance(400)) chosen.push_back(ways[static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(ways.size()) - 1))]);
    std::vector<SimNode*> replicas{nodes_[member].get()};
    if (std::find(chosen.begin(), chosen.end(), "twins") != chosen.end()) {
      nodes_.push_back(std::make_unique<SimNode>(*this, nodes_.size(), member));
      replicas.push_back(nodes_.back().get());
    }
    std::string name = " (";
    for (const std::string& way : chosen) name += (name.size() > 2 ? ", " : "") + way;
    for (SimNode* replica : replicas) {
      std::vector<std::unique_ptr<Behaviour>> behaviours;
      for (const std::string& way : chosen) {
        if (auto behaviour = make_behaviour(way)) behaviours.push_back(std::move(behaviour));
      }
      replica->corrupt(std::make_unique<Liar>(Liar{0, {}, nullptr, Random(random_.next()), conspiracy, &workload_}), std::move(behaviours));
      if (replica->place() >= seats_) timeline_.add_name("twin of " + std::to_string(member));
      timeline_.rename(replica->place(), timeline_.name(replica->place()) + name + ")");
    }
  }
  while (budget > 0 && gremlins && random_.chance(700)) {
    if (options_.has("clock")) one_more(bad_clocks_);
    if (options_.has("corrupt")) one_more(fragile_disks_);
  }

  // Of two twins others hear one or both.
  deaf_.assign(nodes_.size(), std::vector<bool>(nodes_.size(), false));
  for (std::size_t twin = seats_; twin < nodes_.size(); ++twin) {
    const Seat first = nodes_[twin]->seat();
    for (std::size_t other = 0; other < nodes_.size(); ++other) {
      const auto hears = random_.between(0, 2);
      if (hears == 0) deaf_[other][twin] = deaf_[twin][other] = true;
      if (hears == 1) deaf_[other][first] = deaf_[first][other] = true;
    }
    deaf_[first][twin] = deaf_[twin][first] = true;
  }
}

void Cluster::plan_faults() {
  faults_end_us_ = random_.between(1'000'000, 4'500'000);
  sync_us_ = random_.between(50, 1000);
  apply_us_ = random_.chance(200) ? random_.between(5000, 40'000) : random_.between(50, 1000);
  if (options_.has("snapshots") && random_.chance(600)) {
    snapshot_policy_.every_blocks = static_cast<std::uint64_t>(random_.between(2, 12));
    snapshot_policy_.keep_blocks = random_.chance(700) ? static_cast<std::uint64_t>(random_.between(limits::kWindowHeights + 1, 2 * limits::kWindowHeights)) : 0;
    if (random_.chance(500)) snapshot_policy_.catch_up_min = static_cast<std::uint64_t>(random_.between(4, 16));
    snapshot_policy_.behind_min = static_cast<std::uint64_t>(random_.between(1, 6));
  }
  snapshot_policy_.chunk_bytes = static_cast<std::size_t>(random_.between(300, 4'000));
  if (options_.has("loss")) loss_ = random_.between(0, 150);
  if (options_.has("delay")) slow_ = random_.between(0, 150);
  if (options_.has("reorder")) reorder_ = random_.between(0, 400);
  if (options_.has("duplicate")) duplicate_ = random_.between(0, 100);
  const auto soon = [&](void (Cluster::*what)()) { after(random_.between(100'000, 1'500'000), [this, what] { (this->*what)(); }); };
  // Not everything at once in every run: a calm one shows what lies alone can do.
  const auto wanted = [&](const char* fault) { return options_.has(fault) && random_.chance(700); };
  if (wanted("crash") || (options_.has("corrupt") && !fragile_disks_.empty())) soon(&Cluster::crash_some);
  if (wanted("partition") && nodes_.size() > 1) soon(&Cluster::split_network);
  if (wanted("one-way") && nodes_.size() > 1) soon(&Cluster::cut_one_way);
  if (wanted("disk-full")) soon(&Cluster::fill_disk);
  if (wanted("clock")) soon(&Cluster::jump_clock);
  if (wanted("slow")) soon(&Cluster::slow_down);
  if (snapshot_policy_.every_blocks > 0 && !fragile_disks_.empty()) soon(&Cluster::damage_snapshots);
  after(faults_end_us_, [this] { end_faults(); });
}

void Cluster::crash_some() {
  if (!faulty()) return;
  const bool everyone = random_.chance(100);  // a power cut
  const std::size_t victim = any_place();
  for (std::size_t place = 0; place < nodes_.size(); ++place) {
    if ((place != victim && !everyone) || !nodes_[place]->up()) continue;
    const bool power = options_.has("power") && (everyone || random_.chance(600));
    nodes_[place]->crash(power ? SimNode::Crash::power : SimNode::Crash::process, everyone ? "a power cut" : "a crash");
    ++report_.counts.crashes;
    if (fragile_disks_.contains(nodes_[place]->seat()) && random_.chance(700)) {
      nodes_[place]->disk().damage();
      ++report_.counts.lost_disks;
    }
  }
  after(random_.between(100'000, 1'500'000), [this] { crash_some(); });
}

// However it went down, somebody starts it again.
void Cluster::went_down(std::size_t place) {
  refresh_links();
  const std::int64_t pause_us = random_.chance(700) || !faulty() ? random_.between(10'000, 500'000) : random_.between(500'000, 4'000'000);
  after(pause_us, [this, place] { restart(place); });
}

void Cluster::restart(std::size_t place) {
  if (nodes_[place]->up()) return;
  nodes_[place]->start();
  if (!nodes_[place]->up()) {
    after(random_.between(50'000, 300'000), [this, place] { restart(place); });
    return;
  }
  refresh_links();
}

// Two sides that do not hear each other; their members may or may not be told.
void Cluster::split_network() {
  if (!faulty()) return;
  ++report_.counts.partitions;
  std::vector<bool> side;
  for (std::size_t place = 0; place < nodes_.size(); ++place) side.push_back(random_.chance(500));
  std::string text = "partition:";
  for (std::size_t a = 0; a < nodes_.size(); ++a) {
    text += side[a] ? " A" : " B";
    for (std::size_t b = 0; b < nodes_.size(); ++b) cut_[a][b] = side[a] != side[b];
  }
  told_of_cuts_ = random_.chance(500);
  timeline_.event(now_us_, 0, text + (told_of_cuts_ ? "" : " (silent)"));
  refresh_links();
  after(random_.between(100'000, 2'500'000), [this] {
    if (!faulty()) return;
    for (auto& row : cut_) std::fill(row.begin(), row.end(), false);
    timeline_.event(now_us_, 0, "partition ends");
    refresh_links();
    after(random_.between(100'000, 1'500'000), [this] { split_network(); });
  });
}

// One member is not heard by some, or hears some no more; nobody is told.
void Cluster::cut_one_way() {
  if (!faulty()) return;
  ++report_.counts.partitions;
  const std::size_t victim = any_place();
  const bool deaf = random_.chance(500);
  told_of_cuts_ = false;
  for (std::size_t other = 0; other < nodes_.size(); ++other) {
    if (other != victim && random_.chance(600)) (deaf ? cut_[other][victim] : cut_[victim][other]) = true;
  }
  timeline_.event(now_us_, victim, deaf ? "hears some others no more" : "is not heard by some others");
  after(random_.between(100'000, 2'500'000), [this, victim] {
    for (std::size_t other = 0; other < nodes_.size(); ++other) cut_[other][victim] = cut_[victim][other] = false;
    if (faulty()) after(random_.between(100'000, 1'500'000), [this] { cut_one_way(); });
  });
}

void Cluster::fill_disk() {
  if (!faulty()) return;
  const std::size_t victim = any_place();
  ++report_.counts.full_disks;
  nodes_[victim]->disk().set_full(true);
  timeline_.event(now_us_, victim, "its disk is full");
  after(random_.between(100'000, 2'000'000), [this, victim] {
    nodes_[victim]->disk().set_full(false);
    timeline_.event(now_us_, victim, "its disk has room again");
    if (faulty()) after(random_.between(100'000, 1'500'000), [this] { fill_disk(); });
  });
}

void Cluster::jump_clock() {
  if (!faulty()) return;
  const std::size_t victim = any_place();
  const bool far = bad_clocks_.contains(nodes_[victim]->seat());
  const std::int64_t skew_ms = far ? random_.between(-900'000, 900'000) : small_skew();
  nodes_[victim]->set_skew(skew_ms);
  timeline_.event(now_us_, victim, "its clock jumps: now off by " + std::to_string(skew_ms) + " ms");
  after(random_.between(100'000, 1'000'000), [this] { jump_clock(); });
}

void Cluster::slow_down() {
  if (!faulty()) return;
  const std::size_t victim = any_place();
  nodes_[victim]->set_slow(random_.between(500, 20'000));
  timeline_.event(now_us_, victim, "becomes slow");
  after(random_.between(200'000, 2'000'000), [this, victim] {
    nodes_[victim]->set_slow(0);
    timeline_.event(now_us_, victim, "is fast again");
    if (faulty()) slow_down();
  });
}

// A file of a snapshot rots: it is not served, and not installed.
void Cluster::damage_snapshots() {
  if (!faulty()) return;
  SimNode& victim = *nodes_[any_place()];
  if (fragile_disks_.contains(victim.seat())) victim.snapshots().damage(random_);
  after(random_.between(100'000, 500'000), [this] { damage_snapshots(); });
}

void Cluster::end_faults() {
  timeline_.event(now_us_, 0, "all faults end");
  loss_ = slow_ = reorder_ = duplicate_ = 0;
  apply_us_ = std::min<std::int64_t>(apply_us_, 1000);
  for (auto& row : cut_) std::fill(row.begin(), row.end(), false);
  for (auto& node : nodes_) {
    node->disk().set_full(false);
    node->set_slow(0);
    if (bad_clocks_.contains(node->seat())) node->set_skew(small_skew());
  }
  for (std::size_t place = 0; place < nodes_.size(); ++place) restart(place);
  refresh_links();
}

// Tells the members what became of their connections.
void Cluster::refresh_links() {
  for (std::size_t a = 0; a < nodes_.size(); ++a) {
    if (!nodes_[a]->up()) std::fill(told_[a].begin(), told_[a].end(), false);
    std::vector<bool> linked(seats_, false);
    for (std::size_t b = 0; b < nodes_.size(); ++b) {
      const bool can = nodes_[b]->up() && !deaf_[a][b] && !(cut_[a][b] && told_of_cuts_);
      if (can) linked[nodes_[b]->seat()] = true;
    }
    for (Seat seat = 0; seat < seats_; ++seat) {
      if (seat == nodes_[a]->seat() || !nodes_[a]->up() || linked[seat] == told_[a][seat]) continue;
      told_[a][seat] = linked[seat];
      nodes_[a]->link(seat, linked[seat]);
    }
  }
}

}  // namespace agiddi::tools
