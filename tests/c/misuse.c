/* Tests every error in the header, and its rules for forks and threads. */
#undef NDEBUG
#include <allears.h>
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static allears *opened(void)
{
    allears *a = NULL;

    assert(allears_new(&a) == ALLEARS_OK && a);
    assert(allears_set_bind(a, "127.0.0.1") == ALLEARS_OK);
    assert(allears_open_raw(a, "????????", 8, 0, 8) == ALLEARS_OK);
    return a;
}

/* Returns an address that does not answer: that of a socket that is never read. */
static struct sockaddr_in silent_host(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    assert(fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0);
    assert(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    return address;
}

static void null_is_an_error(void)
{
    allears *none = NULL;
    allears_result result;
    allears_ledger ledger;
    char text[ALLEARS_ADDRESS_SIZE];
    struct sockaddr_storage address;
    socklen_t length;
    const char *value;

    assert(allears_new(NULL) == ALLEARS_ERR_NULL);
    assert(allears_free(NULL) == ALLEARS_ERR_NULL);
    assert(allears_free(&none) == ALLEARS_OK);
    assert(allears_set_rate(NULL, 1) == ALLEARS_ERR_NULL);
    assert(allears_set_bind(NULL, "127.0.0.1") == ALLEARS_ERR_NULL);
    assert(allears_open_raw(NULL, "x", 1, 0, 0) == ALLEARS_ERR_NULL);
    assert(allears_ask(NULL, NULL, 0, 0) == ALLEARS_ERR_NULL);
    assert(allears_room(NULL) == ALLEARS_ERR_NULL);
    assert(allears_fd(NULL) == ALLEARS_ERR_NULL);
    assert(allears_wait_ns(NULL) == ALLEARS_ERR_NULL);
    assert(allears_turn(NULL) == ALLEARS_ERR_NULL);
    assert(allears_run(NULL, 0) == ALLEARS_ERR_NULL);
    assert(allears_wake(NULL) == ALLEARS_ERR_NULL);
    assert(allears_next(NULL, &result, sizeof result) == ALLEARS_ERR_NULL);
    assert(allears_get_ledger(NULL, &ledger, sizeof ledger) == ALLEARS_ERR_NULL);
    assert(allears_get_rule(NULL, "x", &value) == ALLEARS_ERR_NULL);
    assert(allears_parse_address(NULL, 1, &address, &length) == ALLEARS_ERR_NULL);
    assert(allears_parse_address("127.0.0.1", 1, NULL, &length) == ALLEARS_ERR_NULL);
    assert(allears_parse_address("127.0.0.1", 1, &address, NULL) == ALLEARS_ERR_NULL);
    assert(allears_format_address(NULL, 0, text, sizeof text) == ALLEARS_ERR_NULL);
    assert(strlen(allears_last_error(NULL)) > 0);

    allears *a = opened();
    assert(allears_set_bind(a, NULL) == ALLEARS_ERR_NULL);
    assert(allears_ask(a, NULL, sizeof(struct sockaddr_in), 0) == ALLEARS_ERR_NULL);
    assert(strcmp(allears_last_error(a), "address is NULL") == 0);
    assert(allears_ask_text(a, NULL, 0) == ALLEARS_ERR_NULL);
    assert(allears_next(a, NULL, sizeof result) == ALLEARS_ERR_NULL);
    assert(allears_get_ledger(a, NULL, sizeof ledger) == ALLEARS_ERR_NULL);
    assert(allears_free(&a) == ALLEARS_OK && !a);
    assert(allears_free(&a) == ALLEARS_OK);
    assert(allears_new(&a) == ALLEARS_OK);
    assert(allears_open_raw(a, NULL, 1, 0, 0) == ALLEARS_ERR_NULL);
    assert(allears_open_raw(a, NULL, 0, 0, 0) == ALLEARS_OK);
    allears_free(&a);
}

static void settings_have_ranges(void)
{
    allears *a = NULL;

    assert(allears_new(&a) == ALLEARS_OK);
    assert(allears_set_rate(a, -1) == ALLEARS_ERR_ARGUMENT);
    assert(strstr(allears_last_error(a), "rate must be from 0.01"));
    assert(allears_set_rate(a, 0.0 / 0.0) == ALLEARS_ERR_ARGUMENT);
    assert(allears_set_rate(a, 0) == ALLEARS_OK && allears_set_rate(a, 5000) == ALLEARS_OK);
    assert(allears_set_prefix_rate(a, 1e10) == ALLEARS_ERR_ARGUMENT);
    assert(allears_set_burst(a, 0) == ALLEARS_ERR_ARGUMENT);
    assert(allears_set_window(a, 0) == ALLEARS_OK);
    assert(allears_set_host_window(a, 0) == ALLEARS_OK && allears_set_host_window(a, 5) == ALLEARS_OK);
    assert(allears_set_tries(a, 0) == ALLEARS_ERR_ARGUMENT && allears_set_tries(a, 101) == ALLEARS_ERR_ARGUMENT);
    assert(allears_set_ring(a, 0) == ALLEARS_ERR_ARGUMENT && allears_set_ring(a, SIZE_MAX) == ALLEARS_ERR_ARGUMENT);
    assert(allears_set_ring(a, 1 << 24) == ALLEARS_OK);
    assert(allears_set_receive_buffer(a, 0) == ALLEARS_ERR_ARGUMENT);
    assert(allears_set_any_source(a, 2) == ALLEARS_ERR_ARGUMENT);
    assert(allears_set_bind(a, "somewhere") == ALLEARS_ERR_ARGUMENT);
    assert(allears_set_bind(a, "[::ffff:127.0.0.1]:0") == ALLEARS_OK && "that is an IPv4 address");
    assert(allears_set_bind(a, "\xff") == ALLEARS_ERR_ARGUMENT);
    assert(allears_open_raw(a, "1234", 4, 0, 9) == ALLEARS_ERR_ARGUMENT);
    assert(allears_open_raw(a, "1234", 4, 4, 1) == ALLEARS_ERR_ARGUMENT);
    assert(allears_open_raw(a, "1234", (size_t)-1, 0, 0) == ALLEARS_ERR_ARGUMENT);
    assert(allears_open_raw(a, "1234", 65508, 0, 0) == ALLEARS_ERR_ARGUMENT && "it is not even read");
    assert(allears_open_quake3(a, "chess") == ALLEARS_ERR_ARGUMENT);
    /* 192.0.2.0/24 is reserved for documentation (RFC 5737), so no machine has it. */
    assert(allears_set_bind(a, "192.0.2.1") == ALLEARS_OK);
    assert(allears_open_raw(a, "1234", 4, 0, 0) == ALLEARS_ERR_SYSTEM);
    assert(strstr(allears_last_error(a), "cannot bind 192.0.2.1"));
    assert(allears_set_bind(a, "127.0.0.1") == ALLEARS_OK);
    assert(allears_open_raw(a, "1234", 4, 0, 0) == ALLEARS_OK);
    allears_free(&a);
}

static void not_everything_can_be_done_at_any_time(void)
{
    allears *a = NULL;
    allears_result result;
    allears_status status;
    allears_answer answer;
    allears_dns_answer resolved;
    allears_dns_record record;

    assert(allears_new(&a) == ALLEARS_OK);
    assert(allears_room(a) == ALLEARS_ERR_STATE && allears_fd(a) == ALLEARS_ERR_STATE);
    assert(allears_turn(a) == ALLEARS_ERR_STATE && allears_wake(a) == ALLEARS_ERR_STATE);
    assert(allears_next(a, &result, sizeof result) == ALLEARS_ERR_STATE);
    assert(allears_ask_text(a, "127.0.0.1:9", 0) == ALLEARS_ERR_STATE);
    allears_free(&a);

    a = opened();
    assert(allears_set_rate(a, 1) == ALLEARS_ERR_STATE);
    assert(allears_open_snmp(a) == ALLEARS_ERR_STATE);
    assert(allears_next(a, &result, sizeof result) == ALLEARS_NONE);
    assert(allears_get_status(a, &status, sizeof status) == ALLEARS_ERR_STATE);
    assert(allears_snmp_community(a, 2, "public", NULL) == ALLEARS_ERR_PROTOCOL);
    assert(allears_ask_dns(a, NULL, 0, "x.test", "A", NULL, 0) == ALLEARS_ERR_PROTOCOL);
    assert(allears_ask_text(a, "127.0.0.1", 0) == ALLEARS_ERR_ARGUMENT);
    assert(allears_ask_text(a, "localhost:9", 0) == ALLEARS_ERR_ARGUMENT);
    assert(allears_ask_text(a, "127.0.0.1:9", 7) == ALLEARS_OK && allears_pending(a) == 1);
    assert(allears_stop(a) == ALLEARS_OK && allears_pending(a) == 0);
    assert(allears_ask_text(a, "127.0.0.1:9", 0) == ALLEARS_ERR_STATE);
    assert(allears_wait_ns(a) == 0 && allears_wait_ms(a) == 0 && allears_run(a, -1) == ALLEARS_OK);
    assert(allears_next(a, &result, sizeof result - 1) == ALLEARS_ERR_SIZE);
    assert(allears_next(a, &result, sizeof result) == ALLEARS_OK && "an error takes no result");
    assert(allears_wait_ns(a) == ALLEARS_FOREVER && allears_wait_ms(a) == -1);
    assert(allears_run(a, -1) == ALLEARS_ERR_STATE && "stopped, and all conversations have ended");
    assert(result.outcome == ALLEARS_INTERRUPTED && result.tag == 7 && result.reason);
    assert(result.rtt_ns == -1 && !result.reply && !result.foreign_source);
    assert(result.system_error == 0 && result.icmp_type == -1 && result.icmp_code == -1);
    assert(allears_get_status(a, &status, sizeof status) == ALLEARS_ERR_PROTOCOL);
    assert(allears_get_answer(a, &answer, sizeof answer) == ALLEARS_ERR_PROTOCOL);
    assert(allears_get_dns_answer(a, &resolved, sizeof resolved) == ALLEARS_ERR_PROTOCOL);
    assert(allears_get_dns_record(a, 0, &record, sizeof record) == ALLEARS_ERR_PROTOCOL);
    allears_free(&a);
}

static void structures_may_have_other_sizes(void)
{
    struct {
        allears_ledger ledger;
        uint64_t later[4];
    } newer;
    const size_t first_size = offsetof(allears_ledger, stream_sent);
    allears *a = opened();

    memset(&newer, 0xff, sizeof newer);
    assert(allears_get_ledger(a, &newer.ledger, first_size - 1) == ALLEARS_ERR_SIZE);
    assert(newer.ledger.queries == UINT64_MAX && "nothing is written on failure");
    assert(allears_get_ledger(a, &newer.ledger, 0) == ALLEARS_ERR_SIZE);
    assert(allears_get_ledger(a, &newer.ledger, first_size) == ALLEARS_OK && newer.ledger.queries == 0);
    assert(newer.ledger.stream_sent == UINT64_MAX && "the program does not know this field");
    assert(allears_get_ledger(a, &newer.ledger, sizeof newer) == ALLEARS_OK && newer.ledger.stream_sent == 0);
    assert(newer.ledger.queries == 0 && newer.later[0] == 0 && newer.later[3] == 0);
    allears_free(&a);
}

static void addresses_are_checked(void)
{
    allears *a = opened();
    struct sockaddr_in host = silent_host();
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = host.sin_port};
    struct sockaddr_storage address;
    socklen_t length;
    char text[ALLEARS_ADDRESS_SIZE];
    allears_result result;

    assert(allears_ask(a, (struct sockaddr *)&host, sizeof host - 1, 0) == ALLEARS_ERR_ARGUMENT);
    assert(allears_ask(a, (struct sockaddr *)&host, 0, 0) == ALLEARS_ERR_ARGUMENT);
    assert(allears_ask(a, (struct sockaddr *)&mapped, sizeof host, 0) == ALLEARS_ERR_ARGUMENT);
    host.sin_family = AF_UNIX;
    assert(allears_ask(a, (struct sockaddr *)&host, sizeof host, 0) == ALLEARS_ERR_ARGUMENT);
    host.sin_family = AF_INET;
    host.sin_port = 0;
    assert(allears_ask(a, (struct sockaddr *)&host, sizeof host, 0) == ALLEARS_ERR_ARGUMENT);
    assert(inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr) == 1);
    assert(allears_ask(a, (struct sockaddr *)&mapped, sizeof mapped, 0) == ALLEARS_OK);
    assert(allears_ask_payload(a, (struct sockaddr *)&mapped, sizeof mapped, "short", 5, 0) == ALLEARS_ERR_ARGUMENT);
    assert(allears_abort(a) == ALLEARS_OK && allears_next(a, &result, sizeof result) == ALLEARS_OK);
    assert(result.target->sa_family == AF_INET && "an IPv4 address in IPv6 notation is treated as IPv4");

    assert(allears_parse_address("[::1]:161", 0, &address, &length) == ALLEARS_OK);
    assert(length == sizeof(struct sockaddr_in6) && address.ss_family == AF_INET6);
    assert(allears_format_address((struct sockaddr *)&address, length, text, sizeof text) == ALLEARS_OK);
    assert(strcmp(text, "[::1]:161") == 0);
    assert(allears_format_address((struct sockaddr *)&address, length, text, 9) == ALLEARS_ERR_ARGUMENT);
    host.sin_port = 0;
    assert(allears_format_address((struct sockaddr *)&host, sizeof host, text, sizeof text) == ALLEARS_OK);
    assert(strcmp(text, "127.0.0.1:0") == 0 && "any source is accepted");
    assert(allears_parse_address("127.0.0.1", 0, &address, &length) == ALLEARS_ERR_ARGUMENT);
    assert(allears_parse_address("127.0.0.1", 161, &address, &length) == ALLEARS_OK);
    assert(allears_parse_address("127.0.0.1:99999", 1, &address, &length) == ALLEARS_ERR_ARGUMENT);
    allears_free(&a);
}

static void the_ring_gets_full(void)
{
    allears *a = NULL;

    assert(allears_new(&a) == ALLEARS_OK && allears_set_ring(a, 2) == ALLEARS_OK);
    assert(allears_open_raw(a, "x", 1, 0, 0) == ALLEARS_OK && allears_room(a) == 2);
    assert(allears_ask_text(a, "127.0.0.1:9", 0) == ALLEARS_OK);
    assert(allears_ask_text(a, "127.0.0.1:9", 0) == ALLEARS_OK);
    assert(allears_room(a) == 0 && allears_ask_text(a, "127.0.0.1:9", 0) == ALLEARS_ERR_FULL);
    assert(allears_free(&a) == ALLEARS_OK && "while busy");
}

static void snmp_is_asked_right(void)
{
    const char *names[] = {"sysName.0", "1.3.6.1.2.1.1.1.0"}, *wrong[] = {"sysNam.0"}, *none[] = {NULL};
    allears *a = NULL;
    uint32_t number = 77;

    assert(allears_new(&a) == ALLEARS_OK && allears_open_snmp(a) == ALLEARS_OK);
    assert(allears_ask_text(a, "127.0.0.1:9", 0) == ALLEARS_ERR_ARGUMENT && "no credentials yet");
    assert(allears_snmp_community(a, 3, "public", &number) == ALLEARS_ERR_ARGUMENT && number == 77);
    assert(allears_snmp_community(a, 2, NULL, &number) == ALLEARS_ERR_NULL && number == 77);
    assert(allears_snmp_community(a, 2, "public", &number) == ALLEARS_OK && number == 0);
    assert(allears_snmp_user(a, "u", "MD4", "12345678", NULL, NULL, NULL, &number) == ALLEARS_ERR_ARGUMENT);
    assert(allears_snmp_user(a, "u", "MD5", "1234567", NULL, NULL, NULL, &number) == ALLEARS_ERR_ARGUMENT);
    assert(allears_snmp_user(a, "u", "MD5", NULL, NULL, NULL, NULL, &number) == ALLEARS_ERR_ARGUMENT);
    assert(allears_snmp_user(a, "u", NULL, NULL, "AES", "12345678", NULL, &number) == ALLEARS_ERR_ARGUMENT);
    assert(allears_snmp_user(a, NULL, NULL, NULL, NULL, NULL, NULL, &number) == ALLEARS_ERR_NULL && number == 0);
    assert(allears_snmp_user(a, "u", "SHA-256", "12345678", "AES", "12345678", "ctx", &number) == ALLEARS_OK);
    assert(number == 1);
    assert(allears_snmp_request(a, 9, names, 2, 0, 0, &number) == ALLEARS_ERR_ARGUMENT);
    assert(allears_snmp_request(a, ALLEARS_SNMP_GET, names, 0, 0, 0, &number) == ALLEARS_ERR_ARGUMENT);
    assert(allears_snmp_request(a, ALLEARS_SNMP_GET, names, 2, 5, 0, &number) == ALLEARS_ERR_ARGUMENT);
    assert(allears_snmp_request(a, ALLEARS_SNMP_GET, wrong, 1, 0, 0, &number) == ALLEARS_ERR_ARGUMENT);
    assert(strstr(allears_last_error(a), "did you mean sysName"));
    assert(allears_snmp_request(a, ALLEARS_SNMP_GET, none, 1, 0, 0, &number) == ALLEARS_ERR_NULL);
    assert(allears_snmp_request(a, ALLEARS_SNMP_GET, NULL, 1, 0, 0, &number) == ALLEARS_ERR_NULL && number == 1);
    assert(allears_snmp_request(a, ALLEARS_SNMP_GET, names, 2, 0, 0, &number) == ALLEARS_OK && number == 0);
    assert(allears_ask_text(a, "127.0.0.1:9", 0) == ALLEARS_OK);
    allears_free(&a);
}

static void dns_settings_have_ranges(void)
{
    const uint16_t rcodes[] = {2, 5};
    allears *a = NULL;

    assert(allears_set_dns_option(NULL, ALLEARS_DNS_NSID, 1) == ALLEARS_ERR_NULL);
    assert(allears_open_dns(NULL) == ALLEARS_ERR_NULL);
    assert(allears_new(&a) == ALLEARS_OK);
    for (int option = ALLEARS_DNS_RECURSION; option <= ALLEARS_DNS_STICKY; option++)
        assert(allears_set_dns_option(a, option, 1) == ALLEARS_OK);
    assert(allears_set_dns_option(a, ALLEARS_DNS_STICKY + 1, 1) == ALLEARS_ERR_ARGUMENT);
    assert(allears_set_dns_option(a, -1, 1) == ALLEARS_ERR_ARGUMENT);
    assert(allears_set_dns_option(a, ALLEARS_DNS_NSID, 2) == ALLEARS_ERR_ARGUMENT);
    assert(allears_set_dns_edns(a, 511) == ALLEARS_ERR_ARGUMENT && allears_set_dns_edns(a, 512) == ALLEARS_OK);
    assert(allears_set_dns_edns(a, 4097) == ALLEARS_ERR_ARGUMENT && allears_set_dns_edns(a, 65536) == ALLEARS_ERR_ARGUMENT);
    assert(allears_set_dns_tcp(a, 3) == ALLEARS_ERR_ARGUMENT && allears_set_dns_tcp(a, ALLEARS_DNS_TCP_NEVER) == ALLEARS_OK);
    assert(allears_set_dns_retry_on(a, NULL, 1) == ALLEARS_ERR_NULL);
    assert(allears_set_dns_retry_on(a, rcodes, 4097) == ALLEARS_ERR_ARGUMENT && "they are not even read");
    assert(allears_set_dns_retry_on(a, NULL, 0) == ALLEARS_OK && allears_set_dns_retry_on(a, rcodes, 2) == ALLEARS_OK);
    assert(allears_set_dns_edns(a, 0) == ALLEARS_OK && allears_open_dns(a) == ALLEARS_ERR_ARGUMENT);
    assert(strstr(allears_last_error(a), "need EDNS"));
    assert(allears_set_dns_option(a, ALLEARS_DNS_DNSSEC, 0) == ALLEARS_OK);
    assert(allears_set_dns_option(a, ALLEARS_DNS_NSID, 0) == ALLEARS_OK && allears_open_dns(a) == ALLEARS_OK);
    assert(allears_set_dns_tcp(a, ALLEARS_DNS_TCP_AUTO) == ALLEARS_ERR_STATE && allears_open_dns(a) == ALLEARS_ERR_STATE);
    allears_free(&a);
}

static void dns_questions_have_rules(void)
{
    struct sockaddr_in host = silent_host(), portless = host;
    const struct sockaddr *server = (struct sockaddr *)&host;
    allears_dns_record record;
    allears_dns_answer answer;
    allears_status status;
    allears_result result;
    allears *a = opened();
    const uint8_t *bytes;
    char name[300];
    size_t length;

    assert(allears_dns_server(a, server, sizeof host) == ALLEARS_ERR_PROTOCOL);
    allears_free(&a);
    assert(allears_new(&a) == ALLEARS_OK);
    assert(allears_dns_server(a, server, sizeof host) == ALLEARS_ERR_STATE);
    assert(allears_ask_dns(a, server, sizeof host, "x.test", "A", NULL, 0) == ALLEARS_ERR_STATE);
    assert(allears_open_dns(a) == ALLEARS_OK);
    assert(allears_ask_dns(a, NULL, 0, "x.test", "A", NULL, 0) == ALLEARS_ERR_ARGUMENT && "no server yet");
    assert(allears_dns_server(a, NULL, 0) == ALLEARS_ERR_NULL);
    assert(allears_dns_server(a, server, 3) == ALLEARS_ERR_ARGUMENT);
    portless.sin_port = 0;
    assert(allears_dns_server(a, (struct sockaddr *)&portless, sizeof portless) == ALLEARS_ERR_ARGUMENT);
    assert(allears_dns_server(a, server, sizeof host) == ALLEARS_OK);
    assert(allears_ask_dns(a, NULL, 0, NULL, "A", NULL, 0) == ALLEARS_ERR_NULL);
    assert(allears_ask_dns(a, NULL, 0, "x.test", NULL, NULL, 0) == ALLEARS_ERR_NULL);
    assert(allears_ask_dns(a, NULL, 0, "x.test", "NOPE", NULL, 0) == ALLEARS_ERR_ARGUMENT);
    assert(strstr(allears_last_error(a), "`NOPE`"));
    assert(allears_ask_dns(a, NULL, 0, "x.test", "A", "NOPE", 0) == ALLEARS_ERR_ARGUMENT);
    assert(allears_ask_dns(a, NULL, 0, "x..test", "A", NULL, 0) == ALLEARS_ERR_ARGUMENT);
    assert(strcmp(allears_last_error(a), "`x..test`: a label is empty") == 0);
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    assert(allears_ask_dns(a, NULL, 0, name, "A", NULL, 0) == ALLEARS_ERR_ARGUMENT && "a label of 299 bytes");
    assert(allears_ask_dns(a, NULL, 0, "", "A", NULL, 0) == ALLEARS_ERR_ARGUMENT);
    assert(allears_ask_dns(a, NULL, 0, "b\303\274cher.test", "A", NULL, 0) == ALLEARS_ERR_ARGUMENT);
    assert(allears_ask_dns(a, server, 3, "x.test", "A", NULL, 0) == ALLEARS_ERR_ARGUMENT);
    assert(allears_ask(a, server, sizeof host, 0) == ALLEARS_ERR_PROTOCOL);
    assert(allears_ask_text(a, "127.0.0.1", 0) == ALLEARS_ERR_PROTOCOL);
    assert(allears_get_dns_answer(a, &answer, sizeof answer) == ALLEARS_ERR_STATE && allears_pending(a) == 0);

    assert(allears_ask_dns(a, NULL, 0, ".", "ns", "in", 1) == ALLEARS_OK);
    assert(allears_ask_dns(a, server, sizeof host, "id.server.", "TYPE16", "CH", 2) == ALLEARS_OK);
    assert(allears_abort(a) == ALLEARS_OK && allears_next(a, &result, sizeof result) == ALLEARS_OK);
    assert(result.outcome == ALLEARS_INTERRUPTED && !result.reply && result.reply_length == 0);
    assert(((const struct sockaddr_in *)result.target)->sin_port == host.sin_port);
    assert(allears_get_dns_answer(a, &answer, sizeof answer - 1) == ALLEARS_ERR_SIZE);
    assert(allears_get_dns_record(a, 0, &record, sizeof record - 1) == ALLEARS_ERR_SIZE);
    assert(allears_get_dns_answer(a, NULL, sizeof answer) == ALLEARS_ERR_NULL);
    assert(allears_get_dns_answer(a, &answer, sizeof answer) == ALLEARS_NONE);
    assert(allears_get_dns_record(a, 0, &record, sizeof record) == ALLEARS_NONE);
    assert(allears_get_dns_edns(a, 3, &bytes, &length) == ALLEARS_NONE);
    assert(allears_get_dns_edns(a, 3, NULL, &length) == ALLEARS_ERR_NULL);
    assert(allears_get_dns_edns(a, 3, &bytes, NULL) == ALLEARS_ERR_NULL);
    assert(allears_get_status(a, &status, sizeof status) == ALLEARS_ERR_PROTOCOL);
    assert(allears_ask_dns(a, NULL, 0, "x.test", "A", NULL, 0) == ALLEARS_ERR_STATE && "stopped");
    allears_free(&a);
}

static void a_child_can_only_free(void)
{
    struct sockaddr_in host = silent_host();
    allears *a = opened(), *own;
    int status;
    pid_t child;

    assert(allears_ask(a, (struct sockaddr *)&host, sizeof host, 0) == ALLEARS_OK);
    child = fork();
    if (child == 0) {
        assert(allears_turn(a) == ALLEARS_ERR_FORKED && allears_pending(a) == ALLEARS_ERR_FORKED);
        assert(allears_wake(a) == ALLEARS_ERR_FORKED && strlen(allears_last_error(a)) > 0);
        assert(allears_free(&a) == ALLEARS_OK && !a);
        own = opened();
        assert(allears_turn(own) == ALLEARS_OK && allears_free(&own) == ALLEARS_OK);
        _exit(0);
    }
    assert(child > 0 && waitpid(child, &status, 0) == child);
    assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert(allears_turn(a) == ALLEARS_OK && allears_pending(a) == 1 && "the parent is not affected");
    allears_free(&a);
}

static void *run(void *handle)
{
    assert(allears_run(handle, -1) == ALLEARS_NONE && "woken");
    return NULL;
}

/* It makes a turn even if it must not sleep. */
static void run_makes_a_turn_in_any_case(void)
{
    struct sockaddr_in host = silent_host();
    allears_ledger ledger;
    allears_result result;
    allears *a = NULL;

    assert(allears_new(&a) == ALLEARS_OK && allears_set_timeout_ns(a, 1000000) == ALLEARS_OK);
    assert(allears_set_tries(a, 1) == ALLEARS_OK && allears_open_raw(a, "????????", 8, 0, 8) == ALLEARS_OK);
    assert(allears_ask(a, (struct sockaddr *)&host, sizeof host, 0) == ALLEARS_OK);
    while (allears_run(a, 0) == ALLEARS_NONE || allears_next(a, &result, sizeof result) == ALLEARS_NONE)
        ;
    assert(result.outcome == ALLEARS_SILENT && result.attempts == 1);
    assert(allears_ask(a, (struct sockaddr *)&host, sizeof host, 0) == ALLEARS_OK);
    while (allears_wake(a) == ALLEARS_OK && allears_run(a, -1) >= 0)
        if (allears_next(a, &result, sizeof result) == ALLEARS_OK)
            break;
    assert(allears_get_ledger(a, &ledger, sizeof ledger) == ALLEARS_OK && ledger.silent == 2);
    assert(allears_turn(a) == ALLEARS_OK && "that consumes the remaining wake-up");

    /* A wake is reported even after another reason to return. */
    assert(allears_ask(a, (struct sockaddr *)&host, sizeof host, 0) == ALLEARS_OK && allears_wake(a) == ALLEARS_OK);
    while (allears_next(a, &result, sizeof result) == ALLEARS_NONE)
        assert(allears_turn(a) == ALLEARS_OK);
    assert(allears_wake(a) == ALLEARS_OK && allears_run(a, -1) == ALLEARS_OK && "nothing is open");
    assert(allears_wait_ms(a) == 0 && allears_turn(a) == ALLEARS_OK && allears_wait_ms(a) == -1);

    /* It continues although no results are taken. */
    for (int i = 0; i < 3; i++)
        assert(allears_ask(a, (struct sockaddr *)&host, sizeof host, 0) == ALLEARS_OK);
    while (allears_pending(a) > 0)
        assert(allears_run(a, -1) == ALLEARS_OK);
    for (int i = 0; i < 3; i++)
        assert(allears_next(a, &result, sizeof result) == ALLEARS_OK);
    assert(allears_run(a, -1) == ALLEARS_OK && "nothing is open");
    allears_free(&a);
}

static atomic_int is_over;

static void *turn_until_it_is_over(void *handle)
{
    while (!is_over)
        assert(allears_turn(handle) == ALLEARS_OK);
    return NULL;
}

/* A thread within a call at the time of the fork does not exist in the child, where the call stays unfinished. */
static void a_fork_in_the_middle_of_a_call_is_survived(void)
{
    struct sockaddr_in host = silent_host();
    allears *a = opened();
    pthread_t thread;
    int status;

    for (int i = 0; i < 500; i++)
        assert(allears_ask(a, (struct sockaddr *)&host, sizeof host, 0) == ALLEARS_OK);
    assert(pthread_create(&thread, NULL, turn_until_it_is_over, a) == 0);
    for (int i = 0; i < 50; i++) {
        pid_t child = fork();
        if (child == 0) {
            assert(allears_free(&a) == ALLEARS_OK && !a);
            _exit(0);
        }
        assert(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    assert(allears_pending(a) > 0 && "calls of two threads wait for each other");
    is_over = 1;
    assert(pthread_join(thread, NULL) == 0 && allears_free(&a) == ALLEARS_OK);
}

static void another_thread_is_kept_out_and_can_wake(void)
{
    struct sockaddr_in host = silent_host();
    allears *a = NULL;
    pthread_t thread;

    assert(allears_new(&a) == ALLEARS_OK && allears_set_timeout_ns(a, UINT64_C(3600) * 1000000000) == ALLEARS_OK);
    assert(allears_set_ring(a, 1) == ALLEARS_OK && allears_open_raw(a, "????????", 8, 0, 8) == ALLEARS_OK);
    assert(allears_ask(a, (struct sockaddr *)&host, sizeof host, 0) == ALLEARS_OK);
    /* Wait until it is sent, so that nothing is left to do. */
    while (allears_room(a) == 0)
        assert(allears_turn(a) == ALLEARS_OK);
    assert(allears_run(a, 1000) == ALLEARS_NONE && "the timeout has passed");
    assert(pthread_create(&thread, NULL, run, a) == 0);
    while (allears_pending(a) != ALLEARS_ERR_BUSY)
        ;
    assert(allears_free(&a) == ALLEARS_ERR_BUSY && a && "it is not freed");
    assert(allears_wake(a) == ALLEARS_OK);
    assert(pthread_join(thread, NULL) == 0);
    assert(allears_pending(a) == 1);
    assert(allears_free(&a) == ALLEARS_OK);
}

static void *sweep(void *argument)
{
    allears_result result;
    allears *a = opened();
    int interrupted = 0;

    (void)argument;
    for (int i = 0; i < 100; i++)
        assert(allears_ask_text(a, "127.0.0.1:9", (uint64_t)i) == ALLEARS_OK);
    assert(allears_turn(a) == ALLEARS_OK && allears_abort(a) == ALLEARS_OK);
    while (allears_next(a, &result, sizeof result) == ALLEARS_OK)
        interrupted++;
    assert(interrupted == 100 && allears_free(&a) == ALLEARS_OK);
    return NULL;
}

static void each_thread_may_have_its_own(void)
{
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        assert(pthread_create(&threads[i], NULL, sweep, NULL) == 0);
    for (int i = 0; i < 4; i++)
        assert(pthread_join(threads[i], NULL) == 0);
}

/* With an argument, omits the test that leak checkers complain about: a child cannot free a handle in an unfinished
 * call. */
int main(int argc, char **argv)
{
    (void)argv;
    assert(allears_abi_version() == ALLEARS_ABI_VERSION && strlen(allears_version()) > 0);
    for (int code = ALLEARS_ERR_PANIC - 1; code <= ALLEARS_NONE + 1; code++)
        assert(strlen(allears_strerror(code)) > 0);
    null_is_an_error();
    settings_have_ranges();
    not_everything_can_be_done_at_any_time();
    structures_may_have_other_sizes();
    addresses_are_checked();
    the_ring_gets_full();
    snmp_is_asked_right();
    dns_settings_have_ranges();
    dns_questions_have_rules();
    a_child_can_only_free();
    run_makes_a_turn_in_any_case();
    if (argc == 1)
        a_fork_in_the_middle_of_a_call_is_survived();
    another_thread_is_kept_out_and_can_wake();
    each_thread_may_have_its_own();
    return 0;
}
