/*
 * Finds a player: gets all Enemy Territory servers from masters, and queries each server for its players while
 * the lists still arrive.
 *
 *     cc players.c $(pkg-config --cflags --libs allears) -o players
 *     ./players NAME MASTER:PORT ...
 */
#define _GNU_SOURCE
#include <allears.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERVER, MASTER };

static void check(allears *a, int code)
{
    if (code < 0) {
        fprintf(stderr, "players: %s\n", allears_last_error(a));
        allears_free(&a);
        exit(3);
    }
}

static void ask_master(allears *a, const char *text)
{
    struct sockaddr_storage master;
    socklen_t length;

    if (allears_parse_address(text, 27950, &master, &length) == ALLEARS_OK)
        check(a, allears_ask_master(a, (struct sockaddr *)&master, length, MASTER));
    else
        fprintf(stderr, "players: `%s` is not an address\n", text);
}

/* Queries the servers that masters have listed, as many as there is room for. */
static void ask_servers(allears *a)
{
    struct sockaddr_storage server;
    socklen_t length;

    while (allears_room(a) > 0 && allears_next_server(a, &server, &length) == ALLEARS_OK)
        check(a, allears_ask(a, (struct sockaddr *)&server, length, SERVER));
}

/* Warns if a list is incomplete: a player may be on a server that is missing from it. */
static void check_master(allears *a, const allears_result *result)
{
    allears_list list = {0, 0, 0};

    if (allears_get_list(a, &list, sizeof list) != ALLEARS_OK || !list.is_complete)
        fprintf(stderr, "players: a master: %s\n", result->reason ? result->reason : "its list is incomplete");
}

/* Prints the players of one server whose names contain `wanted`, and returns their number. */
static int show_players(allears *a, const allears_result *result, const char *wanted)
{
    char address[ALLEARS_ADDRESS_SIZE];
    allears_player player;
    allears_status status;
    int found = 0;

    if (allears_get_status(a, &status, sizeof status) != ALLEARS_OK)
        return 0;
    allears_format_address(result->target, result->target_length, address, sizeof address);
    for (size_t i = 0; allears_get_player(a, i, &player, sizeof player) == ALLEARS_OK; i++) {
        if (strcasestr(player.name, wanted) && ++found)
            printf("%s plays %s on %s (%s), score %g, ping %d\n", player.name, status.map, address, status.name,
                   player.score, player.ping);
    }
    return found;
}

int main(int argc, char **argv)
{
    allears_result result;
    allears_ledger ledger;
    allears *a = NULL;
    int found = 0;

    if (argc < 3)
        return fputs("usage: players NAME MASTER:PORT ...\n", stderr), 2;
    check(a, allears_new(&a));
    check(a, allears_open_quake3(a, "et"));
    for (int i = 2; i < argc; i++)
        ask_master(a, argv[i]);
    while (allears_pending(a) > 0) {
        check(a, allears_run(a, -1));
        ask_servers(a);
        while (allears_next(a, &result, sizeof result) == ALLEARS_OK)
            if (result.tag == MASTER)
                check_master(a, &result);
            else
                found += show_players(a, &result, argv[1]);
    }
    check(a, allears_get_ledger(a, &ledger, sizeof ledger));
    fprintf(stderr, "%d found; %.0f answers, %.0f silent\n", found, (double)ledger.answered, (double)ledger.silent);
    allears_free(&a);
    return found > 0 ? 0 : 1;
}
