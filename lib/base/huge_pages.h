// SPDX-License-Identifier: Apache-2.0
// An allocator for large tables that are looked into all over: on huge pages where the system has them, as look-ups
// otherwise wait for address translation. A page is taken from 128 KiB on; smaller ones are allocated as usual.
#pragma once
#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

namespace hearth {

template <class T>
struct HugePages {
  using value_type = T;
  HugePages() = default;
  template <class U>
  explicit(false) HugePages(const HugePages<U>&) {}

  T* allocate(std::size_t n) {
    if (n * sizeof(T) < worth_a_page) return static_cast<T*>(::operator new(n * sizeof(T), alignment));
    const std::size_t rounded = (n * sizeof(T) + page_bytes - 1) / page_bytes * page_bytes;
    void* const memory = std::aligned_alloc(page_bytes, rounded);
    if (memory == nullptr) throw std::bad_alloc();
    madvise(memory, rounded, MADV_HUGEPAGE);  // advice only; before the first touch
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t n) {
    if (n * sizeof(T) < worth_a_page) {
      ::operator delete(memory, alignment);
    } else {
      std::free(memory);
    }
  }
  bool operator==(const HugePages&) const = default;

 private:
  static constexpr std::size_t page_bytes = std::size_t{2} << 20;
  static constexpr std::size_t worth_a_page = page_bytes / 16;
  static constexpr std::align_val_t alignment{64};
};

template <class T>
using HugeVector = std::vector<T, HugePages<T>>;

}  // namespace hearth
