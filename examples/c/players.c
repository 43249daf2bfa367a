/*
 * Finds a player: asks the masters for all Enemy Territory servers, and every server, while the list still comes in,
 * who is on it.
 *
 *     cc players.c $(pkg-config --cflags --libs allears) -o players
 *     ./players NAME MASTER:PORT ...
 */
#define _GNU_SOURCE
#include <allears.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

    if (allears_parse_address(text, 27950, &master, &length) != ALLEARS_OK) {
        fprintf(stderr, "players: `%s` is no address\n", text);
        return;
    }
    check(a, allears_ask_master(a, (struct sockaddr *)&master, length, 0));
}

/* Asks the servers that masters have named, as there is room for them. */
static void ask_servers(allears *a)
{
    struct sockaddr_storage server;
    socklen_t length;

    while (allears_room(a) > 0 && allears_next_server(a, &server, &length) == ALLEARS_OK)
        check(a, allears_ask(a, (struct sockaddr *)&server, length, 0));
}

/* Shows the players of one server whose names contain `wanted`; how many they are. */
static int show_players(allears *a, const allears_result *result, const char *wanted)
{
    char address[ALLEARS_ADDRESS_SIZE];
    allears_player player;
    allears_status status;
    int found = 0;
    size_t i;

    if (allears_get_status(a, &status, sizeof status) != ALLEARS_OK)
        return 0; /* A master's list, or a server that did not answer. */
    allears_format_address(result->target, result->target_length, address, sizeof address);
    for (i = 0; allears_get_player(a, i, &player, sizeof player) == ALLEARS_OK; i++) {
        if (!strcasestr(player.name, wanted))
            continue;
        printf("%s plays %s on %s (%s), score %g, ping %d\n", player.name, status.map, address, status.name,
               player.score, player.ping);
        found++;
    }
    return found;
}

int main(int argc, char **argv)
{
    allears_result result;
    allears_ledger ledger;
    allears *a = NULL;
    int found = 0, i;

    if (argc < 3) {
        fprintf(stderr, "usage: players NAME MASTER:PORT ...\n");
        return 2;
    }
    check(a, allears_new(&a));
    check(a, allears_open_quake3(a, "et"));
    for (i = 2; i < argc; i++)
        ask_master(a, argv[i]);
    while (allears_pending(a) > 0) {
        check(a, allears_run(a, -1));
        ask_servers(a);
        while (allears_next(a, &result, sizeof result) == ALLEARS_OK)
            found += show_players(a, &result, argv[1]);
    }
    check(a, allears_get_ledger(a, &ledger, sizeof ledger));
    fprintf(stderr, "%d found; %llu answers, %llu silent\n", found, (unsigned long long)ledger.answered,
            (unsigned long long)ledger.silent);
    allears_free(&a);
    return found > 0 ? 0 : 1;
}
