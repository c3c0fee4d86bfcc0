#include "argus/buffer.hpp"

#include <array>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace argus {
namespace {

// Below that the allocator is quick, and gives nothing back to the system.
constexpr std::size_t smallest_kept = 32u << 10;
constexpr std::size_t most_kept = 40u << 20;  // bytes altogether
constexpr std::size_t classes = 64;

// Sizes are 2^n and 1.5 * 2^n: at most a third of a block is not asked for.
[[nodiscard]] std::size_t rounded(std::size_t size) noexcept {
  const std::size_t power = std::bit_ceil(size);
  return size <= power / 4 * 3 ? power / 4 * 3 : power;
}

[[nodiscard]] std::size_t class_of(std::size_t capacity) noexcept {
  const auto exponent = static_cast<std::size_t>(std::bit_width(capacity));
  return std::min(exponent * 2 + (std::has_single_bit(capacity) ? 0u : 1u), classes - 1);
}

class Pool {
 public:
  [[nodiscard]] std::uint8_t* take(std::size_t capacity) noexcept {
    const std::lock_guard lock(mutex_);
    auto& kept = kept_[class_of(capacity)];
    if (kept.empty() || kept.back().capacity != capacity) return nullptr;
    std::uint8_t* data = kept.back().data;
    kept.pop_back();
    bytes_ -= capacity;
    return data;
  }
  // False where there are enough already.
  [[nodiscard]] bool give(MemoryBlock block) noexcept {
    const std::lock_guard lock(mutex_);
    if (bytes_ + block.capacity > most_kept) return false;
    try {
      kept_[class_of(block.capacity)].push_back(block);
    } catch (const std::bad_alloc&) {
      return false;
    }
    bytes_ += block.capacity;
    return true;
  }

 private:
  std::mutex mutex_;
  std::array<std::vector<MemoryBlock>, classes> kept_;
  std::size_t bytes_ = 0;
};

// Never destroyed: buffers may outlive every static object.
[[nodiscard]] Pool& pool() {
  static Pool* const only = new Pool;
  return *only;
}

}  // namespace

MemoryBlock take_block(std::size_t size) {
  const std::size_t capacity = size < smallest_kept ? size : rounded(size);
  std::uint8_t* data = capacity < smallest_kept ? nullptr : pool().take(capacity);
  if (data == nullptr) data = static_cast<std::uint8_t*>(std::malloc(capacity));
  if (data == nullptr) throw std::bad_alloc();
  return {data, capacity};
}

void give_block(MemoryBlock block) noexcept {
  if (block.capacity >= smallest_kept && pool().give(block)) return;
  std::free(block.data);
}

}  // namespace argus
