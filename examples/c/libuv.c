/*
 * Pings many hosts within a libuv loop.
 *
 *     cc libuv.c $(pkg-config --cflags --libs allears libuv) -o libuv
 *     ./libuv 127.1.0.1:7 127.1.0.2:7 ...
 */
#include <allears.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

/* The state of one sweep. */
struct sweep {
    allears *a;
    uv_poll_t readable;
    uv_timer_t due;
    char **hosts;
    int answered;
};

static void turn(struct sweep *sweep);

static void on_readable(uv_poll_t *watcher, int status, int events)
{
    (void)status, (void)events;
    turn(watcher->data);
}

static void on_due(uv_timer_t *timer)
{
    turn(timer->data);
}

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "libuv: %s: %s\n", what, why);
    exit(3);
}

static void check_uv(int code)
{
    if (code < 0)
        fail("libuv", uv_strerror(code));
}

/* Adds as many hosts as there is room for. */
static void ask(struct sweep *sweep)
{
    for (; *sweep->hosts && allears_room(sweep->a) > 0; sweep->hosts++)
        if (allears_ask_text(sweep->a, *sweep->hosts, 0) != ALLEARS_OK)
            fprintf(stderr, "libuv: %s\n", allears_last_error(sweep->a));
}

static void take_results(struct sweep *sweep)
{
    char name[ALLEARS_ADDRESS_SIZE];
    allears_result result;

    while (allears_next(sweep->a, &result, sizeof result) == ALLEARS_OK) {
        allears_format_address(result.target, result.target_length, name, sizeof name);
        printf("%s: %s\n", name, result.reason ? result.reason : "answered");
        sweep->answered += result.outcome == ALLEARS_ANSWERED;
    }
}

/* Makes one turn, and schedules the next one. */
static void turn(struct sweep *sweep)
{
    int wait;

    if (allears_turn(sweep->a) != ALLEARS_OK)
        fail("turn", allears_last_error(sweep->a));
    take_results(sweep);
    ask(sweep);
    wait = allears_wait_ms(sweep->a);
    if (allears_pending(sweep->a) == 0 && !*sweep->hosts) {
        uv_close((uv_handle_t *)&sweep->readable, NULL);
        uv_close((uv_handle_t *)&sweep->due, NULL);
    } else if (wait < 0) {
        uv_timer_stop(&sweep->due);
    } else {
        uv_timer_start(&sweep->due, on_due, (uint64_t)wait, 0);
    }
}

int main(int argc, char **argv)
{
    const char payload[] = "????????ping";
    struct sweep sweep = {.hosts = argv + 1};
    uv_loop_t *loop = uv_default_loop();

    (void)argc;
    if (allears_new(&sweep.a) != ALLEARS_OK || allears_open_raw(sweep.a, payload, sizeof payload - 1, 0, 8) != ALLEARS_OK)
        fail("open", allears_last_error(sweep.a));
    check_uv(uv_poll_init(loop, &sweep.readable, allears_fd(sweep.a)));
    check_uv(uv_timer_init(loop, &sweep.due));
    sweep.readable.data = sweep.due.data = &sweep;
    check_uv(uv_poll_start(&sweep.readable, UV_READABLE, on_readable));
    turn(&sweep);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_loop_close(loop);
    allears_free(&sweep.a);
    return sweep.answered > 0 ? 0 : 1;
}
