/*
 * allears: asks thousands to millions of hosts over one UDP socket, and hears every answer.
 *
 * The loop in ten lines:
 *
 *     allears *a = NULL;
 *     if (allears_new(&a) || allears_open_raw(a, "????????hello", 13, 0, 8))
 *         fail(allears_last_error(a));
 *     while (have_targets || allears_pending(a) > 0) {
 *         for (; have_targets && allears_room(a) > 0; next_target())
 *             allears_ask_text(a, target, 0);
 *         if (allears_run(a, -1) < 0)                   // or poll(2) and allears_turn()
 *             break;
 *         while (allears_next(a, &result, sizeof result) == ALLEARS_OK)
 *             use(&result);
 *     }
 *     allears_free(&a);
 *
 * RETURN VALUES. Functions that return `int` return ALLEARS_OK (0), or a negative error. A few return ALLEARS_NONE (1)
 * if there is nothing to return, which is no error. Functions that return `int64_t` return a number of 0 or more, or a
 * negative error. After an error no output was written and no result was taken. `allears_strerror` describes an error
 * code, `allears_last_error` the last error of a handle. Any call may also return ALLEARS_ERR_BUSY,
 * ALLEARS_ERR_FORKED or ALLEARS_ERR_PANIC.
 *
 * THREADS. Use a handle from one thread. If several threads call at the same time, the calls are made one after the
 * other, in order of arrival; but while one thread is in `allears_run`, calls of the others return ALLEARS_ERR_BUSY.
 * `allears_wake` may be called at any time and from any thread, and is the only function that may be called from a
 * signal handler. Do not cancel a thread within a call (pthread_cancel). Different handles are independent of each
 * other. There are no callbacks.
 *
 * FORK. After fork(2), the child can only free the handles of its parent: all other calls return ALLEARS_ERR_FORKED.
 * The parent is not affected. If another thread was within a call at the time of the fork, the memory and file
 * descriptors of that handle stay allocated in the child until it exits or calls exec(3). Children made by clone(2) or
 * _Fork(3) are not detected, and must not use the handles.
 *
 * OWNERSHIP. A handle belongs to the program, which frees it. What a result points to belongs to the handle: it is
 * valid until the next `allears_next` that returns a result, or `allears_free`; the texts of a variable binding, until
 * the next `allears_next_varbind`. Arguments are copied.
 *
 * PANICS. If a bug makes the library panic, the call returns ALLEARS_ERR_PANIC, and so does every later call with that
 * handle except `allears_free`. If memory runs out, the process aborts, as with any Rust library.
 *
 * VERSIONS. Functions, constants and fields may be added, but are never changed or removed. Structures that the library
 * fills are passed with their size, so programs compiled with an older or a newer header work: fields unknown to the
 * library are set to zero. `allears_abi_version` is incremented with each addition.
 *
 * Copyright: the authors of allears. Licence: MIT OR Apache-2.0.
 */
#ifndef ALLEARS_H
#define ALLEARS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header; the library's own is `allears_abi_version()`. */
#define ALLEARS_ABI_VERSION 2

/* The value of `allears_wait_ns` if a turn is due only when the file descriptor is readable. */
#define ALLEARS_FOREVER INT64_MAX

/* The size of a buffer for any address as text, including the NUL. */
#define ALLEARS_ADDRESS_SIZE 64

/* Return values. */
enum allears_code {
    /* Success. */
    ALLEARS_OK = 0,
    /* There is nothing to return, or nothing more. */
    ALLEARS_NONE = 1,
    /* A required pointer is NULL. */
    ALLEARS_ERR_NULL = -1,
    /* An argument is invalid or out of range. */
    ALLEARS_ERR_ARGUMENT = -2,
    /* The given size of a structure is smaller than its first version. */
    ALLEARS_ERR_SIZE = -3,
    /* The handle is in the wrong state: not open yet, already open, or stopped. */
    ALLEARS_ERR_STATE = -4,
    /* The ring is full: see `allears_room`. */
    ALLEARS_ERR_FULL = -5,
    /* The handle or its current result belongs to another protocol. */
    ALLEARS_ERR_PROTOCOL = -6,
    /* System error: `allears_last_error` has the reason. */
    ALLEARS_ERR_SYSTEM = -7,
    /* Another thread is in `allears_run` with this handle. */
    ALLEARS_ERR_BUSY = -8,
    /* The handle belongs to the parent process. */
    ALLEARS_ERR_FORKED = -9,
    /* A bug in the library. The handle can only be freed. */
    ALLEARS_ERR_PANIC = -10
};

/* The outcome of a conversation. Each conversation ends exactly once. */
enum allears_outcome {
    /* The host answered; an SNMP agent or a name server possibly with an error: see `allears_get_answer` and
     * `allears_get_dns_answer`. */
    ALLEARS_ANSWERED = 0,
    /* All attempts timed out. */
    ALLEARS_SILENT = 1,
    /* The network reported that the host cannot be reached. */
    ALLEARS_UNREACHABLE = 2,
    /* This machine cannot send to that address. */
    ALLEARS_SEND_FAILED = 3,
    /* The reply cannot be parsed. */
    ALLEARS_MALFORMED = 4,
    /* The conversation was ended by `allears_stop` or `allears_abort`. */
    ALLEARS_INTERRUPTED = 5
};

/* A handle: one UDP socket for each address family, and all conversations over them, in one protocol. (DNS answers that
 * are too long for UDP come over TCP connections, which also belong to the handle.) */
typedef struct allears allears;

/* ---- The library ------------------------------------------------------------------------------------------- */

/* Returns the version of the library's interface, at least 1. The library supports everything in headers up to this
 * version. */
uint32_t allears_abi_version(void);

/* Returns the version of the library, such as "0.1.0". The text is static. */
const char *allears_version(void);

/* Describes a return value, which may be any number. Never NULL; the text is static. */
const char *allears_strerror(int code);

/* ---- Handles ----------------------------------------------------------------------------------------------- */

/* Creates a handle. Change its settings, open it, and free it at the end. Errors: NULL. */
int allears_new(allears **out);

/* Frees a handle and sets it to NULL. Does nothing if it is NULL already. Open conversations end without a result.
 * Errors: NULL (the pointer to the handle), BUSY (the handle is not freed). */
int allears_free(allears **handle);

/* Returns the message of the last call that failed: never NULL, at most 255 bytes. The pointer is valid until
 * `allears_free`, but the next call that fails overwrites the text. ALLEARS_ERR_BUSY and errors of `allears_wake` leave
 * no message. */
const char *allears_last_error(allears *handle);

/* ---- Settings ----------------------------------------------------------------------------------------------
 * They come before opening. Errors of all: NULL, ARGUMENT (out of range), STATE (already open). */

/* Sets the limit on packets per second, retries included: 0.01 to 1e9; 0 = as fast as the window allows.
 * Default: 1000. */
int allears_set_rate(allears *handle, double packets_per_second);

/* Sets the maximum number of packets sent back to back: 1 or more. Default: 32. */
int allears_set_burst(allears *handle, uint32_t packets);

/* Sets the maximum number of queries in flight; 0 = as many as the receive buffer can hold replies for. Default: 0. */
int allears_set_window(allears *handle, uint32_t queries);

/* Sets the minimum time between two packets to one host (address and port), in nanoseconds. Default:
 * 0 for SNMP and DNS, 200 ms or more for game servers, depending on the game, and 100 ms for raw payloads. */
int allears_set_host_gap_ns(allears *handle, uint64_t nanoseconds);

/* Sets the maximum number of queries in flight to one host (address and port); 0 = the default: 1,000 for DNS, no
 * maximum for others. */
int allears_set_host_window(allears *handle, uint32_t queries);

/* Sets the limit on packets per second to one address, across all its ports: 0.01 to 1e9; 0 = no limit. Default: 20 for
 * game servers and raw payloads, 500 for DNS, no limit for SNMP. */
int allears_set_host_rate(allears *handle, double packets_per_second);

/* Sets the limit on packets per second to one /24 (IPv4) or /48 (IPv6): 0.01 to 1e9; 0 = no limit. Default: 500. */
int allears_set_prefix_rate(allears *handle, double packets_per_second);

/* Sets the timeout of an attempt in nanoseconds; 0 = adapt it to the measured round trips. Default: 0. */
int allears_set_timeout_ns(allears *handle, uint64_t nanoseconds);

/* Sets the maximum number of attempts for each query: 1 to 100. Default: 3. */
int allears_set_tries(allears *handle, uint32_t attempts);

/* Sets the size of the ring, where targets wait to be sent: 1 to 16,777,216. `allears_room` begins with it.
 * Default: 4096. */
int allears_set_ring(allears *handle, size_t targets);

/* Sets the size of the receive buffer to request for each socket: 1 byte to 1 GiB, as the system counts them. The
 * system may grant less: see `allears_ledger`. Default: 64 MiB. */
int allears_set_receive_buffer(allears *handle, size_t bytes);

/* Sets the address to send from, such as "192.0.2.1" or "[2001:db8::1]:5000". Only its address family can be used then:
 * targets of the other one end as ALLEARS_SEND_FAILED. Default: any address and port, both families. */
int allears_set_bind(allears *handle, const char *address);

/* SNMP: sets how to treat a reply from another address than the target's. 1 = accept it if its request-id and its
 * community or digest are right; 0 = reject it, but report the address in the result. Default: 0. */
int allears_set_any_source(allears *handle, int any);

/* DNS: settings that are on or off. */
enum allears_dns_option {
    /* Servers resolve the name: the flag rd of queries. Default: on. */
    ALLEARS_DNS_RECURSION = 0,
    /* Servers do not validate the answer (DNSSEC): the flag cd of queries. Default: off. */
    ALLEARS_DNS_CHECKING_DISABLED = 1,
    /* Servers add DNSSEC records: the flag do of queries. Needs EDNS. Default: off. */
    ALLEARS_DNS_DNSSEC = 2,
    /* Servers send their ID (RFC 5001). Needs EDNS. Default: off. */
    ALLEARS_DNS_NSID = 3,
    /* Cookies are exchanged with servers (RFC 7873). No effect without EDNS. Default: on. */
    ALLEARS_DNS_COOKIES = 4,
    /* Names are sent in random upper and lower case, which replies must repeat. Default: off. */
    ALLEARS_DNS_MIXED_CASE = 5,
    /* Each question stays with its server: further attempts do not go to other servers, and no other server is asked
     * after a failure. Default: off. */
    ALLEARS_DNS_STICKY = 6
};

/* DNS: when TCP is used (RFC 7766). */
enum allears_dns_tcp {
    /* If an answer over UDP is truncated. */
    ALLEARS_DNS_TCP_AUTO = 0,
    /* Always. */
    ALLEARS_DNS_TCP_ONLY = 1,
    /* Never: truncated answers are results. */
    ALLEARS_DNS_TCP_NEVER = 2
};

/* DNS: turns an option, one of `enum allears_dns_option`, on (1) or off (0). */
int allears_set_dns_option(allears *handle, int option, int on);

/* DNS: sets the maximum size of UDP replies, in bytes, that EDNS announces (RFC 6891): 512 to 4,096; 0 = queries
 * without EDNS, whose UDP replies have at most 512 bytes. Default: 1232. */
int allears_set_dns_edns(allears *handle, uint32_t bytes);

/* DNS: sets when TCP is used: one of `enum allears_dns_tcp`. Default: ALLEARS_DNS_TCP_AUTO. */
int allears_set_dns_tcp(allears *handle, int when);

/* DNS: sets the response codes after which another server is queried: an array of `count` numbers, at most 4,096.
 * `rcodes` may be NULL if `count` is 0. Default: SERVFAIL (2), REFUSED (5), NOTIMP (4) and FORMERR (1). */
int allears_set_dns_retry_on(allears *handle, const uint16_t *rcodes, size_t count);

/* ---- Opening -----------------------------------------------------------------------------------------------
 * A handle has one protocol. Errors of all: NULL, ARGUMENT, STATE (already open), SYSTEM (no socket). */

/* Opens a handle that sends a payload of 0 to 65,507 bytes. The first datagram that a host sends back is its answer.
 *
 * With a `token_length` of 1 to 8, that many bytes of the payload from `token_offset` on are overwritten by an
 * unpredictable token, which the reply must have at the same offset.
 *
 * With a `token_length` of 0, only its source address and port tie a reply to its request. Queries to the same address
 * and port are then made one at a time, in no particular order. Each waits until all attempts of the previous one have
 * been answered, or for 2 s. A reply that comes even later, or that the network duplicated, is taken for a reply to the
 * next query. */
int allears_open_raw(allears *handle, const void *payload, size_t length, size_t token_offset, size_t token_length);

/* Opens a handle for game servers of the Quake 3 family and their masters. `game` is one of the games that
 * `allears games --help` lists: "et", "q3", "openarena", "xonotic", ... */
int allears_open_quake3(allears *handle, const char *game);

/* Opens a handle for SNMP v1, v2c and v3 agents. Add credentials and a request next: `allears_snmp_community` or
 * `allears_snmp_user`, and `allears_snmp_request`. */
int allears_open_snmp(allears *handle);

/* Opens a handle that queries name servers. Then add servers with `allears_dns_server`, unless each question names its
 * own. ARGUMENT also means that an option needs EDNS, which is off. */
int allears_open_dns(allears *handle);

/* ---- Asking ------------------------------------------------------------------------------------------------
 * Each target that is accepted gets exactly one result, which has the `tag` given here. An IPv4 address that is mapped
 * to IPv6 (::ffff:192.0.2.1) is treated as the IPv4 address, and named so in the result.
 * Errors of all: NULL, ARGUMENT (invalid address), STATE (not open, or stopped), FULL, PROTOCOL. */

/* Returns the number of targets that are accepted now; 0 after `allears_stop`. If targets are read only while there is
 * room, memory stays bounded however many there are. (The handle keeps about 900 bytes of each SNMPv3 agent, 165 of
 * each silent one, a few KiB of each name server, and the addresses of all servers that masters have listed.) */
int64_t allears_room(allears *handle);

/* Queries a host at an IPv4 or IPv6 address: sends it the payload of `allears_open_raw`, requests the status of a game
 * server, or sends an agent request 0 with credentials 0. PROTOCOL: a DNS handle, whose questions need a name. */
int allears_ask(allears *handle, const struct sockaddr *target, socklen_t length, uint64_t tag);

/* Does the same for an address as text: "192.0.2.1:27960", "[2001:db8::1]:161". The port may be left out for game
 * servers and SNMP agents. Host names are not resolved: use getaddrinfo(3). */
int allears_ask_text(allears *handle, const char *target, uint64_t tag);

/* Raw: sends a host its own payload, of 0 to 65,507 bytes. It must have room for the token. */
int allears_ask_payload(allears *handle, const struct sockaddr *target, socklen_t length, const void *payload,
                        size_t payload_length, uint64_t tag);

/* Quake 3: requests the list of servers from a master. `allears_next_server` returns the servers as they arrive; the
 * result, with their number, comes after them. */
int allears_ask_master(allears *handle, const struct sockaddr *target, socklen_t length, uint64_t tag);

/* SNMP: sends an agent this request with these credentials, both given by number. */
int allears_ask_snmp(allears *handle, const struct sockaddr *target, socklen_t length, uint32_t credentials,
                     uint32_t request, uint64_t tag);

/* DNS: queries a name server for the records of a name. NULL for `server` means those that were added, in turn, but
 * less often those that fail; ARGUMENT then also means that none was added. A server that was not added is added.
 *
 * `name` is complete with or without its final dot: "www.example.org". "." is the root. A backslash before a dot or
 * another character makes it part of a label, and "\032" is the byte with that decimal number. Names that are not
 * ASCII must be converted ("xn--..."). `type` is "A", "AAAA", "MX", ..., or "TYPE65280" for any number. `record_class`
 * is "IN", "CH", ..., or "CLASS7"; NULL = "IN". Upper and lower case make no difference. */
int allears_ask_dns(allears *handle, const struct sockaddr *server, socklen_t length, const char *name,
                    const char *type, const char *record_class, uint64_t tag);

/* Parses an address as `allears_ask_text` does. The port may be left out unless `default_port` is 0.
 * Errors: NULL, ARGUMENT. */
int allears_parse_address(const char *from, uint16_t default_port, struct sockaddr_storage *out,
                          socklen_t *out_length);

/* Formats an address, such as "192.0.2.1:27960", with a NUL: at most ALLEARS_ADDRESS_SIZE bytes.
 * Errors: NULL, ARGUMENT (invalid address, or longer than `out_size` bytes). */
int allears_format_address(const struct sockaddr *from, socklen_t length, char *out, size_t out_size);

/* ---- The loop ----------------------------------------------------------------------------------------------
 * Errors of all: NULL, STATE (not open), SYSTEM. */

/* Returns the file descriptor to watch for readability, by poll(2), epoll(7), libuv or the like. It belongs to the
 * handle: do not read or close it. */
int allears_fd(allears *handle);

/* Returns the nanoseconds until the next turn is due, unless the file descriptor becomes readable before. 0 = now, or a
 * result or a listed server can be taken, or `allears_wake` was called. ALLEARS_FOREVER = only when the file
 * descriptor is readable. The value changes with each turn and each target. */
int64_t allears_wait_ns(allears *handle);

/* Returns the same time for poll(2) and epoll_wait(2), in milliseconds rounded up: at most INT_MAX; -1 = forever.
 * Returns 0 after an error, too: the next turn returns the error. */
int allears_wait_ms(allears *handle);

/* Makes one turn without sleeping: receives datagrams that have arrived, sends requests that are allowed now, and ends
 * queries that have timed out. Takes at most a few milliseconds, with a ring of the default size. */
int allears_turn(allears *handle);

/* Makes at least one turn, then sleeps and makes further ones until there is something to do: a result can be taken;
 * more servers are listed and there is room for them; there is more room than before; or no conversation is open.
 * Returns ALLEARS_OK then. Returns ALLEARS_NONE after `timeout_ns` nanoseconds (0 = without sleeping, negative = no
 * timeout) or if `allears_wake` was called, and ALLEARS_ERR_STATE also if the handle was stopped and no result is left.
 * Signals do not interrupt it. Take all results before the next call. */
int allears_run(allears *handle, int64_t timeout_ns);

/* Wakes the `allears_run` of another thread or, if there is none, the next one, unless `allears_turn` is called first.
 * Also makes the file descriptor readable. May be called from any thread and from signal handlers, but not while the
 * handle is being freed. Errors: NULL, STATE. */
int allears_wake(allears *handle);

/* Returns the number of conversations that have not ended. Results of others may still have to be taken. */
int64_t allears_pending(allears *handle);

/* Stops sending for good. Targets that were not sent yet end as interrupted; those in flight may still be answered. */
int allears_stop(allears *handle);

/* Ends all conversations as interrupted, for good. */
int allears_abort(allears *handle);

/* ---- Results ----------------------------------------------------------------------------------------------- */

/* The result of one conversation. */
typedef struct allears_result {
    /* The tag passed with the target. */
    uint64_t tag;
    /* The target's address. DNS: that of the name server that was queried last. */
    const struct sockaddr *target;
    socklen_t target_length;
    /* One of `enum allears_outcome`. */
    int32_t outcome;
    /* The number of attempts for the last query of the conversation. */
    uint32_t attempts;
    /* The size of `foreign_source` in bytes; 0 if it is NULL. */
    socklen_t foreign_source_length;
    /* SNMP, DNS: the source address of a reply, if it differs from the target's; else NULL. */
    const struct sockaddr *foreign_source;
    /* The round trip in nanoseconds; -1 if it is unknown or there is no answer. */
    int64_t rtt_ns;
    /* The system's error number (errno.h) if the host is unreachable or sending failed, else 0. */
    int32_t system_error;
    /* Type and code of the ICMP or ICMPv6 message that reported it; -1 if there was none. */
    int16_t icmp_type;
    int16_t icmp_code;
    /* The reply as received, for raw payloads, game servers and DNS; NULL and 0 for others, and without an answer. */
    const uint8_t *reply;
    size_t reply_length;
    /* The reason, as text, why there is no answer; NULL if there is one. */
    const char *reason;
} allears_result;

/* Takes the next result and makes it the current one, which the getters below read. ALLEARS_NONE: there is none.
 * Errors: NULL, SIZE, STATE. */
int allears_next(allears *handle, allears_result *out, size_t out_size);

/* ---- Quake 3 -----------------------------------------------------------------------------------------------
 * Texts are UTF-8, without colour codes and control characters. Errors of the getters: NULL, STATE (no current result),
 * PROTOCOL (the result is not such an answer), SIZE. */

/* A server's status. */
typedef struct allears_status {
    /* The server's name, map, game directory (the mod) and game type; "" if unknown. */
    const char *name;
    const char *map;
    const char *game;
    const char *game_type;
    /* The number of players, and of bots among them; -1 = unknown. */
    uint32_t players;
    int32_t bots;
    /* The maximum number of players; -1 = unknown. */
    int32_t max_players;
    /* 1 = players are missing from the list. */
    int32_t is_truncated;
} allears_status;

/* A player of a server. */
typedef struct allears_player {
    const char *name;
    /* The team's name in this game; "" if unknown. */
    const char *team_name;
    /* Frags, points or experience. NaN if unknown; `has_score` is 0 then, else 1. */
    double score;
    int32_t has_score;
    /* The ping in milliseconds, as the server measures it; -1 = unknown. */
    int32_t ping;
    /* The team's number; -1 = unknown. */
    int32_t team;
    /* 1 = a bot, 0 = a human, -1 = unknown. */
    int32_t is_bot;
} allears_player;

/* The list of a master. Its servers come from `allears_next_server`. */
typedef struct allears_list {
    /* The number of servers on the list, without those that are rejected. */
    uint32_t listed;
    /* 1 = the end of the list was received. (Datagrams before it may be lost: they are not numbered.) */
    int32_t is_complete;
    /* The number of entries that `allears_next_server` does not return: reserved addresses, unless the master's own is
     * one; ports of other services; more than 128 servers on one address. */
    uint32_t rejected;
} allears_list;

/* Takes the next server from the masters' lists. Each server is returned once, however many masters list it. Needs no
 * current result. ALLEARS_NONE: there is none. Errors: NULL, STATE (not open), PROTOCOL. */
int allears_next_server(allears *handle, struct sockaddr_storage *out, socklen_t *out_length);

/* Returns the status in the current result, if it is of a server that answered. */
int allears_get_status(allears *handle, allears_status *out, size_t out_size);

/* Returns the player at `index`, from 0 on. ALLEARS_NONE: there are no more. */
int allears_get_player(allears *handle, size_t index, allears_player *out, size_t out_size);

/* Returns the value of a server variable, such as "sv_maxclients", ignoring case. ALLEARS_NONE: there is no such
 * variable. */
int allears_get_rule(allears *handle, const char *key, const char **value);

/* Returns the variable at `index`, from 0 on. ALLEARS_NONE: there are no more. */
int allears_get_rule_at(allears *handle, size_t index, const char **key, const char **value);

/* Returns the list in the current result, if it is of a master that answered. */
int allears_get_list(allears *handle, allears_list *out, size_t out_size);

/* ---- SNMP -------------------------------------------------------------------------------------------------- */

/* Operations. */
enum allears_snmp_operation {
    /* Gets the values of the names. `repetitions` and `limit` must be 0. */
    ALLEARS_SNMP_GET = 0,
    /* Gets the object after each name. `repetitions` and `limit` must be 0. */
    ALLEARS_SNMP_NEXT = 1,
    /* Sends one GETBULK: one object after each of the first `limit` names (non-repeaters), `repetitions` after each of
     * the others; 0 = 10. */
    ALLEARS_SNMP_BULK = 2,
    /* Gets everything in the subtrees. The first GETBULK has `repetitions` (0 = up to 10), later ones as many as fit.
     * At most `limit` values are kept; 0 = 100,000. */
    ALLEARS_SNMP_WALK = 3
};

/* The types of values: the tags of RFC 2578 and RFC 3416. A broken agent may send any other. */
enum allears_snmp_type {
    ALLEARS_SNMP_INTEGER = 0x02,
    ALLEARS_SNMP_OCTET_STRING = 0x04,
    ALLEARS_SNMP_NULL = 0x05,
    ALLEARS_SNMP_OBJECT_ID = 0x06,
    ALLEARS_SNMP_IP_ADDRESS = 0x40,
    ALLEARS_SNMP_COUNTER32 = 0x41,
    ALLEARS_SNMP_GAUGE32 = 0x42,
    ALLEARS_SNMP_TIME_TICKS = 0x43,
    ALLEARS_SNMP_OPAQUE = 0x44,
    ALLEARS_SNMP_COUNTER64 = 0x46,
    ALLEARS_SNMP_NO_SUCH_OBJECT = 0x80,
    ALLEARS_SNMP_NO_SUCH_INSTANCE = 0x81,
    ALLEARS_SNMP_END_OF_MIB_VIEW = 0x82
};

/* Adds credentials: a community of v1 (`version` 1) or v2c (`version` 2). They are kept as long as the handle. Writes
 * their number, from 0 on, to `credentials` unless it is NULL. Errors: NULL, ARGUMENT, STATE (not open), PROTOCOL. */
int allears_snmp_community(allears *handle, int version, const char *community, uint32_t *credentials);

/* Adds credentials: a user of v3. `auth` is "MD5", "SHA", "SHA-224", "SHA-256", "SHA-384" or "SHA-512"; `privacy` is
 * "DES", "AES", "AES-192", "AES-256", "AES-192-C" or "AES-256-C"; NULL = none. Passwords have at least 8 bytes, and are
 * not kept. `context` may be NULL. Takes some milliseconds, to hash the passwords. Errors: as above. */
int allears_snmp_user(allears *handle, const char *name, const char *auth, const char *auth_password,
                      const char *privacy, const char *priv_password, const char *context, uint32_t *credentials);

/* Adds a request: one of `enum allears_snmp_operation` for 1 to 100,000 names, which are numeric ("1.3.6.1.2.1.1.5.0")
 * or built-in names ("sysName.0"). Writes its number, from 0 on, to `request` unless it is NULL. Errors: as above. */
int allears_snmp_request(allears *handle, int operation, const char *const *names, size_t count,
                         uint32_t repetitions, uint32_t limit, uint32_t *request);

/* Removes a request. A later one may get its number. Conversations that already use it continue. Errors: NULL, ARGUMENT
 * (no such request), STATE (not open), PROTOCOL. */
int allears_snmp_remove_request(allears *handle, uint32_t request);

/* The reason why an answer is incomplete. */
enum allears_incomplete {
    /* It is complete. */
    ALLEARS_COMPLETE = 0,
    /* The agent rejects the messages: wrong user, password, security level, ... */
    ALLEARS_REJECTED = 1,
    /* The agent returned an error: `error_status`. */
    ALLEARS_AGENT_ERROR = 2,
    /* A request of the conversation timed out, or was interrupted. */
    ALLEARS_UNFINISHED = 3,
    /* The subtrees have more values than the request's limit. */
    ALLEARS_LIMIT = 4,
    /* The agent returned a name that is not greater than the previous one: a walk would not end. */
    ALLEARS_NOT_INCREASING = 5,
    /* A reply could be parsed only partially. */
    ALLEARS_BROKEN = 6,
    /* The agent restarted during the walk. */
    ALLEARS_RESTARTED = 7
};

/* The answer of an agent. */
typedef struct allears_answer {
    /* The number of values, which `allears_next_varbind` returns. */
    uint32_t varbinds;
    /* The number of names that the agent refused: see `allears_get_refused`. */
    uint32_t refused;
    /* The reason why it is incomplete, or ALLEARS_COMPLETE: one of `enum allears_incomplete`. */
    int32_t incomplete;
    /* The agent's error-status (RFC 3416, section 3) for ALLEARS_AGENT_ERROR, else 0. */
    int32_t error_status;
    /* The reason as text; NULL if it is complete. */
    const char *why_incomplete;
} allears_answer;

/* A name and its value. The texts are valid until the next `allears_next_varbind`. */
typedef struct allears_varbind {
    /* The name in numbers ("1.3.6.1.2.1.2.2.1.2.1"), and its built-in name ("IF-MIB::ifDescr.1") or "". */
    const char *oid;
    const char *name;
    /* The tag of the value: normally one of `enum allears_snmp_type`. */
    int32_t type;
    /* 1 = `number` is the value: that of an INTEGER (in two's complement: cast it to int64_t), counter, gauge or
     * TimeTicks. */
    int32_t has_number;
    uint64_t number;
    /* The content of the value as received: for an OCTET STRING, the string. */
    const uint8_t *bytes;
    size_t length;
    /* The value as text: numbers, addresses and object identifiers formatted; an OCTET STRING as received, but without
     * NUL bytes; "" for other types. */
    const char *text;
    /* The error in the encoding, as text; NULL if it is correct. */
    const char *odd;
} allears_varbind;

/* Returns the answer in the current result. It is available for any outcome: values received before a timeout are kept.
 * Errors: NULL, STATE (no current result), PROTOCOL, SIZE. */
int allears_get_answer(allears *handle, allears_answer *out, size_t out_size);

/* Returns the next value of the answer, from the first one on. ALLEARS_NONE: there are no more. Errors: as above. */
int allears_next_varbind(allears *handle, allears_varbind *out, size_t out_size);

/* Returns the refused name at `index`, from 0 on, and the agent's error ("noSuchName"). ALLEARS_NONE: there are no
 * more. Errors: as above. */
int allears_get_refused(allears *handle, size_t index, const char **oid, const char **error);

/* ---- DNS ---------------------------------------------------------------------------------------------------
 * If a server does not answer in time, the next attempt goes to another one of those that were added. So does a
 * question that was answered with a response code of `allears_set_dns_retry_on`. If all fail, the last answer is the
 * result. ALLEARS_ANSWERED means that there is an answer, even if the name does not exist. Texts are ASCII: other bytes
 * are escaped, as in "\032". */

/* The flags of an answer (RFC 1035, RFC 4035). */
enum allears_dns_flag {
    /* It is an answer. */
    ALLEARS_DNS_QR = 0x8000,
    /* The server is authoritative for the zone. */
    ALLEARS_DNS_AA = 0x0400,
    /* It is truncated: records are missing. */
    ALLEARS_DNS_TC = 0x0200,
    /* The server was asked to resolve the name. */
    ALLEARS_DNS_RD = 0x0100,
    /* The server resolves names for us. */
    ALLEARS_DNS_RA = 0x0080,
    /* The server has validated the answer. */
    ALLEARS_DNS_AD = 0x0020,
    /* The server was asked not to validate it. */
    ALLEARS_DNS_CD = 0x0010
};

/* The sections of an answer. */
enum allears_dns_section {
    /* The records that were asked for, and the aliases on the way to them. */
    ALLEARS_DNS_ANSWER = 0,
    /* The zone that the answer is from, or the servers to query. */
    ALLEARS_DNS_AUTHORITY = 1,
    /* Records that are likely to be asked for next. */
    ALLEARS_DNS_ADDITIONAL = 2
};

/* The answer of a name server. */
typedef struct allears_dns_answer {
    /* The response code as text: "NOERROR", "NXDOMAIN", ..., or "RCODE17". */
    const char *rcode_name;
    /* The response code, with the upper bits that EDNS adds: 0 = NOERROR, 2 = SERVFAIL, 3 = NXDOMAIN, 5 = REFUSED. */
    int32_t rcode;
    /* Bytes 2 and 3 of the message, from 0, as a number. It contains the bits of `enum allears_dns_flag`. */
    uint32_t flags;
    /* The number of records that `allears_get_dns_record` returns. */
    uint32_t records;
    /* 1 = it came over TCP, 0 = over UDP. */
    int32_t is_tcp;
} allears_dns_answer;

/* A record of an answer. */
typedef struct allears_dns_record {
    /* The name that it belongs to, with a final dot. */
    const char *name;
    /* Its type as text: "MX", or "TYPE65280". */
    const char *type_name;
    /* Its data as dig(1) prints it: "192.0.2.1", "10 mail.example.org.", or "\# 4 01020304" if the type is unknown. */
    const char *text;
    /* Its data as received. Names in it may be compressed: they point into the reply. */
    const uint8_t *bytes;
    size_t length;
    /* The number of seconds for which it may be cached. */
    uint32_t ttl;
    /* One of `enum allears_dns_section`. */
    int32_t section;
    /* The numbers of its type and its class: 1 = A, 28 = AAAA, ...; 1 = IN. */
    uint16_t type;
    uint16_t record_class;
} allears_dns_record;

/* Adds a name server, unless it was added before. Questions are spread over all servers that were added. The settings
 * of the handle apply to each of them: `allears_set_host_rate`, `allears_set_host_window`. Errors: NULL, ARGUMENT
 * (invalid address), STATE (not open), PROTOCOL. */
int allears_dns_server(allears *handle, const struct sockaddr *server, socklen_t length);

/* Returns the answer in the current result. ALLEARS_NONE: there is none, and `reason` in the result says why. Errors:
 * NULL, STATE (no current result), PROTOCOL, SIZE. */
int allears_get_dns_answer(allears *handle, allears_dns_answer *out, size_t out_size);

/* Returns the record at `index`, from 0 on, of all sections in the order of the message; the pseudo-record OPT is not
 * among them. ALLEARS_NONE: there are no more, or there is no answer. Errors: as above. */
int allears_get_dns_record(allears *handle, size_t index, allears_dns_record *out, size_t out_size);

/* Returns the value of an EDNS option in the answer, by its code: 3 = the server's ID (ALLEARS_DNS_NSID), 15 = two
 * bytes and a text that explain a failure (RFC 8914), ... If several have the same code, returns the first. `bytes` is
 * valid as long as the result is. ALLEARS_NONE: the answer does not have the option, or there is no answer. Errors: as
 * above. */
int allears_get_dns_edns(allears *handle, uint16_t code, const uint8_t **bytes, size_t *length);

/* ---- The ledger -------------------------------------------------------------------------------------------- */

/* Counts of all queries and datagrams since the handle was opened. Two equations always hold:
 * queries = answered + silent + unreachable + send_failed + malformed + interrupted + open queries;
 * datagrams_received + stream_received = replies + broken + late + duplicates + unmatched. */
typedef struct allears_ledger {
    /* Queries, one for each step of each conversation, and their outcomes. */
    uint64_t queries;
    uint64_t answered;
    uint64_t silent;
    uint64_t unreachable;
    uint64_t send_failed;
    uint64_t malformed;
    uint64_t interrupted;
    /* Datagrams sent; the second and later attempts among them. */
    uint64_t datagrams_sent;
    uint64_t retransmissions;
    /* Datagrams that the system accepted only later, and failures to send that passed or were tried again. */
    uint64_t deferred;
    uint64_t send_errors;
    /* Queries answered after more than one attempt; among them, those answered by a reply to an earlier attempt. */
    uint64_t answered_after_retry;
    uint64_t answered_by_earlier;
    /* Queries answered after all their tries had timed out. */
    uint64_t answered_late;
    /* Attempts repeated without counting as a try, because the receive buffer may have dropped the reply. */
    uint64_t asked_again;
    /* Datagrams received. Together with `stream_received`, they are divided into replies, messages that cannot be
     * parsed, replies to ended queries, duplicates, and messages that match no query. */
    uint64_t datagrams_received;
    uint64_t replies;
    uint64_t broken;
    uint64_t late;
    uint64_t duplicates;
    uint64_t unmatched;
    /* The maximum number of queries in flight at the same time. */
    uint64_t max_in_flight;
    /* Datagrams that the system dropped because the receive buffer was full; UINT64_MAX = unknown. */
    uint64_t local_drops;
    /* The receive buffer that each socket was granted, in bytes as the system counts them. */
    uint64_t receive_buffer;
    /* Round trips of answered queries in nanoseconds; 0 = none. */
    uint64_t rtt_min_ns;
    uint64_t rtt_p50_ns;
    uint64_t rtt_p90_ns;
    uint64_t rtt_p99_ns;
    uint64_t rtt_max_ns;
    /* DNS: requests sent and messages received over TCP. Since version 2 of the interface. */
    uint64_t stream_sent;
    uint64_t stream_received;
} allears_ledger;

/* Returns the ledger so far. Errors: NULL, SIZE, STATE (not open). */
int allears_get_ledger(allears *handle, allears_ledger *out, size_t out_size);

#ifdef __cplusplus
}
#endif

#endif
