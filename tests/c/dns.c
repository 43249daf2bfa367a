/* Queries name servers, and prints all fields of answers, one record per line, to compare them with the command's:
 *     dns WHEN SERVER,SERVER... NAME TYPE NAME TYPE...
 * WHEN is "auto", "only" or "never": when TCP is used. The server `dead` is one that never answers.
 */
#undef NDEBUG
#include <allears.h>
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static const char *const flags[] = {"qr", "aa", "tc", "rd", "ra", "ad", "cd"};
static const uint32_t bits[] = {ALLEARS_DNS_QR, ALLEARS_DNS_AA, ALLEARS_DNS_TC, ALLEARS_DNS_RD,
                                ALLEARS_DNS_RA, ALLEARS_DNS_AD, ALLEARS_DNS_CD};
static const char *const sections[] = {"answer", "authority", "additional"};
static uint16_t dead_port;
static int cookies;

/* Adds a server; `dead` is the address of a socket that is never read. */
static void add_server(allears *a, const char *text)
{
    struct sockaddr_in dead = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_storage server;
    socklen_t length = sizeof dead;

    if (strcmp(text, "dead") == 0) {
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        assert(fd >= 0 && bind(fd, (struct sockaddr *)&dead, length) == 0);
        assert(getsockname(fd, (struct sockaddr *)&dead, &length) == 0);
        dead_port = dead.sin_port;
        assert(allears_dns_server(a, (struct sockaddr *)&dead, length) == ALLEARS_OK);
    } else {
        assert(allears_parse_address(text, 53, &server, &length) == ALLEARS_OK);
        assert(allears_dns_server(a, (struct sockaddr *)&server, length) == ALLEARS_OK);
        assert(allears_dns_server(a, (struct sockaddr *)&server, length) == ALLEARS_OK && "it is known");
    }
}

static void check_record(const allears_result *result, const allears_dns_record *record)
{
    char address[INET6_ADDRSTRLEN];

    assert(record->bytes >= result->reply && record->bytes + record->length <= result->reply + result->reply_length);
    assert(record->record_class == 1 && record->name[strlen(record->name) - 1] == '.');
    assert((record->type == 1) == (strcmp(record->type_name, "A") == 0));
    if (record->type == 1) {
        assert(record->length == 4 && inet_ntop(AF_INET, record->bytes, address, sizeof address));
        assert(strcmp(record->text, address) == 0);
    }
    if (record->type == 28) {
        assert(record->length == 16 && inet_ntop(AF_INET6, record->bytes, address, sizeof address));
        assert(strcmp(record->text, address) == 0);
    }
}

/* Counts the answers with a server's cookie: eight bytes are ours, and at least eight the server's (RFC 7873). */
static void count_cookie(allears *a, const allears_result *result)
{
    const uint8_t *bytes = NULL;
    size_t length = 7;
    int code = allears_get_dns_edns(a, 10, &bytes, &length);

    if (code == ALLEARS_OK) {
        assert(bytes > result->reply && bytes + length <= result->reply + result->reply_length);
        cookies += length >= 16;
    } else {
        assert(code == ALLEARS_NONE && !bytes && length == 7 && "nothing is written");
    }
    assert(allears_get_dns_edns(a, 65001, &bytes, &length) == ALLEARS_NONE);
}

static void show(allears *a, const allears_result *result, const char *name, const char *type)
{
    allears_dns_answer answer;
    allears_dns_record record, first;
    size_t i;

    if (result->outcome != ALLEARS_ANSWERED) {
        assert(result->reason && !result->reply && result->reply_length == 0);
        assert(allears_get_dns_answer(a, &answer, sizeof answer) == ALLEARS_NONE);
        assert(allears_get_dns_record(a, 0, &record, sizeof record) == ALLEARS_NONE);
        printf("%s\t%s\t%s\n", name, type, result->reason);
        return;
    }
    assert(allears_get_dns_answer(a, &answer, sizeof answer) == ALLEARS_OK);
    assert(!result->reason && result->attempts > 0 && result->reply_length >= 12);
    assert(answer.flags == ((uint32_t)result->reply[2] << 8 | result->reply[3]));
    assert((answer.rcode & 15) == (result->reply[3] & 15));
    assert(((const struct sockaddr_in *)result->target)->sin_port != dead_port);
    count_cookie(a, result);
    printf("%s\t%s\t%s\t", name, type, answer.rcode_name);
    for (i = 0; i < sizeof bits / sizeof *bits; i++)
        if (answer.flags & bits[i])
            printf("%s ", flags[i]);
    printf("\t%d\n", answer.is_tcp);
    for (i = 0; allears_get_dns_record(a, i, &record, sizeof record) == ALLEARS_OK; i++) {
        check_record(result, &record);
        printf("%s\t%s\t%s\t%s\t%s\t%u\t%s\n", name, type, sections[record.section], record.name, record.type_name,
               record.ttl, record.text);
        assert(allears_get_dns_record(a, 0, &first, sizeof first) == ALLEARS_OK);
        assert(i > 0 || (first.name == record.name && first.text == record.text && "texts stay where they are"));
    }
    assert(i == answer.records && allears_get_dns_record(a, i, &record, sizeof record) == ALLEARS_NONE);
    assert(allears_get_dns_record(a, SIZE_MAX, &record, sizeof record) == ALLEARS_NONE);
}

int main(int argc, char **argv)
{
    int when = strcmp(argv[1], "only") == 0    ? ALLEARS_DNS_TCP_ONLY
               : strcmp(argv[1], "never") == 0 ? ALLEARS_DNS_TCP_NEVER
                                               : ALLEARS_DNS_TCP_AUTO;
    int has_dead = strstr(argv[2], "dead") != NULL;
    struct pollfd fd = {.events = POLLIN};
    allears_result result;
    allears_ledger l;
    allears *a = NULL;

    assert(allears_new(&a) == ALLEARS_OK && allears_set_dns_tcp(a, when) == ALLEARS_OK);
    assert(allears_set_rate(a, 0) == ALLEARS_OK && allears_set_prefix_rate(a, 0) == ALLEARS_OK);
    /* On a busy machine, no query is repeated. */
    if (!has_dead)
        assert(allears_set_timeout_ns(a, UINT64_C(60) * 1000000000) == ALLEARS_OK);
    assert(allears_open_dns(a) == ALLEARS_OK);
    for (char *server = strtok(argv[2], ","); server; server = strtok(NULL, ","))
        add_server(a, server);
    for (int i = 3; i + 1 < argc; i += 2)
        assert(allears_ask_dns(a, NULL, 0, argv[i], argv[i + 1], NULL, (uint64_t)i) == ALLEARS_OK);
    fd.fd = allears_fd(a);
    while (allears_pending(a) > 0) {
        assert(poll(&fd, 1, allears_wait_ms(a)) >= 0 && allears_turn(a) == ALLEARS_OK);
        while (allears_next(a, &result, sizeof result) == ALLEARS_OK)
            show(a, &result, argv[result.tag], argv[result.tag + 1]);
    }
    assert(allears_get_ledger(a, &l, sizeof l) == ALLEARS_OK);
    assert(l.queries == l.answered + l.silent + l.unreachable + l.send_failed + l.malformed + l.interrupted);
    assert(l.datagrams_received + l.stream_received == l.replies + l.broken + l.late + l.duplicates + l.unmatched);
    assert(!has_dead || l.answered_after_retry > 0);
    if (!has_dead)
        printf("ledger\t%llu\t%llu\n", (unsigned long long)l.stream_sent, (unsigned long long)l.stream_received);
    if (cookies > 0)
        printf("cookies\t%d\n", cookies);
    return allears_free(&a);
}
