// SPDX-License-Identifier: Apache-2.0
#include "lib/comm/queue.h"

#include <exception>
#include <utility>

namespace hearth::comm {

struct Queue::Task final : Pending::State {
  explicit Task(std::function<void()> to_run) : body(std::move(to_run)) {}

  void run() {
    try {
      body();
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    done = true;
    ready.notify_all();
  }
  void finish() noexcept override {
    std::unique_lock lock(mutex);
    ready.wait(lock, [&] { return done; });
  }
  void get() {
    finish();
    if (failure != nullptr) std::rethrow_exception(std::exchange(failure, nullptr));
  }
  void wait(Stream&) override { get(); }

  std::function<void()> body;
  std::mutex mutex;
  std::condition_variable ready;
  bool done = false;
  std::exception_ptr failure;
};

Queue::Queue(bool own_thread) {
  if (own_thread) thread_ = std::thread([this] { work(); });
}

Queue::~Queue() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

Pending Queue::put(std::function<void()> body) {
  return Pending(put_task(std::move(body)));
}

void Queue::put_and_wait(std::function<void()> body) {
  put_task(std::move(body))->get();
}

std::shared_ptr<Queue::Task> Queue::put_task(std::function<void()> body) {
  auto task = std::make_shared<Task>(std::move(body));
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(task);
  }
  wake_.notify_one();
  return task;
}

void Queue::work() {
  for (;;) {
    std::shared_ptr<Task> task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task->run();
  }
}

}  // namespace hearth::comm
