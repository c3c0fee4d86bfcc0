// The bytes that could not be decoded, with the reason. Adjacent stretches of one reason are one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace argus {

struct Fault {
  std::uint64_t offset;
  std::uint64_t length;
  std::string reason;
};

class FaultLedger {
 public:
  void add(std::uint64_t offset, std::uint64_t length, std::string_view reason) {
    if (length == 0) return;
    if (count_ == 0) first_ = {offset, length, std::string(reason)};
    bytes_ += length;
    if (!faults_.empty() && faults_.back().reason == reason &&
        faults_.back().offset + faults_.back().length == offset) {
      faults_.back().length += length;
      return;
    }
    ++count_;
    faults_.push_back({offset, length, std::string(reason)});
  }

  // Forgets what lies before `offset`, where a stretch ends.
  void drop_before(std::uint64_t offset) {
    while (!faults_.empty() && faults_.front().offset < offset) {
      bytes_ -= faults_.front().length;
      --count_;
      faults_.erase(faults_.begin());
    }
  }
  // Takes over what came later.
  void absorb(FaultLedger&& later) {
    for (const Fault& fault : later.faults_) add(fault.offset, fault.length, fault.reason);
    later = {};
  }

  // The first one ever; of its length only what was known at once.
  [[nodiscard]] const Fault& first() const noexcept { return first_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

  // The faults since the last call. The newest may still grow, so it stays until `all` is asked
  // for.
  [[nodiscard]] std::vector<Fault> take(bool all) {
    std::vector<Fault> taken;
    taken.swap(faults_);
    if (!all && !taken.empty()) {
      faults_.push_back(std::move(taken.back()));
      taken.pop_back();
    }
    return taken;
  }

 private:
  std::vector<Fault> faults_;
  Fault first_{};
  std::uint64_t bytes_ = 0;
  std::uint64_t count_ = 0;
};

}  // namespace argus
