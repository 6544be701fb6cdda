// SPDX-License-Identifier: Apache-2.0
#include "tests/simt/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <new>
#include <vector>

#ifndef __x86_64__
#include <ucontext.h>
#endif
#ifdef SIMT_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef SIMT_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
extern "C" void AnnotateBenignRaceSized(const char* file, int line, void* begin, std::size_t bytes, const char* why);
#endif

namespace simt {
namespace {

constexpr std::size_t stack_bytes = 256 << 10;  // instrumented kernels keep large frames
constexpr int most_fibers = 1024;

#ifdef __x86_64__
struct Place {
  void* stack_pointer = nullptr;
};
// Saves the registers a call must keep, stores the stack pointer at *from, and takes up those of `to`.
extern "C" void hearth_simt_switch(void** from, void* to);
asm(R"(.text
.type hearth_simt_switch,@function
hearth_simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size hearth_simt_switch, .-hearth_simt_switch
)");
void switch_places(Place& from, Place& to) {
  hearth_simt_switch(&from.stack_pointer, to.stack_pointer);
}
void start_at(Place& place, char* stack, void (*entry)(), std::size_t colour) {
  // Tops differ by `colour`, or equal frames of all threads would compete for the same cache lines.
  void** top = reinterpret_cast<void**>(stack + stack_bytes - colour);
  *--top = nullptr;  // where entry would return to; also aligns the stack as a call does
  *--top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  place.stack_pointer = top;
}
#else
struct Place {
  ucontext_t context;
};
void switch_places(Place& from, Place& to) {
  swapcontext(&from.context, &to.context);
}
void start_at(Place& place, char* stack, void (*entry)(), std::size_t) {
  getcontext(&place.context);
  place.context.uc_stack.ss_sp = stack;
  place.context.uc_stack.ss_size = stack_bytes;
  place.context.uc_link = nullptr;
  makecontext(&place.context, entry, 0);
}
#endif

}  // namespace

struct Fibers::Switcher {
  struct Fiber {
    Place place;
    char* stack = nullptr;
    void* shadow = nullptr;  // the address sanitizer's
    void* racer = nullptr;   // the thread sanitizer's thread
  };
  void (*entry)() = nullptr;
  char* memory = nullptr;
  std::size_t guard = 0;
  std::vector<Fiber> fibers;
  Place outside;
  Fiber* running = nullptr;
  void* outside_shadow = nullptr;
  const void* outside_stack = nullptr;
  std::size_t outside_bytes = 0;
  void* outside_racer = nullptr;
  std::vector<void*> racers[2];

  // The sanitizer's threads: two sets in turn, so that no block is ordered behind the one before it. (A new set for
  // each block would also find races with earlier ones, but making a thread costs more than most blocks do.)
  void change_racers([[maybe_unused]] int count, [[maybe_unused]] bool abandoned) {
#ifdef SIMT_THREAD_SANITIZER
    if (abandoned) drop_racers();
    std::swap(racers[0], racers[1]);
    while (racers[0].size() < static_cast<std::size_t>(count)) racers[0].push_back(__tsan_create_fiber(0));
    for (int i = 0; i < count; ++i) fibers[static_cast<std::size_t>(i)].racer = racers[0][static_cast<std::size_t>(i)];
#endif
  }
  // The sanitizer has room for some 8,000 threads in a process.
  void drop_racers() {
#ifdef SIMT_THREAD_SANITIZER
    for (std::vector<void*>& set : racers) {
      for (void* racer : set) __tsan_destroy_fiber(racer);
      set.clear();
    }
#endif
  }
  // The caller's accesses are those of that thread from here on; that orders nothing.
  static void act_as([[maybe_unused]] void* racer) {
#ifdef SIMT_THREAD_SANITIZER
    __tsan_switch_to_fiber(racer, __tsan_switch_to_fiber_no_sync);
#endif
  }

  void entered() {
#ifdef SIMT_ADDRESS_SANITIZER
    __sanitizer_finish_switch_fiber(running->shadow, &outside_stack, &outside_bytes);
#endif
  }
};

namespace {
thread_local Fibers::Switcher* switcher_here = nullptr;
}

Fibers::Fibers(void (*entry)()) : switcher_(std::make_unique<Switcher>()) {
  Switcher& s = *switcher_;
  s.entry = entry;
  s.guard = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t stride = stack_bytes + s.guard;
  void* memory =
      mmap(nullptr, most_fibers * stride, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  s.memory = static_cast<char*>(memory);
#ifdef SIMT_THREAD_SANITIZER
  AnnotateBenignRaceSized("", 0, memory, most_fibers * stride, "a stack is used by one thread after another");
#endif
  s.fibers.resize(most_fibers);
  for (int i = 0; i < most_fibers; ++i) {
    char* low = s.memory + static_cast<std::size_t>(i) * stride;
    mprotect(low, s.guard, PROT_NONE);  // an overflow ends the process instead of spoiling a neighbour
    s.fibers[static_cast<std::size_t>(i)].stack = low + s.guard;
  }
}

Fibers::~Fibers() {
  switcher_->drop_racers();
  munmap(switcher_->memory, most_fibers * (stack_bytes + switcher_->guard));
}

namespace {
void first_entry() {
  switcher_here->entered();
  switcher_here->entry();
}
}  // namespace

void Fibers::restart(int count, bool abandoned) {
#ifdef SIMT_ADDRESS_SANITIZER
  for (std::size_t i = 0; abandoned && i < most_fibers; ++i)
    __asan_unpoison_memory_region(switcher_->fibers[i].stack, stack_bytes);
#endif
  switcher_->change_racers(count, abandoned);
  for (int i = 0; i < count; ++i) {
    Switcher::Fiber& fiber = switcher_->fibers[static_cast<std::size_t>(i)];
    fiber.shadow = nullptr;
    start_at(fiber.place, fiber.stack, first_entry, static_cast<std::size_t>(i) * 320 % 8192 / 64 * 64);
  }
}

void Fibers::resume(int i) {
  Switcher& s = *switcher_;
  switcher_here = &s;
  s.running = &s.fibers[static_cast<std::size_t>(i)];
#ifdef SIMT_ADDRESS_SANITIZER
  __sanitizer_start_switch_fiber(&s.outside_shadow, s.running->stack, stack_bytes);
#endif
#ifdef SIMT_THREAD_SANITIZER
  s.outside_racer = __tsan_get_current_fiber();
#endif
  s.act_as(s.running->racer);
  switch_places(s.outside, s.running->place);
#ifdef SIMT_ADDRESS_SANITIZER
  __sanitizer_finish_switch_fiber(s.outside_shadow, nullptr, nullptr);
#endif
}

void Fibers::leave(bool ends) {
  Switcher& s = *switcher_;
  Switcher::Fiber& fiber = *s.running;
#ifdef SIMT_ADDRESS_SANITIZER
  __sanitizer_start_switch_fiber(ends ? nullptr : &fiber.shadow, s.outside_stack, s.outside_bytes);
#else
  static_cast<void>(ends);
#endif
  s.act_as(s.outside_racer);
  switch_places(fiber.place, s.outside);
  s.entered();
}

}  // namespace simt
