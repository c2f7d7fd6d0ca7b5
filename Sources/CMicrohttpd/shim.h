#ifndef CMICROHTTPD_SHIM_H
#define CMICROHTTPD_SHIM_H

// What Swift cannot reach in libmicrohttpd: its variadic functions and cast macros. Beside it epoll,
// which it is driven through and which Swift's Glibc module leaves out.

#include <microhttpd.h>
#include <sys/epoll.h>

/// Everything that a daemon of ours is started with.
struct cmicrohttpd_options {
    /// A bound and listening socket. The daemon closes it when it stops.
    int listening_socket;
    size_t connection_memory_bytes;
    unsigned int connection_limit;
    unsigned int idle_timeout_seconds;
    MHD_AccessHandlerCallback handler;
    MHD_RequestCompletedCallback completed;
    /// Passed to both callbacks.
    void *context;
};

/// Starts a daemon without threads, to be driven by MHD_run. NULL on failure, with errno set.
static inline struct MHD_Daemon *cmicrohttpd_start(const struct cmicrohttpd_options *options) {
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, options->handler,
        options->context, MHD_OPTION_LISTEN_SOCKET, options->listening_socket,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, options->connection_memory_bytes,
        MHD_OPTION_CONNECTION_LIMIT, options->connection_limit, MHD_OPTION_CONNECTION_TIMEOUT,
        options->idle_timeout_seconds, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_NOTIFY_COMPLETED, options->completed, options->context, MHD_OPTION_END);
}

/// The epoll descriptor that is readable when MHD_run has work, or -1.
static inline int cmicrohttpd_epoll_descriptor(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info == NULL ? -1 : info->epoll_fd;
}

/// How many connections are open.
static inline unsigned int cmicrohttpd_connection_count(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info == NULL ? 0 : info->num_connections;
}

/// The socket of a connection, or -1.
static inline int cmicrohttpd_socket(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info == NULL ? -1 : info->connect_fd;
}

/// A response with a copy of `bytes` as its body.
static inline struct MHD_Response *cmicrohttpd_response(const void *bytes, size_t count) {
    return MHD_create_response_from_buffer(count, (void *)bytes, MHD_RESPMEM_MUST_COPY);
}

/// A response of unknown length whose body `reader` supplies.
static inline struct MHD_Response *cmicrohttpd_streamed_response(
    size_t block_bytes, MHD_ContentReaderCallback reader, void *context) {
    return MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, block_bytes, reader, context, NULL);
}

/// What a reader returns after the last byte.
static inline ssize_t cmicrohttpd_end_of_stream(void) { return MHD_CONTENT_READER_END_OF_STREAM; }

/// What a reader returns to cut the connection.
static inline ssize_t cmicrohttpd_end_with_error(void) {
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

#endif
