/* Prints all fields of results, one per line, to compare them with the command line's results for the same hosts:
 *     fields quake3 MASTER
 *     fields snmp COMMUNITY NAME NAME HOST...       walks
 *     fields v1 COMMUNITY NAME NAME HOST...         gets
 *     fields v3 NAME NAME HOST...                   walks as the fleet's user u1
 *     fields raw HOST...                            a different payload for each host
 */
#undef NDEBUG
#include <allears.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *name_of(const struct sockaddr *address, socklen_t length)
{
    static char name[ALLEARS_ADDRESS_SIZE];

    assert(allears_format_address(address, length, name, sizeof name) == ALLEARS_OK);
    return name;
}

static void show_status(allears *a, const char *host)
{
    allears_status status;
    allears_player player;
    allears_list list;
    const char *key, *value, *same;
    size_t i;

    if (allears_get_list(a, &list, sizeof list) == ALLEARS_OK) {
        printf("list\t%u\t%d\n", list.listed, list.is_complete);
        return;
    }
    assert(allears_get_status(a, &status, sizeof status) == ALLEARS_OK);
    printf("%s\tstatus\t%s\t%s\t%s\t%u\t%d\t%d\n", host, status.name, status.map, status.game, status.players, status.bots,
           status.max_players);
    for (i = 0; allears_get_player(a, i, &player, sizeof player) == ALLEARS_OK; i++)
        printf("%s\tplayer\t%s\t%g\t%d\t%s\n", host, player.name, player.score, player.ping, player.team_name);
    assert(i == status.players && allears_get_player(a, i, &player, sizeof player) == ALLEARS_NONE);
    for (i = 0; allears_get_rule_at(a, i, &key, &value) == ALLEARS_OK; i++) {
        assert(allears_get_rule(a, key, &same) == ALLEARS_OK && strcmp(same, value) == 0);
        if (strcmp(key, "challenge") != 0)
            printf("%s\trule\t%s\t%s\n", host, key, value);
    }
    assert(allears_get_rule(a, "MAPNAME", &value) == ALLEARS_OK && strcmp(value, status.map) == 0);
    assert(allears_get_rule(a, "no such rule", &value) == ALLEARS_NONE);
}

static void show_answer(allears *a, const char *host)
{
    allears_answer answer;
    allears_varbind varbind;
    const char *oid, *error, *why, *refused[64][2];
    uint32_t count = 0;

    assert(allears_get_answer(a, &answer, sizeof answer) == ALLEARS_OK);
    why = answer.why_incomplete;
    assert(allears_get_answer(a, &answer, sizeof answer) == ALLEARS_OK && answer.why_incomplete == why);
    assert((answer.incomplete == ALLEARS_COMPLETE) == !why);
    for (; allears_next_varbind(a, &varbind, sizeof varbind) == ALLEARS_OK; count++) {
        printf("%s\t%s\t%d\t", host, varbind.oid, varbind.type);
        if (varbind.has_number && varbind.type == ALLEARS_SNMP_INTEGER)
            printf("%lld\t", (long long)(int64_t)varbind.number);
        else if (varbind.has_number)
            printf("%llu\t", (unsigned long long)varbind.number);
        else
            printf("%s\t", varbind.type == ALLEARS_SNMP_OCTET_STRING ? "" : varbind.text);
        if (varbind.type == ALLEARS_SNMP_OCTET_STRING && !memchr(varbind.bytes, 0, varbind.length))
            assert(strlen(varbind.text) == varbind.length && memcmp(varbind.text, varbind.bytes, varbind.length) == 0);
        for (size_t i = 0; varbind.type == ALLEARS_SNMP_OCTET_STRING && i < varbind.length; i++)
            printf("%02x", varbind.bytes[i]);
        printf("\t%s\n", varbind.odd ? varbind.odd : "");
    }
    assert(count == answer.varbinds);
    assert(allears_next_varbind(a, &varbind, sizeof varbind) == ALLEARS_NONE && answer.refused <= 64);
    for (count = 0; allears_get_refused(a, count, &oid, &error) == ALLEARS_OK; count++)
        refused[count][0] = oid, refused[count][1] = error;
    assert(count == answer.refused);
    for (count = 0; count < answer.refused; count++)
        printf("%s\t%s\trefused\t%s\n", host, refused[count][0], refused[count][1]);
    printf("%s\tend\t%s\n", host, why ? why : "complete");
}

int main(int argc, char **argv)
{
    int is_v1 = strcmp(argv[1], "v1") == 0, is_game = strcmp(argv[1], "quake3") == 0, is_raw = strcmp(argv[1], "raw") == 0;
    int first = is_game || is_raw ? 2 : strcmp(argv[1], "v3") == 0 ? 4 : 5;
    struct sockaddr_storage host;
    allears_result result;
    allears_ledger l;
    allears *a = NULL;
    socklen_t length;

    assert(allears_new(&a) == ALLEARS_OK);
    assert(is_raw ? allears_open_raw(a, NULL, 0, 0, 0) == ALLEARS_OK
                  : (is_game ? allears_open_quake3(a, "et") : allears_open_snmp(a)) == ALLEARS_OK);
    if (first == 5)
        assert(allears_snmp_community(a, is_v1 ? 1 : 2, argv[2], NULL) == ALLEARS_OK);
    if (first == 4)
        assert(allears_snmp_user(a, "u1", "SHA-256", "authpass123", "AES", "privpass123", NULL, NULL) == ALLEARS_OK);
    if (first >= 4)
        assert(allears_snmp_request(a, is_v1 ? ALLEARS_SNMP_GET : ALLEARS_SNMP_WALK, (const char *const *)argv + first - 2, 2, 0, 0, NULL) == ALLEARS_OK);
    for (int i = first; i < argc; i++) {
        assert(allears_parse_address(argv[i], 0, &host, &length) == ALLEARS_OK);
        if (is_game)
            assert(allears_ask_master(a, (struct sockaddr *)&host, length, 0) == ALLEARS_OK);
        else if (is_raw)
            assert(allears_ask_payload(a, (struct sockaddr *)&host, length, argv[i], strlen(argv[i]), (uint64_t)i) == ALLEARS_OK);
        else
            assert(allears_ask(a, (struct sockaddr *)&host, length, (uint64_t)i) == ALLEARS_OK);
    }
    while (allears_pending(a) > 0) {
        assert(allears_run(a, -1) == ALLEARS_OK);
        while (is_game && allears_next_server(a, &host, &length) == ALLEARS_OK)
            assert(allears_ask(a, (struct sockaddr *)&host, length, 7) == ALLEARS_OK);
        while (allears_next(a, &result, sizeof result) == ALLEARS_OK) {
            const char *name = name_of(result.target, result.target_length);
            assert(result.outcome == ALLEARS_ANSWERED && !result.reason && result.attempts > 0);
            assert(is_game || strcmp(name, argv[result.tag]) == 0);
            if (is_raw)
                printf("%s\t%.*s\n", name, (int)result.reply_length, (const char *)result.reply);
            else if (is_game)
                show_status(a, name);
            else
                show_answer(a, name);
        }
    }
    assert(allears_get_ledger(a, &l, sizeof l) == ALLEARS_OK);
    assert(l.queries == l.answered + l.silent + l.unreachable + l.send_failed + l.malformed + l.interrupted);
    assert(l.datagrams_received == l.replies + l.broken + l.late + l.duplicates + l.unmatched);
    assert(l.answered >= (uint64_t)(argc - first) && l.local_drops == 0 && l.receive_buffer > 0);
    assert(l.rtt_min_ns <= l.rtt_p50_ns && l.rtt_p50_ns <= l.rtt_p99_ns && l.rtt_p99_ns <= l.rtt_max_ns);
    return allears_free(&a);
}
