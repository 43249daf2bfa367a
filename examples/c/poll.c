/*
 * Pings many hosts in a loop with poll(2). The first eight bytes of each ping are the token, which the host echoes.
 *
 *     cc poll.c $(pkg-config --cflags --libs allears) -o poll
 *     ./poll hosts                  a file with one host per line, such as 127.1.0.1:7
 *
 * The file is read only while there is room for more hosts. (A pipe would block the loop while it is empty: to read
 * from one, watch it with poll(2), too.)
 */
#include <allears.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static allears *a;
static volatile sig_atomic_t is_interrupted;

static void on_interrupt(int signal)
{
    (void)signal;
    is_interrupted = 1;
    allears_wake(a); /* Ends the current poll(2), or else the next one. */
}

static void check(int code)
{
    if (code < 0) {
        fprintf(stderr, "poll: %s\n", allears_last_error(a));
        allears_free(&a);
        exit(3);
    }
}

/* Adds as many hosts of the file as there is room for. Returns 0 at the end of the file. */
static int ask(FILE *hosts)
{
    char line[256];

    while (allears_room(a) > 0) {
        if (!fgets(line, sizeof line, hosts))
            return 0;
        line[strcspn(line, "\r\n")] = 0;
        if (*line && allears_ask_text(a, line, 0) != ALLEARS_OK)
            fprintf(stderr, "poll: %s\n", allears_last_error(a));
    }
    return 1;
}

/* Prints all results there are, and returns how many hosts answered. */
static int take_results(void)
{
    char name[ALLEARS_ADDRESS_SIZE];
    allears_result result;
    int answered = 0;

    while (allears_next(a, &result, sizeof result) == ALLEARS_OK) {
        allears_format_address(result.target, result.target_length, name, sizeof name);
        if (result.outcome == ALLEARS_ANSWERED)
            printf("%s answered after %.1f ms\n", name, (double)result.rtt_ns / 1e6);
        else
            printf("%s: %s\n", name, result.reason);
        answered += result.outcome == ALLEARS_ANSWERED;
    }
    return answered;
}

int main(int argc, char **argv)
{
    const char payload[] = "????????ping";
    int has_more = 1, answered = 0;
    struct pollfd fd;
    FILE *hosts;

    if (argc != 2 || !(hosts = fopen(argv[1], "r"))) {
        fprintf(stderr, "usage: poll FILE\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* Flush each line, also into a pipe. */
    check(allears_new(&a));
    check(allears_open_raw(a, payload, sizeof payload - 1, 0, 8));
    signal(SIGINT, on_interrupt);
    fd.fd = allears_fd(a);
    fd.events = POLLIN;
    while ((has_more = has_more && ask(hosts)) || allears_pending(a) > 0) {
        if (poll(&fd, 1, allears_wait_ms(a)) < 0 && errno != EINTR)
            break;
        if (is_interrupted) {
            has_more = 0;
            check(allears_stop(a)); /* Queries in flight may still be answered. */
            signal(SIGINT, SIG_DFL); /* The second Ctrl-C quits at once. */
        }
        check(allears_turn(a));
        answered += take_results();
    }
    signal(SIGINT, SIG_DFL); /* It must not be woken while it is freed. */
    allears_free(&a);
    fclose(hosts);
    return answered > 0 ? 0 : 1;
}
