/*
 * Asks many hosts one thing, in a loop of its own with poll(2): a ping whose first eight bytes the host gives back.
 *
 *     cc poll.c $(pkg-config --cflags --libs allears) -o poll
 *     ./poll 127.1.0.1:7 127.1.0.2:7 ...        or a host a line on standard input
 */
#include <allears.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(allears *a, int code)
{
    if (code < 0) {
        fprintf(stderr, "poll: %s\n", allears_last_error(a));
        allears_free(&a);
        exit(3);
    }
}

/* The next host, from the arguments or from standard input; NULL = no more. */
static const char *next_host(char ***arguments, int from_stdin)
{
    static char line[128];

    if (!from_stdin)
        return **arguments ? *(*arguments)++ : NULL;
    if (!fgets(line, sizeof line, stdin))
        return NULL;
    line[strcspn(line, "\r\n")] = 0;
    return line;
}

/* Sleeps until there is something to hear, or a turn is due. */
static void wait_for(allears *a)
{
    struct pollfd fd = {.fd = allears_fd(a), .events = POLLIN};
    int64_t wait = allears_wait_ns(a);

    if (wait != 0 && poll(&fd, 1, wait == ALLEARS_FOREVER ? -1 : (int)((wait + 999999) / 1000000)) < 0 && errno != EINTR)
        perror("poll");
}

int main(int argc, char **argv)
{
    const char payload[] = "????????ping";
    int from_stdin = argc < 2, answered = 0;
    const char *host;
    char **arguments = argv + 1, name[ALLEARS_ADDRESS_SIZE];
    allears_result result;
    allears *a = NULL;

    check(a, allears_new(&a));
    check(a, allears_open_raw(a, payload, sizeof payload - 1, 0, 8));
    host = next_host(&arguments, from_stdin);
    while (host || allears_pending(a) > 0) {
        for (; host && allears_room(a) > 0; host = next_host(&arguments, from_stdin))
            if (allears_ask_text(a, host, 0) != ALLEARS_OK)
                fprintf(stderr, "poll: %s\n", allears_last_error(a));
        wait_for(a);
        check(a, allears_turn(a));
        while (allears_next(a, &result, sizeof result) == ALLEARS_OK) {
            allears_format_address(result.target, result.target_length, name, sizeof name);
            if (result.outcome == ALLEARS_ANSWERED)
                printf("%s answered after %.1f ms\n", name, (double)result.rtt_ns / 1e6);
            else
                printf("%s: %s\n", name, result.reason);
            answered += result.outcome == ALLEARS_ANSWERED;
        }
    }
    allears_free(&a);
    return answered > 0 ? 0 : 1;
}
