/* Exchanges datagrams with an echo host through the C library, as fast as possible, with `run` or with `poll`. Prints
 * the elapsed time and the CPU time in nanoseconds. */
#include <allears.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long long nanoseconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void check(allears *a, int code)
{
    if (code < 0) {
        fprintf(stderr, "%s\n", allears_last_error(a));
        exit(3);
    }
}

static void turn(allears *a, int by_poll)
{
    struct pollfd fd = {.fd = allears_fd(a), .events = POLLIN};
    int64_t wait;

    if (!by_poll) {
        check(a, allears_run(a, -1));
        return;
    }
    wait = allears_wait_ns(a);
    if (wait != 0)
        poll(&fd, 1, wait == ALLEARS_FOREVER ? -1 : (int)((wait + 999999) / 1000000));
    check(a, allears_turn(a));
}

int main(int argc, char **argv)
{
    int by_poll = argc > 5 && strcmp(argv[5], "poll") == 0;
    uint16_t port = (uint16_t)atoi(argv[1]);
    uint32_t hosts = (uint32_t)atoi(argv[2]), asked = 0, exchanges = (uint32_t)atoi(argv[3]), answered = 0;
    long long start = nanoseconds(CLOCK_MONOTONIC), cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    struct sockaddr_in host = {.sin_family = AF_INET, .sin_port = htons(port)};
    allears_result result;
    allears *a = NULL;

    check(a, allears_new(&a));
    check(a, allears_set_bind(a, "0.0.0.0"));
    check(a, allears_set_rate(a, 0));
    check(a, allears_set_host_rate(a, 0));
    check(a, allears_set_prefix_rate(a, 0));
    check(a, allears_set_host_gap_ns(a, 0));
    check(a, allears_set_window(a, (uint32_t)atoi(argv[4])));
    check(a, allears_set_timeout_ns(a, 1000000000));
    check(a, allears_open_raw(a, "????????", 8, 0, 8));
    while (asked < exchanges || allears_pending(a) > 0) {
        for (int64_t room = asked < exchanges ? allears_room(a) : 0; room > 0 && asked < exchanges; room--) {
            host.sin_addr.s_addr = htonl(0x7f010001 + asked % hosts);
            check(a, allears_ask(a, (struct sockaddr *)&host, sizeof host, asked++));
        }
        turn(a, by_poll);
        while (allears_next(a, &result, sizeof result) == ALLEARS_OK)
            answered += result.outcome == ALLEARS_ANSWERED;
    }
    if (answered != exchanges) {
        fprintf(stderr, "%u of %u were answered\n", answered, exchanges);
        return 1;
    }
    printf("%lld %lld\n", nanoseconds(CLOCK_MONOTONIC) - start, nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    allears_free(&a);
    return 0;
}
