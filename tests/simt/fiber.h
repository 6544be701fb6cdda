// SPDX-License-Identifier: Apache-2.0
// Stacks that can be left in the middle and gone back to: one for each CUDA thread of a running block. Switching costs
// tens of nanoseconds on x86-64 (a few registers), and a system call elsewhere (ucontext). AddressSanitizer is told of
// every switch where the program is built with it.
#pragma once
#include <cstddef>
#include <memory>

namespace simt {

class Fibers {
 public:
  // entry is called on each fiber's own stack when it is first resumed; it ends by leave(), never by returning.
  explicit Fibers(void (*entry)());
  ~Fibers();
  Fibers(const Fibers&) = delete;
  Fibers& operator=(const Fibers&) = delete;

  // Fibers 0 .. count - 1 are at their start. abandoned: some were left in the middle, and are forgotten.
  void restart(int count, bool abandoned);
  // Runs fiber i until it leaves.
  void resume(int i);
  // From within a fiber: back to whoever resumed it. ends: it will not be resumed again.
  void leave(bool ends);

  struct Switcher;

 private:
  std::unique_ptr<Switcher> switcher_;
};

}  // namespace simt
