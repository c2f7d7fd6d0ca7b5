#define _GNU_SOURCE
#include "CSystem.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int csystem_set_parent_death_signal(int signal_number) {
    return prctl(PR_SET_PDEATHSIG, (unsigned long)signal_number, 0UL, 0UL, 0UL);
}

int csystem_become_child_subreaper(void) {
    return prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL);
}

pid_t csystem_ended_child(void) {
    siginfo_t info;
    info.si_pid = 0;
    // WNOWAIT leaves the child as it is, so that whoever started it can still learn how it ended.
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
        return -1;
    }
    return info.si_pid;
}

int csystem_pidfd_open(pid_t pid) {
    return (int)syscall(SYS_pidfd_open, pid, 0U);
}

int csystem_pidfd_send_signal(int pidfd, int signal_number) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal_number, (void *)0, 0U);
}

void csystem_close_from(int first) {
    if (syscall(SYS_close_range, (unsigned)first, ~0U, 0U) == 0) {
        return;
    }
    // Before Linux 5.9.
    long limit = sysconf(_SC_OPEN_MAX);
    for (int descriptor = first; descriptor < limit; descriptor++) {
        close(descriptor);
    }
}

int csystem_pipe(int ends[2]) {
    return pipe2(ends, O_CLOEXEC);
}

static volatile sig_atomic_t latest_code;

static void exit_now(int signal_number) {
    (void)signal_number;
    _exit(latest_code);
}

void csystem_exit_at_latest(int code, unsigned seconds) {
    latest_code = code;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = exit_now;
    sigaction(SIGALRM, &action, NULL);
    sigset_t alarm_only;
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL);
    alarm(seconds);
}

extern char **environ;

pid_t csystem_titled_child(const char *title) {
    // The kernel lays the strings of both in one piece; what was set later lies below, in the heap.
    char *words = program_invocation_name;
    char *end = words + strlen(words) + 1;
    for (char **variable = environ; variable != NULL && *variable != NULL; variable++) {
        char *after = *variable + strlen(*variable) + 1;
        if (after > end) end = after;
    }
    const size_t size = (size_t)(end - words);
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child != 0) return child;
    csystem_set_parent_death_signal(SIGKILL);
    if (getppid() != parent) _exit(0);
    for (int number = 1; number < NSIG; number++) (void)signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    csystem_close_from(0);
    const size_t length = strlen(title);
    memset(words, 0, size);
    memcpy(words, title, length < size ? length : size - 1);
    prctl(PR_SET_NAME, (unsigned long)title, 0UL, 0UL, 0UL);
    for (;;) pause();
}

static int release_object(struct dl_phdr_info *object, size_t size, void *context) {
    (void)size;
    (void)context;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int index = 0; index < object->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[index];
        // What is writable at any time holds relocations, which no file could give back.
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) != 0) continue;
        const uintptr_t start = (object->dlpi_addr + segment->p_vaddr + page - 1) & ~(page - 1);
        const uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz) & ~(page - 1);
        // A refusal leaves the pages where they are, which is all right.
        if (end > start) (void)madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void csystem_release_file_pages(void) { (void)dl_iterate_phdr(release_object, NULL); }
