/* The reference: what the kernel allows a chat server that does nothing else.
 *
 * Accepts, reads a name, and does one send() per listener and line. One thread, epoll, Nagle's algorithm left on. No
 * commands, no cleaning, no limits, no order between clients, and a listener whose buffer is full is dropped.
 *
 *     chat PORT        prints "listening" when it does
 *
 * Compiled with -DTLS -lssl -lcrypto it does the same through OpenSSL, one SSL_write() per listener and line:
 *
 *     chat PORT CERTIFICATE KEY
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef TLS
#include <openssl/ssl.h>
#include <signal.h>
static SSL_CTX *context;
#endif

enum { MOST = 65536, LINE = 4096, NAME = 33 };

struct client {
    char name[NAME];
    int used;
    char *partial; /* what came after the last LF */
#ifdef TLS
    SSL *tls;
#endif
};

static struct client *clients[MOST];
static int listeners[MOST], listener_count; /* the named ones, as descriptors */
static int place[MOST];                     /* where a descriptor stands in listeners */
static int loop;

static void drop(int fd)
{
    if (clients[fd]->name[0]) {
        int last = listeners[--listener_count];
        listeners[place[fd]] = last;
        place[last] = place[fd];
    }
#ifdef TLS
    SSL_free(clients[fd]->tls);
#endif
    free(clients[fd]->partial);
    free(clients[fd]);
    clients[fd] = NULL;
    close(fd);
}

#ifdef TLS
static ssize_t transmit(int fd, const char *text, size_t size)
{
    return SSL_write(clients[fd]->tls, text, size);
}

/* As recv; shakes hands first. */
static ssize_t receive(int fd, char *data, size_t size)
{
    int got = SSL_read(clients[fd]->tls, data, size);
    errno = got < 0 && SSL_get_error(clients[fd]->tls, got) == SSL_ERROR_WANT_READ ? EAGAIN : 0;
    return got;
}
#else
static ssize_t transmit(int fd, const char *text, size_t size)
{
    return send(fd, text, size, MSG_NOSIGNAL);
}

static ssize_t receive(int fd, char *data, size_t size)
{
    return recv(fd, data, size, 0);
}
#endif

static void tell(int fd, const char *text, size_t size)
{
    if (transmit(fd, text, size) != (ssize_t)size && clients[fd]->used >= 0)
        shutdown(fd, SHUT_RDWR);
}

static void handle(int fd, char *line, int size)
{
    struct client *client = clients[fd];
    char out[LINE + NAME + 8];
    if (size && line[size - 1] == '\r')
        size--;
    if (!client->name[0]) {
        snprintf(client->name, NAME, "%.*s", size, line);
        place[fd] = listener_count;
        listeners[listener_count++] = fd;
        tell(fd, out, snprintf(out, sizeof out, "server: Your username is %s.\r\n", client->name));
        return;
    }
    int length = snprintf(out, sizeof out, "%s : %.*s\r\n", client->name, size, line);
    for (int i = 0; i < listener_count; i++)
        if (listeners[i] != fd)
            tell(listeners[i], out, length);
}

static void take(int fd)
{
    static char data[LINE * 2 + 1];
    struct client *client = clients[fd];
    memcpy(data, client->partial, client->used);
    ssize_t got = receive(fd, data + client->used, LINE);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            drop(fd);
        return;
    }
    char *start = data, *end = data + client->used + got, *lf;
    while ((lf = memchr(start, '\n', end - start))) {
        handle(fd, start, lf - start);
        start = lf + 1;
    }
    client->used = end - start > LINE ? 0 : end - start;
    client->partial = realloc(client->partial, client->used + 1);
    memcpy(client->partial, start, client->used);
}

int main(int argc, char **argv)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argc > 1 ? argv[1] : "1337"))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
        perror("chat");
        return 1;
    }
#ifdef TLS
    context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    if (argc < 4 || SSL_CTX_use_certificate_chain_file(context, argv[2]) != 1
        || SSL_CTX_use_PrivateKey_file(context, argv[3], SSL_FILETYPE_PEM) != 1)
        return 1;
    signal(SIGPIPE, SIG_IGN);
#endif
    loop = epoll_create1(0);
    epoll_ctl(loop, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.fd = listener});
    puts("listening");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(loop, events, 256, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                take(fd);
#ifdef TLS
                while (clients[fd] && SSL_pending(clients[fd]->tls))
                    take(fd);
#endif
                continue;
            }
            while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                clients[fd] = calloc(1, sizeof *clients[fd]);
                epoll_ctl(loop, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd});
#ifdef TLS
                clients[fd]->tls = SSL_new(context);
                SSL_set_fd(clients[fd]->tls, fd);
                SSL_set_accept_state(clients[fd]->tls);
#else
                tell(fd, "server: Input username.\r\n", 25);
#endif
            }
        }
    }
}
