/* The smallest game that mvdsv runs: entities and globals that it can write to, and no rules. The interface is that of its
 * g_public.h, version 16. */
#include <stdint.h>

/* What the server does for the game, and what it calls the game for. */
enum { PRECACHE_MODEL = 7, CVAR_SET = 22 };
enum { GAME_INIT = 0, GAME_LOAD_ENTITIES = 1 };

struct field {
    intptr_t name;
    int offset, type;
};

struct game_data {
    intptr_t entities;
    int entity_size;
    intptr_t globals, fields;
    int version, most_entities;
};

static intptr_t (*server)(intptr_t, ...);
/* Far larger than the structures of progdefs.h. */
static char entities[512][2048], globals[4096];
static struct field fields[1];

void dllEntry(intptr_t (*call)(intptr_t, ...))
{
    server = call;
}

intptr_t vmMain(int command)
{
    static struct game_data data;
    switch (command) {
    case GAME_INIT:
        /* Texts of entities are referred to, which a program of 64 bits must do. */
        server(CVAR_SET, "sv_pr2references", "1");
        data = (struct game_data){ (intptr_t)entities, sizeof entities[0], (intptr_t)globals, (intptr_t)fields, 16, 512 };
        return (intptr_t)&data;
    case GAME_LOAD_ENTITIES:
        /* The server looks it up when a map starts. */
        server(PRECACHE_MODEL, "progs/player.mdl");
        return 0;
    default:
        return 0;
    }
}
