/* The load: many clients in one process, which talk, read, and check that every line came once and in order.
 *
 * It takes orders on standard input, one a line, and answers each with one line of JSON:
 *
 *     connect N          have N clients connected and named; how many a second that made
 *     talk W SECONDS [RATE]
 *                        W clients talk, each with one line outstanding: a line is said when the talker's line before it
 *                        has reached every listener. Deliveries a second, latencies, and what was lost or doubled. With
 *                        a RATE, in lines a second, a line is said when it is due and one of them is free; its latency
 *                        counts from when it was due
 *     lazy K             from now on the last K clients do not read (0: all do again)
 *     alone W SECONDS    how fast it reads and checks when another process does nothing but write to it
 *     quit
 *
 *     load PORTS PROTOCOL LINE_BYTES     PORTS: one, or several with commas: each client connects to the next of them.
 *                                        PROTOCOL: gchat, irc or ncat; rich: gchat, to which every client says that it is
 *                                        a terminal; typing: each of them has half a line typed besides; web: gchat over
 *                                        WebSockets, as a browser; relay: WebSockets, to which what one says goes to all
 *                                        as it stands, and which say the same JSON that gchat makes
 *
 * While it connects it polls and never sleeps: to wake a process that sleeps on another core costs the one who sends to
 * it 5 to 15 us on a virtual machine, the more often the slower the server, and that would be what is measured. While
 * people talk it sleeps when there is nothing to read, as readers do; the reference gains from that (with a reader that
 * never sleeps, Nagle's algorithm gathers nothing for it). Only ever connects to 127.0.0.1, from 127.0.0.2 and on.
 *
 * Compiled with -DTLS -lssl -lcrypto, every client speaks TLS (and takes any certificate).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef TLS
#include <openssl/ssl.h>
static SSL_CTX *context;
#endif

#include "websocket.h"

enum { MOST = 65536, PIECE = 1 << 18, TAIL = 8192, AT_ONCE = 256, PER_SOURCE = 500, CONNECT_SECONDS = 50 };
static const uint32_t READING = EPOLLIN | EPOLLRDHUP | EPOLLET;
enum stage { CONNECTING, LOGGING_IN, READY, CLOSED };

struct client {
    int fd;
    enum stage stage;
    int lazy;
    int upgraded; /* the rest is frames */
    int held;   /* bytes in tail */
    char *tail; /* what came after the last LF */
#ifdef TLS
    SSL *tls;
#endif
};

static struct client clients[MOST];
static int client_count, ready_count, closed_count, lazy_count;
static int ports[16], port_count;  /* each client connects to the next of them */
static int loop, line_bytes;
static enum { GCHAT, IRC, NCAT, BARE, WEB, RELAY } protocol;
static const char *terminal; /* what a client says when it has a name, to be taken for a terminal */

/* One round of talk. */
static int talkers, talking;         /* how many talk; whether new lines are still said */
static uint32_t *expected;           /* [client][talker]: the number of the next line */
static uint32_t *said, *heard_by;    /* [talker]: lines said; listeners that the last one has reached */
static uint64_t *said_at;            /* [talker]: when, in ns */
static int *free_talkers, free_count; /* who may say the next line that is due, when there is a rate */
static double rate;                  /* lines a second, 0: as many as can be */
static uint64_t deliveries, doubled, misordered, outstanding;
static uint64_t now;                 /* ns, when the piece being read came in */
static uint64_t idle_ns;             /* time spent waiting for events */

/* Latencies: a high dynamic range histogram, 64 buckets to each power of two. */
static uint64_t buckets[64 * 64], worst;

static uint64_t clock_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void record(uint64_t ns)
{
    int power = ns < 64 ? 0 : 63 - __builtin_clzll(ns) - 5;
    buckets[power ? power * 32 + (ns >> power) : ns]++;
    if (ns > worst)
        worst = ns;
}

static double percentile_ms(double share)
{
    uint64_t total = 0, seen = 0;
    for (size_t i = 0; i < sizeof buckets / sizeof *buckets; i++)
        total += buckets[i];
    for (size_t i = 0; i < sizeof buckets / sizeof *buckets; i++)
        if ((seen += buckets[i]) >= total * share && seen) {
            uint64_t power = i < 64 ? 0 : i / 32 - 1;
            return (power ? (i - power * 32 + 1) << power : i) / 1e6;
        }
    return 0;
}

#ifdef TLS
/* Shake hands; tell whether that is done. */
static int is_agreed(struct client *client)
{
    if (!client->tls) {
        client->tls = SSL_new(context);
        SSL_set_fd(client->tls, client->fd);
    }
    int result = SSL_connect(client->tls);
    if (result != 1 && SSL_get_error(client->tls, result) != SSL_ERROR_WANT_READ) {
        fprintf(stderr, "load: no TLS\n");
        exit(1);
    }
    return result == 1;
}

/* As recv: all that there is, and not only a record of it. */
static ssize_t receive(struct client *client, char *data, size_t size)
{
    size_t got = 0;
    int more = 1;
    while (got < size && (more = SSL_read(client->tls, data + got, size - got)) > 0)
        got += more;
    if (!got && SSL_get_error(client->tls, more) == SSL_ERROR_WANT_READ) {
        errno = EAGAIN;
        return -1;
    }
    return got;
}

static void transmit(struct client *client, const char *data, size_t size)
{
    if (SSL_write(client->tls, data, size) != (int)size)
        fprintf(stderr, "load: SSL_write failed\n");
}
#else
static int is_agreed(struct client *client)
{
    (void)client;
    return 1;
}

static ssize_t receive(struct client *client, char *data, size_t size)
{
    return recv(client->fd, data, size, 0);
}

static void transmit(struct client *client, const char *data, size_t size)
{
    if (send(client->fd, data, size, MSG_NOSIGNAL) != (ssize_t)size && errno != ECONNRESET && errno != EPIPE)
        perror("load: send");
}
#endif

static void transmit_frame(struct client *client, enum opcode opcode, const char *text, size_t size)
{
    char frame[8192];
    transmit(client, frame, masked_frame(frame, opcode, text, size));
}

static int framed(void)
{
    return protocol == WEB || protocol == RELAY;
}

static void say(int talker)
{
    char line[4096];
    int size = 0, before = 0;
    if (protocol == IRC)
        size = sprintf(line, "PRIVMSG #c :");
    else if (protocol == WEB)
        before = size = sprintf(line, "{\"do\":\"say\",\"room\":\"lobby\",\"text\":\"");
    else if (protocol == RELAY)
        before = size = sprintf(line, "{\"event\":\"said\",\"room\":\"lobby\",\"user\":4294967298,\"name\":\"c%05d\","
                                      "\"id\":%u,\"at\":1790000000000,\"text\":\"", talker, 10000 + said[talker]);
    size += sprintf(line + size, "=%05d=%09u=", talker, said[talker]);
    while (size < before + line_bytes - 2)
        line[size++] = 'x';
    size += sprintf(line + size, framed() ? "\"}" : "\r\n");
    said[talker]++;
    heard_by[talker] = 0;
    outstanding++;
    said_at[talker] = clock_ns();
    if (framed())
        transmit_frame(&clients[talker], TEXT, line, size);
    else
        transmit(&clients[talker], line, size);
}

static uint32_t number(const char *digits, int count)
{
    uint32_t value = 0;
    while (count--)
        value = value * 10 + (*digits++ - '0');
    return value;
}

static int begins(const char *line, const char *end, const char *text)
{
    size_t size = strlen(text);
    return (size_t)(end - line) >= size && !memcmp(line, text, size);
}

static void hear(struct client *client, const char *line, const char *end)
{
    const char *mark = *line == '[' ? NULL : memchr(line, '=', end - line); /* [: what was said before */
    if (!mark || end - mark < 17)
        return; /* a notice, a PING answered elsewhere */
    if (protocol == WEB && begins(line, end, "{\"answer\""))
        return; /* what was said before */
    uint32_t talker = number(mark + 1, 5), line_number = number(mark + 7, 9);
    if (talker >= (uint32_t)talkers || talker == (uint32_t)(client - clients))
        return; /* from before; or its own words, which a terminal is shown like others' */
    uint32_t *next = &expected[(client - clients) * talkers + talker];
    if (line_number < *next) {
        doubled++;
        return;
    }
    if (line_number > *next)
        misordered++;
    *next = line_number + 1;
    deliveries++;
    record(now - said_at[talker]);
    if (++heard_by[talker] == (uint32_t)(ready_count - lazy_count - 1)) {
        outstanding--;
        if (rate)
            free_talkers[free_count++] = talker;
        else if (talking)
            say(talker);
    }
}

static void log_in(struct client *client, const char *line, const char *end)
{
    int ready = 0;
    if (protocol == GCHAT) {
        ready = begins(line, end, "server: Your username is");
        if (ready && terminal)
            transmit(client, terminal, strlen(terminal));
    } else if (protocol == IRC) {
        if (memmem(line, end - line, " 001 ", 5))
            transmit(client, "JOIN #c\r\n", 9);
        ready = memmem(line, end - line, " 366 ", 5) != NULL;
    } else if (protocol == NCAT) {
        ready = 1; /* it is announced to itself */
    } else if (protocol == WEB) {
        char come[128];
        if (begins(line, end, "{\"answer\":\"hello\""))
            transmit_frame(client, TEXT, come,
                           sprintf(come, "{\"do\":\"come\",\"name\":\"c%05d\",\"label\":\"me\"}", (int)(client - clients)));
        ready = begins(line, end, "{\"event\":\"arrived\"") && memmem(line, end - line, "\"label\":\"me\"", 12);
    }
    if (ready) {
        client->stage = READY;
        ready_count++;
    }
}

static void connected(struct client *client)
{
    char hello[512];
    int id = client - clients, size = 0;
    client->stage = LOGGING_IN;
    if (protocol == GCHAT)
        size = sprintf(hello, "c%05d\r\n", id);
    else if (protocol == IRC)
        size = sprintf(hello, "NICK c%05d\r\nUSER u 0 * :x\r\n", id);
    else if (framed())
        size = sprintf(hello, HANDSHAKE, ports[id % port_count], ports[id % port_count]);
    else if (protocol == BARE) {
        client->stage = READY;
        ready_count++;
    }
    if (size)
        transmit(client, hello, size);
}

static void hang_up(struct client *client)
{
    if (client->stage == READY) {
        ready_count--;
        lazy_count -= client->lazy;
    }
    client->stage = CLOSED;
    closed_count++;
    close(client->fd);
}

/* Take the whole lines of what has come; tell where the rest begins. */
static const char *take_lines(struct client *client, const char *start, const char *end)
{
    const char *lf;
    while ((lf = memchr(start, '\n', end - start))) {
        if (protocol == IRC && begins(start, lf, "PING"))
            transmit(client, "PONG x\r\n", 8);
        else if (client->stage == READY)
            hear(client, start, lf);
        else
            log_in(client, start, lf);
        start = lf + 1;
    }
    return start;
}

/* The same with frames. */
static const char *take_frames(struct client *client, const char *start, const char *end)
{
    if (!client->upgraded) {
        long size = handshake_size(start, end);
        if (size < 0)
            hang_up(client);
        if (size <= 0)
            return start;
        client->upgraded = 1;
        start += size;
        if (protocol == RELAY) {
            client->stage = READY;
            ready_count++;
        }
    }
    const char *text, *next;
    for (; (next = open_frame(start, end, &text)); start = next) {
        if ((*start & 15) == PING)
            transmit_frame(client, PONG, text, next - text);
        else if (client->stage == READY)
            hear(client, text, next);
        else
            log_in(client, text, next);
    }
    return start;
}

/* Read one piece; tell whether there may be more (the events are edge-triggered: each is told once). */
static int take(struct client *client)
{
    static char data[TAIL + PIECE];
    memcpy(data, client->tail, client->held);
    ssize_t got = receive(client, data + client->held, PIECE);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            hang_up(client);
        return 0;
    }
    now = clock_ns();
    const char *end = data + client->held + got, *start = (framed() ? take_frames : take_lines)(client, data, end);
    client->held = end - start < TAIL ? end - start : 0;
    if (framed() && client->held < end - start) {
        fprintf(stderr, "load: a frame of more than %d bytes\n", TAIL);
        exit(1);
    }
    if (client->held) {
        if (!client->tail)
            client->tail = malloc(TAIL);
        memcpy(client->tail, start, client->held);
    }
    return got == PIECE;
}

static void wait_for_events(int milliseconds)
{
    struct epoll_event events[512];
    uint64_t start = clock_ns();
    int count = epoll_wait(loop, events, 512, milliseconds);
    idle_ns += clock_ns() - start;
    for (int i = 0; i < count; i++) {
        struct client *client = events[i].data.ptr;
        if (client->stage == CONNECTING) {
            epoll_ctl(loop, EPOLL_CTL_MOD, client->fd, &(struct epoll_event){.events = READING, .data.ptr = client});
            if (!is_agreed(client))
                continue;
            connected(client);
            while (client->stage != CLOSED && take(client))
                ;
        } else if (client->lazy) { /* it asks for no events: this is the server hanging up */
            hang_up(client);
        } else {
            while (client->stage != CLOSED && take(client))
                ;
        }
    }
}

static void open_one(void)
{
    struct client *client = &clients[client_count];
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons(ports[client_count % port_count])};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + client_count / PER_SOURCE);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    client->stage = CONNECTING;
    setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (client->fd < 0 || bind(client->fd, (struct sockaddr *)&from, sizeof from)
        || (connect(client->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)) {
        perror("load: connect");
        exit(1);
    }
    epoll_ctl(loop, EPOLL_CTL_ADD, client->fd, &(struct epoll_event){.events = EPOLLOUT, .data.ptr = client});
    client_count++;
}

static void do_connect(int wanted)
{
    int before = ready_count;
    uint64_t start = clock_ns();
    while (ready_count + closed_count < wanted && clock_ns() - start < CONNECT_SECONDS * 1000000000ull) {
        while (client_count < wanted && client_count - ready_count - closed_count < AT_ONCE)
            open_one();
        wait_for_events(0);
    }
    double seconds = (clock_ns() - start) / 1e9;
    printf("{\"ready\": %d, \"closed\": %d, \"seconds\": %.4f, \"per_second\": %.0f}\n", ready_count, closed_count,
           seconds, (ready_count - before) / seconds);
}

static void do_lazy(int count)
{
    lazy_count = 0;
    for (int i = 0; i < client_count; i++) {
        int lazy = i >= client_count - count;
        if (clients[i].stage == READY && lazy != clients[i].lazy)
            epoll_ctl(loop, EPOLL_CTL_MOD, clients[i].fd,
                      &(struct epoll_event){.events = lazy ? 0 : READING, .data.ptr = &clients[i]});
        clients[i].lazy = lazy;
        lazy_count += lazy && clients[i].stage == READY;
    }
    printf("{\"lazy\": %d}\n", lazy_count);
}

static void begin_round(int count)
{
    talkers = count;
    talking = 1;
    expected = calloc((size_t)client_count * talkers, sizeof *expected);
    said = calloc(talkers, sizeof *said);
    heard_by = calloc(talkers, sizeof *heard_by);
    said_at = calloc(talkers, sizeof *said_at);
    free_talkers = calloc(talkers, sizeof *free_talkers);
    free_count = 0;
    deliveries = doubled = misordered = outstanding = worst = 0;
    memset(buckets, 0, sizeof buckets);
}

static void end_round(void)
{
    talkers = 0;
    free(expected);
    free(said);
    free(heard_by);
    free(said_at);
    free(free_talkers);
}

/* Talk for so long; the first tenth is for warming up and counts only for what is lost or doubled. */
static void do_talk(int count, double seconds)
{
    begin_round(count);
    uint64_t start = clock_ns(), warm = start + seconds * 1e8, stop = warm + seconds * 9e8, counted = 0;
    uint64_t idle = 0;
    int counting = 0;
    uint64_t due = start;
    for (int talker = 0; talker < talkers; talker++) {
        if (rate)
            free_talkers[free_count++] = talker;
        else
            say(talker);
    }
    while (clock_ns() < stop) {
        while (rate && free_count && clock_ns() >= due) {
            int talker = free_talkers[--free_count];
            say(talker);
            said_at[talker] = due;
            due += 1e9 / rate;
        }
        wait_for_events(rate ? 1 : 100);
        if (!counting && clock_ns() >= warm) {
            counting = 1;
            idle = idle_ns;
            warm = clock_ns();
            counted = deliveries;
            worst = 0;
            memset(buckets, 0, sizeof buckets);
        }
    }
    double took = (clock_ns() - warm) / 1e9;
    double busy = 1 - (idle_ns - idle) / 1e9 / took;
    counted = deliveries - counted;
    double p50 = percentile_ms(.5), p99 = percentile_ms(.99), max = worst / 1e6;
    talking = 0;
    for (uint64_t patience = clock_ns() + 20000000000ull; outstanding && clock_ns() < patience;)
        wait_for_events(100);
    uint64_t lines = 0, missing = 0;
    for (int talker = 0; talker < talkers; talker++) {
        lines += said[talker];
        for (int i = 0; i < client_count; i++)
            if (i != talker && clients[i].stage == READY && !clients[i].lazy)
                missing += said[talker] - expected[(size_t)i * talkers + talker];
    }
    printf("{\"deliveries\": %lu, \"per_second\": %.0f, \"lines\": %lu, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
           "\"max_ms\": %.3f, \"lost\": %lu, \"doubled\": %lu, \"misordered\": %lu, \"closed\": %d, \"load_busy\": %.3f}\n",
           counted, counted / took, lines, p50, p99, max, missing, doubled, misordered, closed_count, busy);
    end_round();
}

/* Write W lines at a time to every client, for ever: the other process of do_alone. */
static void pour(const int *fds, int count, int width)
{
    char *block = malloc((size_t)width * (line_bytes + 16));
    for (uint32_t round = 0;; round++) {
        int size = 0;
        for (int talker = 0; talker < width; talker++) {
            int start = size + 9;
            size += sprintf(block + size, "c%05d : =%05d=%09u=", talker, talker, round);
            while (size < start + line_bytes - 2)
                block[size++] = 'x';
            size += sprintf(block + size, "\r\n");
        }
        for (int i = 0; i < count; i++)
            for (int sent = 0; sent < size;) {
                ssize_t more = send(fds[i], block + sent, size - sent, MSG_NOSIGNAL);
                if (more < 0)
                    exit(0);
                sent += more;
            }
    }
}

static void do_alone(int width, double seconds)
{
    enum { COUNT = 1000 };
    static int far[COUNT];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    bind(listener, (struct sockaddr *)&address, size);
    listen(listener, 16);
    getsockname(listener, (struct sockaddr *)&address, &size);
    ports[0] = ntohs(address.sin_port);
    protocol = BARE;
    while (client_count < COUNT) {
        open_one();
        far[client_count - 1] = accept(listener, NULL, NULL);
        setsockopt(far[client_count - 1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        wait_for_events(100);
    }
    begin_round(width);
    pid_t other = fork();
    if (!other) {
        cpu_set_t cores;
        CPU_ZERO(&cores);
        CPU_SET(0, &cores);
        sched_setaffinity(0, sizeof cores, &cores);
        pour(far, COUNT, width);
    }
    talking = 0;
    uint64_t start = clock_ns();
    idle_ns = 0;
    while (clock_ns() < start + seconds * 1e9)
        wait_for_events(100);
    double took = (clock_ns() - start) / 1e9;
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    printf("{\"per_second\": %.0f, \"doubled\": %lu, \"misordered\": %lu, \"load_busy\": %.3f}\n", deliveries / took,
           doubled, misordered, 1 - idle_ns / 1e9 / took);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: load PORTS gchat|irc|ncat|rich|typing|web|relay LINE_BYTES\n");
        return 2;
    }
    for (char *each = strtok(argv[1], ","); each && port_count < 16; each = strtok(NULL, ","))
        ports[port_count++] = atoi(each);
    static const char *names[] = {[IRC] = "irc", [NCAT] = "ncat", [WEB] = "web", [RELAY] = "relay"};
    for (size_t each = 0; each < sizeof names / sizeof *names; each++)
        if (names[each] && !strcmp(argv[2], names[each]))
            protocol = each; /* GCHAT is the first */
    line_bytes = atoi(argv[3]);
    /* WILL NAWS, WONT TTYPE, DO ECHO, DO SGA: the answers to what it is going to be asked. */
    if (!strcmp(argv[2], "rich"))
        terminal = "\xff\xfb\x1f\xff\xfc\x18\xff\xfd\x01\xff\xfd\x03";
    if (!strcmp(argv[2], "typing"))
        terminal = "\xff\xfb\x1f\xff\xfc\x18\xff\xfd\x01\xff\xfd\x03half a line of wo";
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
#ifdef TLS
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    signal(SIGPIPE, SIG_IGN);
#endif
    loop = epoll_create1(0);
    setvbuf(stdout, NULL, _IOLBF, 0);
    setvbuf(stdin, NULL, _IONBF, 0);
    /* Between orders the clients go on reading: whatever arrives is taken and checked as it comes. */
    static char orders[256];
    for (;;) {
        int number = 0;
        double seconds = 0;
        fd_set waiting;
        struct timeval soon = {.tv_usec = 10000};
        FD_ZERO(&waiting);
        FD_SET(0, &waiting);
        if (select(1, &waiting, NULL, NULL, &soon) == 0) {
            wait_for_events(0);
            continue;
        }
        if (!fgets(orders, sizeof orders, stdin))
            return 0;
        if (sscanf(orders, "connect %d", &number) == 1)
            do_connect(number);
        else if (rate = 0, sscanf(orders, "talk %d %lf %lf", &number, &seconds, &rate) >= 2)
            do_talk(number, seconds);
        else if (sscanf(orders, "lazy %d", &number) == 1)
            do_lazy(number);
        else if (sscanf(orders, "alone %d %lf", &number, &seconds) == 2)
            do_alone(number, seconds);
        else
            return 0;
    }
}
