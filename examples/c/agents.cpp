// Walks the names and interfaces of SNMP agents; in C++, with a handle that frees itself.
//
//     c++ agents.cpp $(pkg-config --cflags --libs allears) -o agents
//     ./agents COMMUNITY 127.1.0.1:161 ...
#include <allears.h>

#include <cstdint>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

// A handle. Errors become exceptions, and the destructor frees it.
class Agents {
public:
    Agents()
    {
        allears *raw = nullptr;
        if (allears_new(&raw) != ALLEARS_OK)
            throw std::runtime_error("no handle");
        handle.reset(raw);
        check(allears_open_snmp(raw));
    }

    void use_community(const std::string &community)
    {
        check(allears_snmp_community(handle.get(), 2, community.c_str(), nullptr));
    }

    void walk(const std::vector<const char *> &names)
    {
        check(allears_snmp_request(handle.get(), ALLEARS_SNMP_WALK, names.data(), names.size(), 0, 0, nullptr));
    }

    // Returns false if `agent` is not an address.
    bool ask(const char *agent, std::uint64_t number)
    {
        int code = allears_ask_text(handle.get(), agent, number);
        return code == ALLEARS_ERR_ARGUMENT ? false : check(code);
    }

    std::int64_t room() { return allears_room(handle.get()); }
    bool is_busy() { return allears_pending(handle.get()) > 0; }
    void run() { check(allears_run(handle.get(), -1)); }
    bool next(allears_result &result) { return check(allears_next(handle.get(), &result, sizeof result)); }
    const char *why_incomplete()
    {
        allears_answer answer{};
        check(allears_get_answer(handle.get(), &answer, sizeof answer));
        return answer.why_incomplete;
    }

    bool next(allears_varbind &value) { return check(allears_next_varbind(handle.get(), &value, sizeof value)); }

private:
    struct Free {
        void operator()(allears *raw) const { allears_free(&raw); }
    };

    // Throws on an error. Returns false if there was nothing to return.
    bool check(int code)
    {
        if (code < 0)
            throw std::runtime_error(allears_last_error(handle.get()));
        return code == ALLEARS_OK;
    }

    std::unique_ptr<allears, Free> handle;
};

// Replaces control characters, since an agent may send anything and a terminal obeys it.
std::string shown(const char *text)
{
    std::string out(text);
    for (char &c : out)
        if (static_cast<unsigned char>(c) < ' ' || c == 0x7f)
            c = '?';
    return out;
}

int sweep(const char *community, const std::vector<const char *> &hosts)
{
    Agents agents;
    agents.use_community(community);
    agents.walk({"sysName", "ifDescr", "ifInOctets"});
    std::size_t asked = 0, answered = 0;
    while (asked < hosts.size() || agents.is_busy()) {
        for (; asked < hosts.size() && agents.room() > 0; asked++)
            if (!agents.ask(hosts[asked], asked))
                std::cerr << hosts[asked] << ": not an address\n";
        agents.run();
        for (allears_result result{}; agents.next(result);) {
            const char *host = hosts[result.tag];
            // Values received before a timeout are there, too.
            for (allears_varbind value{}; agents.next(value);)
                std::cout << host << ": " << value.name << " = " << shown(value.text) << '\n';
            const char *why = result.reason ? result.reason : agents.why_incomplete();
            if (why)
                std::cerr << host << ": " << why << '\n';
            answered += why == nullptr;
        }
    }
    return answered > 0 ? 0 : 1;
}

} // namespace

int main(int argc, char **argv)
try {
    if (argc < 3) {
        std::cerr << "usage: agents COMMUNITY HOST ...\n";
        return 2;
    }
    return sweep(argv[1], {argv + 2, argv + argc});
} catch (const std::exception &error) {
    std::cerr << "agents: " << error.what() << '\n';
    return 3;
}
