#ifndef CSYSTEM_H
#define CSYSTEM_H

// The few Linux calls that Swift cannot reach by itself: variadic functions, macros, and system
// calls without a wrapper.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/types.h>

/// Asks the kernel to send `signal_number` to this process when its parent dies. 0, or -1 and errno.
int csystem_set_parent_death_signal(int signal_number);

/// Makes this process the reaper of every orphaned descendant. 0, or -1 and errno.
int csystem_become_child_subreaper(void);

/// A child of this process that has ended and is not reaped yet; it stays so. 0 if no child has
/// ended, -1 if there is no child at all.
pid_t csystem_ended_child(void);

/// A descriptor that means this very process for as long as it is open, even if its number is given
/// to another one. -1 and errno, where ENOSYS means a kernel before 5.3.
int csystem_pidfd_open(pid_t pid);

/// Sends a signal to the process that the descriptor means. 0, or -1 and errno.
int csystem_pidfd_send_signal(int pidfd, int signal_number);

/// Closes every descriptor from `first` on.
void csystem_close_from(int first);

/// Makes a pipe that children do not inherit: `ends[0]` reads, `ends[1]` writes. 0, or -1 and errno.
int csystem_pipe(int ends[2]);

/// Gives back the pages of program and library files that are mapped read-only. Those still needed are
/// mapped again at their next use, from the page cache; the rest were needed at the start alone.
void csystem_release_file_pages(void);

/// Ends this process with that code after so many seconds, wherever its threads are then: a loop that
/// closes and exit() wait for the threads of the pool, and one of them may hang in a disk. To be called once.
void csystem_exit_at_latest(int code, unsigned seconds);

/// Forks a child that does nothing, has no descriptor, and dies with this process (with the thread
/// that called, to be exact). It bears a title as setproctitle(3) gives it: written over the command
/// line and the environment behind it, of which nothing is left. Nothing but system calls is done in
/// it, so other threads do no harm. The child's number, or -1 and errno.
pid_t csystem_titled_child(const char *title);

#endif
