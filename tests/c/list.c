/* Requests a master's list without taking its servers: the conversation ends nevertheless, without busy waiting. */
#undef NDEBUG
#include <allears.h>
#include <assert.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct sockaddr_storage master;
    allears_result result;
    allears_list list;
    allears *a = NULL;
    socklen_t length;
    int runs = 0;

    assert(argc == 2 && allears_new(&a) == ALLEARS_OK && allears_open_quake3(a, "et") == ALLEARS_OK);
    assert(allears_parse_address(argv[1], 0, &master, &length) == ALLEARS_OK);
    assert(allears_ask_master(a, (struct sockaddr *)&master, length, 0) == ALLEARS_OK);
    while (allears_next(a, &result, sizeof result) == ALLEARS_NONE)
        assert(allears_run(a, -1) == ALLEARS_OK && runs++ < 100);
    assert(allears_get_list(a, &list, sizeof list) == ALLEARS_OK);
    printf("%u servers, complete: %d\n", list.listed, list.is_complete);
    return allears_free(&a);
}
