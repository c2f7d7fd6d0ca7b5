#ifndef CSYSTEM_H
#define CSYSTEM_H

// The few Linux calls that Swift cannot reach by itself: variadic functions and macros.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/types.h>

/// Asks the kernel to send `signal_number` to this process when its parent dies. 0, or -1 and errno.
int csystem_set_parent_death_signal(int signal_number);

/// Makes this process the reaper of every orphaned descendant. 0, or -1 and errno.
int csystem_become_child_subreaper(void);

#endif
