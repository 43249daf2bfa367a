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
 * RETURN VALUES. Functions that return `int` return ALLEARS_OK (0), or a negative error; nothing is written to
 * any output then, and no result is taken. A few return ALLEARS_NONE (1) when there is nothing to give, which is no
 * error. Functions that return `int64_t` return a number of 0 or more, or a negative error. `allears_strerror` has
 * each error in words, `allears_last_error` what went wrong in this very case. Any call may also return
 * ALLEARS_ERR_BUSY, ALLEARS_ERR_FORKED or ALLEARS_ERR_PANIC.
 *
 * THREADS. Use a handle from one thread. Should several call at a time, each waits for those before it, briefly; but
 * while one is in `allears_run`, the others' calls fail with ALLEARS_ERR_BUSY. `allears_wake` may be called at any time,
 * from any thread, and it alone may be called in signal handlers. Do not end a thread within a call (pthread_cancel).
 * Any number of handles may be used by any number of threads. There are no callbacks.
 *
 * FORK. After fork(2) the child can do nothing with its parent's handles but free them: every other call fails
 * with ALLEARS_ERR_FORKED. The parent goes on. If another thread was within a call of a handle at the fork, what belongs
 * to that handle, descriptors among them, stays with the child until it ends or calls exec(3). (A child made by clone(2)
 * or _Fork(3) itself is not noticed, and has to leave them alone.)
 *
 * LIFETIMES. What a result points to belongs to the handle. It lives until the next `allears_next` that gives a
 * result, or `allears_free`; texts of a variable binding, until the next `allears_next_varbind`. What is given to a
 * function is copied.
 *
 * FAILURES OF OUR OWN. Should the library have a bug and panic, the call returns ALLEARS_ERR_PANIC, and so does
 * every later one of that handle but `allears_free`. Without memory the process ends, as with any Rust library.
 *
 * VERSIONS. Functions, constants and fields are only ever added. Structures that the library fills are given with
 * their size, so that programs that were compiled with an older or a newer header work, too: fields that the
 * library does not have are zero. `allears_abi_version` counts the additions.
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
#define ALLEARS_ABI_VERSION 1

/* No turn is due: see `allears_wait_ns`. */
#define ALLEARS_FOREVER INT64_MAX

/* Bytes that any address takes as text, with its NUL. */
#define ALLEARS_ADDRESS_SIZE 64

/* What functions return. */
enum allears_code {
    /* Done. */
    ALLEARS_OK = 0,
    /* There is none (left). */
    ALLEARS_NONE = 1,
    /* A pointer is NULL that must not be. */
    ALLEARS_ERR_NULL = -1,
    /* An argument is out of its range, or makes no sense. */
    ALLEARS_ERR_ARGUMENT = -2,
    /* The size of a structure is smaller than its first version. */
    ALLEARS_ERR_SIZE = -3,
    /* Not now: the handle is not open yet, or is open already, or was stopped. */
    ALLEARS_ERR_STATE = -4,
    /* There is no room: see `allears_room`. */
    ALLEARS_ERR_FULL = -5,
    /* The handle, or its current result, is of another protocol. */
    ALLEARS_ERR_PROTOCOL = -6,
    /* The system failed: `allears_last_error` says at what. */
    ALLEARS_ERR_SYSTEM = -7,
    /* Another thread is in `allears_run` of this handle. */
    ALLEARS_ERR_BUSY = -8,
    /* The handle was made by the parent of this process. */
    ALLEARS_ERR_FORKED = -9,
    /* A bug of this library. The handle can only be freed. */
    ALLEARS_ERR_PANIC = -10
};

/* How a conversation ended. Each has exactly one end. */
enum allears_outcome {
    /* The host answered; an SNMP agent perhaps with an error: see `allears_get_answer`. */
    ALLEARS_ANSWERED = 0,
    /* All tries were sent, and nothing came. */
    ALLEARS_SILENT = 1,
    /* The network says that the host cannot be reached. */
    ALLEARS_UNREACHABLE = 2,
    /* This machine cannot send to that address. */
    ALLEARS_SEND_FAILED = 3,
    /* The host's answer makes no sense. */
    ALLEARS_MALFORMED = 4,
    /* It was stopped before its end: `allears_stop`, `allears_abort`. */
    ALLEARS_INTERRUPTED = 5
};

/* A handle: a socket for each address family, and everybody who is asked over it, in one protocol. */
typedef struct allears allears;

/* ---- The library ------------------------------------------------------------------------------------------- */

/* The version of the library's interface, 1 or more. It can do what every header of this version or less has. */
uint32_t allears_abi_version(void);

/* The version of the library, as "0.1.0". Lives for ever. */
const char *allears_version(void);

/* A code in words, whatever it is: never NULL. Lives for ever. */
const char *allears_strerror(int code);

/* ---- Handles ----------------------------------------------------------------------------------------------- */

/* Makes a handle, which is to be set, opened and, in the end, freed. Errors: NULL. */
int allears_new(allears **out);

/* Frees a handle and sets it to NULL; a NULL handle is freed already. What is still open ends without a result,
 * and its answers are not heard. Errors: NULL (the pointer to the handle), BUSY (it is not freed then). */
int allears_free(allears **handle);

/* What the last call that failed says, in words: never NULL, at most 255 bytes. The text is another one after the next
 * call that fails; its place lives until `allears_free`. BUSY leaves no text here, nor does `allears_wake`. */
const char *allears_last_error(allears *handle);

/* ---- Settings: before the handle is opened -----------------------------------------------------------------
 * Errors of all: NULL, ARGUMENT (out of range), STATE (it is open). */

/* Packets per second in all, retransmissions included: 0.01 to 1e9; 0 = as fast as the window allows. Default: 1000. */
int allears_set_rate(allears *handle, double packets_per_second);

/* Packets that may leave at once, 1 or more. Default: 32. */
int allears_set_burst(allears *handle, uint32_t packets);

/* Queries in flight at most; 0 = as many as the receive buffer is sure to hold the answers of. Default: 0. */
int allears_set_window(allears *handle, uint32_t queries);

/* The least time between two packets to one host, nanoseconds. Default: 100 ms. */
int allears_set_host_gap_ns(allears *handle, uint64_t nanoseconds);

/* Packets per second to one /24 (IPv4) or /48 (IPv6): 0.01 to 1e9; 0 = no such limit. Default: 500. */
int allears_set_prefix_rate(allears *handle, double packets_per_second);

/* How long an attempt waits for its answer, nanoseconds; 0 = by the round trips that are measured. Default: 0. */
int allears_set_timeout_ns(allears *handle, uint64_t nanoseconds);

/* Attempts for each query, 1 to 100. Default: 3. */
int allears_set_tries(allears *handle, uint32_t attempts);

/* Targets that may wait to be sent, 1 to 16,777,216: what `allears_room` begins with. Default: 4096. */
int allears_set_ring(allears *handle, size_t targets);

/* Bytes of receive buffer for each socket, 1 to 1 GiB, as the system counts them; it may grant less. Default: 64 MiB. */
int allears_set_receive_buffer(allears *handle, size_t bytes);

/* The address to send from, as "192.0.2.1" or "[2001:db8::1]:5000"; it decides the one address family that can be
 * asked, and hosts of the other end as ALLEARS_SEND_FAILED. Default: any address and port, both families. */
int allears_set_bind(allears *handle, const char *address);

/* SNMP: whether answers from another address than the one that was asked count, if their number and community or
 * digest are right; 0 or 1. Default: 0, they are named in the result only. */
int allears_set_any_source(allears *handle, int any);

/* ---- Opening: one protocol a handle ------------------------------------------------------------------------
 * Errors of all: NULL, ARGUMENT, STATE (it is open already), SYSTEM (no socket). */

/* Any payload of 0 to 65,507 bytes, and whatever single datagram comes back.
 *
 * The token rule says what ties a reply to its request. With `token_length` 1 to 8, that many bytes from
 * `token_offset` on are overwritten by an unpredictable number, which the host has to give back in the same place.
 * With `token_length` 0 a reply is known by its address and port alone: then one query to an address is in flight
 * at a time, in no particular order, and the next one waits until replies to the attempts of the last one came, or for
 * 2 s. Still, a reply that is later than that, or that the network has doubled, is taken for the next one's. */
int allears_open_raw(allears *handle, const void *payload, size_t length, size_t token_offset, size_t token_length);

/* Game servers of the Quake 3 family, and their masters. `game` is one of those that `allears games --help` names:
 * "et", "q3", "openarena", "xonotic", ... */
int allears_open_quake3(allears *handle, const char *game);

/* SNMP v1, v2c and v3. Add credentials and a request next: `allears_snmp_community`, `allears_snmp_request`. The
 * least gap between two packets to one agent becomes 0, unless it was set. */
int allears_open_snmp(allears *handle);

/* ---- Asking ------------------------------------------------------------------------------------------------
 * Whatever was asked ends in exactly one result, which has the `tag` that was given. An IPv4 address in IPv6
 * notation (::ffff:192.0.2.1) is asked as, and its result names, the IPv4 address that it is.
 * Errors of all: NULL, ARGUMENT (an address that is none), STATE (not open, or stopped), FULL, PROTOCOL. */

/* How many targets can be asked now; 0 after `allears_stop`. Ask no more, and memory stays within bounds, however many
 * there are. (About 900 bytes are kept of each agent of SNMPv3 and 165 of each silent one, and the addresses of the
 * servers that masters have named.) */
int64_t allears_room(allears *handle);

/* Asks a host at an IPv4 or IPv6 address: with the payload of `allears_open_raw`; for the status of a game server;
 * or the SNMP request 0 with the credentials 0. */
int allears_ask(allears *handle, const struct sockaddr *target, socklen_t length, uint64_t tag);

/* As `allears_ask`, with an address as text: "192.0.2.1:27960", "[2001:db8::1]:161". Of game servers and agents, the
 * port may be missing. No names: resolve those with getaddrinfo(3). */
int allears_ask_text(allears *handle, const char *target, uint64_t tag);

/* Raw: asks with a payload of its own, 0 to 65,507 bytes, with room for the token. */
int allears_ask_payload(allears *handle, const struct sockaddr *target, socklen_t length, const void *payload,
                        size_t payload_length, uint64_t tag);

/* Quake 3: asks a master server for its list. The servers come from `allears_next_server` as they are heard, before
 * the result, which tells how many they were. */
int allears_ask_master(allears *handle, const struct sockaddr *target, socklen_t length, uint64_t tag);

/* SNMP: asks an agent this request with these credentials. */
int allears_ask_snmp(allears *handle, const struct sockaddr *target, socklen_t length, uint32_t credentials,
                     uint32_t request, uint64_t tag);

/* Reads an address as `allears_ask_text` does. A port that is missing is `default_port`, unless that is 0.
 * Errors: NULL, ARGUMENT. */
int allears_parse_address(const char *from, uint16_t default_port, struct sockaddr_storage *out,
                          socklen_t *out_length);

/* Writes an address as "192.0.2.1:27960" with a NUL behind it: ALLEARS_ADDRESS_SIZE bytes at most.
 * Errors: NULL, ARGUMENT (no address, or more than `out_size` bytes). */
int allears_format_address(const struct sockaddr *from, socklen_t length, char *out, size_t out_size);

/* ---- The loop ----------------------------------------------------------------------------------------------
 * Errors of all: NULL, STATE (not open), SYSTEM. */

/* The file descriptor to watch for readability, with poll(2), epoll(7), libuv or whatever there is. It is the
 * handle's: do not read or close it. */
int allears_fd(allears *handle);

/* Nanoseconds until the next turn is due, if the file descriptor does not become readable before: 0 = now, or a result
 * or a server waits to be taken, or `allears_wake` was called; ALLEARS_FOREVER = only a datagram can change anything.
 * Ask after each turn, and after asking hosts. */
int64_t allears_wait_ns(allears *handle);

/* The same for poll(2) and epoll_wait(2): milliseconds, rounded up, INT_MAX at most; -1 = for ever. 0 also if the handle
 * fails: the next turn says why. */
int allears_wait_ms(allears *handle);

/* One turn, without waiting: hears what has come, sends what may be sent, ends what is over. A few milliseconds of
 * work at most, with a ring of the default size. */
int allears_turn(allears *handle);

/* Turns at least once, and then sleeps and turns until there is something to do: a result waits, masters have named more
 * servers and there is room for them, there is more room than before, or nothing is open. Returns ALLEARS_OK then;
 * ALLEARS_NONE after `timeout_ns` nanoseconds (0 = do not sleep; less than 0 = never), or when `allears_wake` was called;
 * ALLEARS_ERR_STATE also when the handle was stopped and everything has ended. A signal does not end it. Take all
 * results before the next call. */
int allears_run(allears *handle, int64_t timeout_ns);

/* Ends the sleep of the `allears_run` that another thread is in, or of the next one, unless `allears_turn` comes before;
 * makes the file descriptor readable.
 * May be called by any thread and in signal handlers, but not while the handle is being freed. Errors: NULL, STATE. */
int allears_wake(allears *handle);

/* Conversations that were asked for and have not ended. Results may still wait. */
int64_t allears_pending(allears *handle);

/* Sends nothing more, for good: what waits to be sent is interrupted, what is in flight may still be answered. */
int allears_stop(allears *handle);

/* Ends everything as interrupted, now and for good. */
int allears_abort(allears *handle);

/* ---- Results ----------------------------------------------------------------------------------------------- */

/* The end of one conversation. */
typedef struct allears_result {
    /* What was given when it was asked. */
    uint64_t tag;
    /* Who was asked. */
    const struct sockaddr *target;
    socklen_t target_length;
    /* One of `enum allears_outcome`. */
    int32_t outcome;
    /* Attempts of the conversation's last query. */
    uint32_t attempts;
    /* Bytes in `foreign_source`; 0 if it is NULL. */
    socklen_t foreign_source_length;
    /* Another address from which a reply came, or NULL. */
    const struct sockaddr *foreign_source;
    /* The round trip, nanoseconds; -1 where there is none, or nobody knows it. */
    int64_t rtt_ns;
    /* The system's error number (errno.h) if it is unreachable or sending failed; else 0. */
    int32_t system_error;
    /* Type and code of the ICMP or ICMPv6 message that said so; -1 if there was none. */
    int16_t icmp_type;
    int16_t icmp_code;
    /* The reply as it came, of raw hosts and of game servers that answered; else NULL and 0. */
    const uint8_t *reply;
    size_t reply_length;
    /* Why it was not answered, in words; NULL if it was. */
    const char *reason;
} allears_result;

/* The next result, which becomes the current one. ALLEARS_NONE: none waits. Errors: NULL, SIZE, STATE. */
int allears_next(allears *handle, allears_result *out, size_t out_size);

/* ---- Quake 3: of the current result ------------------------------------------------------------------------
 * Texts are UTF-8, without colour codes and control characters. Errors of all: NULL, STATE (no current result),
 * PROTOCOL (it is no such answer), SIZE. */

/* What a server says. */
typedef struct allears_status {
    /* The server's name, its map, the game directory, the kind of game: "" if it does not say. */
    const char *name;
    const char *map;
    const char *game;
    const char *game_type;
    /* Players, and bots among them; -1 = nobody knows how many are bots. */
    uint32_t players;
    int32_t bots;
    /* Room for so many; -1 = it does not say. */
    int32_t max_players;
    /* 1 = the list of players was cut short on its way. */
    int32_t is_truncated;
} allears_status;

/* A player. */
typedef struct allears_player {
    const char *name;
    /* What the team is called in this game; "" if that is not known. */
    const char *team_name;
    /* Frags, points or experience. Not a number if it is not told; then `has_score` is 0, else 1. */
    double score;
    int32_t has_score;
    /* Milliseconds as the server measures them; -1 if not told. */
    int32_t ping;
    /* The team's number; -1 if not told. */
    int32_t team;
    /* 1 = a bot, 0 = none, -1 = nobody knows. */
    int32_t is_bot;
} allears_player;

/* How a master's list came out. */
typedef struct allears_list {
    /* Servers that this master named. */
    uint32_t heard;
    /* 1 = the list's end was heard. */
    int32_t is_complete;
} allears_list;

/* The next server that a master named and that was not named before; whether or not there is a result.
 * ALLEARS_NONE: none waits. Errors: NULL, STATE (not open), PROTOCOL. */
int allears_next_server(allears *handle, struct sockaddr_storage *out, socklen_t *out_length);

/* The current result, if it is a server that answered. */
int allears_get_status(allears *handle, allears_status *out, size_t out_size);

/* The player at `index`, from 0 on. ALLEARS_NONE: there are no more. */
int allears_get_player(allears *handle, size_t index, allears_player *out, size_t out_size);

/* The value of a server variable, as "sv_maxclients"; case does not matter. ALLEARS_NONE: it has none. */
int allears_get_rule(allears *handle, const char *key, const char **value);

/* The variable at `index`, from 0 on. ALLEARS_NONE: there are no more. */
int allears_get_rule_at(allears *handle, size_t index, const char **key, const char **value);

/* The current result, if it is a master that answered. */
int allears_get_list(allears *handle, allears_list *out, size_t out_size);

/* ---- SNMP -------------------------------------------------------------------------------------------------- */

/* What is asked. */
enum allears_snmp_operation {
    /* The values of these names. `repetitions` and `limit` are 0. */
    ALLEARS_SNMP_GET = 0,
    /* What follows each name. `repetitions` and `limit` are 0. */
    ALLEARS_SNMP_NEXT = 1,
    /* One GETBULK: `repetitions` of each name but the first `limit`. */
    ALLEARS_SNMP_BULK = 2,
    /* Everything in these subtrees. `repetitions` to begin with, 0 = a few; `limit` values at most, 0 = 100,000. */
    ALLEARS_SNMP_WALK = 3
};

/* The types of values: the tags of RFC 2578 and RFC 3416. A value may have any other. */
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

/* Adds credentials, for as long as the handle lives: a community of v1 (`version` 1) or v2c (2). Their number, from 0 on,
 * goes to `credentials`, if that is not NULL. Errors: NULL, ARGUMENT, STATE (not open), PROTOCOL. */
int allears_snmp_community(allears *handle, int version, const char *community, uint32_t *credentials);

/* Adds credentials: a user of v3. `auth` is "MD5", "SHA", "SHA-224", "SHA-256", "SHA-384" or "SHA-512", `privacy` "DES",
 * "AES", "AES-192", "AES-256", "AES-192-C" or "AES-256-C"; NULL = none. Passwords have 8 bytes or more; `context` may
 * be NULL. Takes some milliseconds: passwords are hashed. They are not kept. Errors: as above. */
int allears_snmp_user(allears *handle, const char *name, const char *auth, const char *auth_password,
                      const char *privacy, const char *priv_password, const char *context, uint32_t *credentials);

/* Adds a request: what is asked of the `count` names, which are numbers or built-in names ("sysName.0"). Its number,
 * from 0 on, goes to `request`, if that is not NULL. Errors: as above. */
int allears_snmp_request(allears *handle, int operation, const char *const *names, size_t count,
                         uint32_t repetitions, uint32_t limit, uint32_t *request);

/* Forgets a request, whose number a later one may get. Who is being asked it goes on to be. Errors: NULL, ARGUMENT
 * (there is none), STATE (not open), PROTOCOL. */
int allears_snmp_remove_request(allears *handle, uint32_t request);

/* Why an answer is not all that was asked for. */
enum allears_incomplete {
    /* It is all. */
    ALLEARS_COMPLETE = 0,
    /* The agent does not process our messages: user, password, level, ... */
    ALLEARS_REJECTED = 1,
    /* The agent says so: `error_status`. */
    ALLEARS_AGENT_ERROR = 2,
    /* It fell silent, or was stopped, in between. */
    ALLEARS_UNFINISHED = 3,
    /* There is more than the request's limit. */
    ALLEARS_LIMIT = 4,
    /* The agent goes in circles. */
    ALLEARS_NOT_INCREASING = 5,
    /* The reply is broken in its middle. */
    ALLEARS_BROKEN = 6,
    /* The agent was restarted in between. */
    ALLEARS_RESTARTED = 7
};

/* What an agent said in all. */
typedef struct allears_answer {
    /* Values: `allears_next_varbind` has them. */
    uint32_t varbinds;
    /* Names that the agent refused: `allears_get_refused`. */
    uint32_t refused;
    /* Whether this is all that was asked for: one of `enum allears_incomplete`. */
    int32_t incomplete;
    /* The agent's error-status (RFC 3416, section 3) if it is ALLEARS_AGENT_ERROR, else 0. */
    int32_t error_status;
    /* The same in words; NULL = it is all. */
    const char *why_incomplete;
} allears_answer;

/* A name and its value. The texts live until the next `allears_next_varbind`. */
typedef struct allears_varbind {
    /* The name in numbers, and in words if it has a built-in name ("IF-MIB::ifDescr.1"), else "". */
    const char *oid;
    const char *name;
    /* The value's tag: one of `enum allears_snmp_type`, mostly. */
    int32_t type;
    /* 1 = `number` has the value: of INTEGER (below 0 in two's complement: cast it to int64_t), counters, gauges
     * and TimeTicks. */
    int32_t has_number;
    uint64_t number;
    /* The value's content, as it came: of an OCTET STRING the text. */
    const uint8_t *bytes;
    size_t length;
    /* The value as text: numbers, addresses and identifiers written out; an OCTET STRING as it is, but for NUL bytes,
     * which are only in `bytes`; "" of all else. */
    const char *text;
    /* What is odd about its encoding, in words; NULL if nothing is. */
    const char *odd;
} allears_varbind;

/* The current result's answer, complete or not: what an agent said before it fell silent is there, too.
 * Errors: NULL, STATE (no current result), PROTOCOL, SIZE. */
int allears_get_answer(allears *handle, allears_answer *out, size_t out_size);

/* The next of its values, from the first one on. ALLEARS_NONE: there are no more. Errors: as above. */
int allears_next_varbind(allears *handle, allears_varbind *out, size_t out_size);

/* The name at `index` that the agent refused, from 0 on, and its error ("noSuchName"). ALLEARS_NONE: there are no
 * more. Errors: as above. */
int allears_get_refused(allears *handle, size_t index, const char **oid, const char **error);

/* ---- The ledger -------------------------------------------------------------------------------------------- */

/* Where every query and every datagram went, since the handle was opened. Two sums hold at any time:
 * queries = answered + silent + unreachable + send_failed + malformed + interrupted + those that are open;
 * datagrams_received = replies + broken + late + duplicates + unmatched. */
typedef struct allears_ledger {
    /* Queries taken in: one for each step of each conversation; and how they ended. */
    uint64_t queries;
    uint64_t answered;
    uint64_t silent;
    uint64_t unreachable;
    uint64_t send_failed;
    uint64_t malformed;
    uint64_t interrupted;
    /* Datagrams that the system took from us; of these, the second and later attempts. */
    uint64_t datagrams_sent;
    uint64_t retransmissions;
    /* Packets that the system did not take at first, and did later. */
    uint64_t deferred;
    /* Answered queries that took more than one attempt; of these, those whose answer was to an earlier one. */
    uint64_t answered_after_retry;
    uint64_t answered_by_earlier;
    /* Attempts made again at no cost, since our own buffer may have dropped an answer. */
    uint64_t asked_again;
    /* Datagrams that the system handed to us, and what they were. */
    uint64_t datagrams_received;
    uint64_t replies;
    uint64_t broken;
    uint64_t late;
    uint64_t duplicates;
    uint64_t unmatched;
    /* The most queries that were in flight at once. */
    uint64_t max_in_flight;
    /* Datagrams that the system dropped because our buffer was full; UINT64_MAX = it does not tell. */
    uint64_t local_drops;
    /* Bytes of receive buffer that each socket was granted, as the system counts them. */
    uint64_t receive_buffer;
    /* Round trips of answered queries, nanoseconds; 0 = there was none. */
    uint64_t rtt_min_ns;
    uint64_t rtt_p50_ns;
    uint64_t rtt_p90_ns;
    uint64_t rtt_p99_ns;
    uint64_t rtt_max_ns;
} allears_ledger;

/* The ledger by now. Errors: NULL, SIZE, STATE (not open). */
int allears_get_ledger(allears *handle, allears_ledger *out, size_t out_size);

#ifdef __cplusplus
}
#endif

#endif
