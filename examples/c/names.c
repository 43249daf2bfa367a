/*
 * Resolves many names: requests the records of one type for each name, and prints them.
 *
 *     cc names.c $(pkg-config --cflags --libs allears) -o names
 *     ./names FILE TYPE SERVER ...          such as ./names names.txt MX 192.0.2.53 "[2001:db8::53]:5300"
 *
 * The file has one name per line, and is read only while there is room for more names.
 */
#define _GNU_SOURCE
#include <allears.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static allears *a;

static void check(int code)
{
    if (code < 0) {
        fprintf(stderr, "names: %s\n", allears_last_error(a));
        allears_free(&a);
        exit(3);
    }
}

static void add_server(const char *text)
{
    struct sockaddr_storage server;
    socklen_t length;

    if (allears_parse_address(text, 53, &server, &length) == ALLEARS_OK)
        check(allears_dns_server(a, (struct sockaddr *)&server, length));
    else
        fprintf(stderr, "names: `%s` is not an address\n", text);
}

/* Queries as many names of the file as there is room for. Returns 0 at the end of the file. */
static int ask(FILE *names, const char *type)
{
    char line[1100], *name; /* A name has at most 1,004 characters if all are escaped. */

    while (allears_room(a) > 0) {
        if (!fgets(line, sizeof line, names))
            return 0;
        line[strcspn(line, "\r\n")] = 0;
        if (!*line || !(name = strdup(line)))
            continue;
        /* The tag is the name: the result does not contain it. */
        if (allears_ask_dns(a, NULL, 0, name, type, NULL, (uint64_t)(uintptr_t)name) != ALLEARS_OK) {
            fprintf(stderr, "names: %s\n", allears_last_error(a));
            free(name);
        }
    }
    return 1;
}

/* Prints the records of an answer, or why there are none. */
static void show(const allears_result *result, const char *name)
{
    allears_dns_answer answer;
    allears_dns_record record;
    int found = 0;

    if (allears_get_dns_answer(a, &answer, sizeof answer) != ALLEARS_OK) {
        printf("%s: %s\n", name, result->reason);
        return;
    }
    for (size_t i = 0; allears_get_dns_record(a, i, &record, sizeof record) == ALLEARS_OK; i++)
        if (record.section == ALLEARS_DNS_ANSWER && ++found)
            printf("%s %s %s\n", record.name, record.type_name, record.text);
    if (found == 0)
        printf("%s: %s\n", name, answer.rcode == 0 ? "no such records" : answer.rcode_name);
}

/* Prints all results there are, and returns the number of names with an answer. */
static int take_results(void)
{
    allears_result result;
    int answered = 0;

    while (allears_next(a, &result, sizeof result) == ALLEARS_OK) {
        char *name = (char *)(uintptr_t)result.tag;
        show(&result, name);
        free(name);
        answered += result.outcome == ALLEARS_ANSWERED;
    }
    return answered;
}

int main(int argc, char **argv)
{
    int has_more = 1, answered = 0;
    FILE *names;

    if (argc < 4 || !(names = fopen(argv[1], "r"))) {
        fprintf(stderr, "usage: names FILE TYPE SERVER ...\n");
        return 2;
    }
    check(allears_new(&a));
    check(allears_open_dns(a));
    for (int i = 3; i < argc; i++)
        add_server(argv[i]);
    while ((has_more = has_more && ask(names, argv[2])) || allears_pending(a) > 0) {
        check(allears_run(a, -1));
        answered += take_results();
    }
    allears_free(&a);
    fclose(names);
    return answered > 0 ? 0 : 1;
}
