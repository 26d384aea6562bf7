/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "rules.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\n\v\f"
#define ANY_PORT { 0, UINT16_MAX }

/* Where the parser is. */
struct parser {
    struct rules *rules;
    unsigned int line;
    char *rest;                 /* Of the line; the next word is cut off. */
    bool default_seen;
    bool non_ip_seen;
    struct nf_error err;        /* Without the place. */
};

static int
no_memory(struct parser *parser)
{
    words_error(&parser->err, "out of memory");
    return ENOMEM;
}

static const char *
next_word(struct parser *parser)
{
    return strtok_r(NULL, BLANKS, &parser->rest);
}

/* Parses a prefix into the two words of a rule's 'want' and 'mask'. */
static int
parse_prefix(struct parser *parser, const char *word, struct rule *rule,
             uint64_t want[2], uint64_t mask[2])
{
    struct prefix prefix;
    int error = words_parse_prefix(word, &prefix, &parser->err);

    if (error || !prefix.family) {
        return error;
    }
    if (rule->family && rule->family != prefix.family) {
        return words_error(&parser->err,
                           "src and dst are of different families");
    }
    rule->family = prefix.family;
    memcpy(want, prefix.want.bytes, sizeof prefix.want);
    memcpy(mask, prefix.mask.bytes, sizeof prefix.mask);
    return 0;
}

static int
parse_mark(struct parser *parser, const char *word, struct rule *rule)
{
    unsigned long mark;
    int error;

    if (!rule->allow) {
        return words_error(&parser->err, "only \"allow\" can set a mark");
    }
    error = words_parse_number(word, "mark", UINT16_MAX, &mark, &parser->err);
    if (!error) {
        rule->has_mark = true;
        rule->mark = mark;
    }
    return error;
}

enum keyword { MARK, PROTO, SRC, SPORT, DST, DPORT, FRAGMENT, N_KEYWORDS };

static enum keyword
find_keyword(const char *word)
{
    static const char *const names[] = {
        "mark", "proto", "src", "sport", "dst", "dport", "fragment",
    };
    int i;

    for (i = 0; i < N_KEYWORDS && strcmp(word, names[i]); i++) {
        continue;
    }
    return i;
}

static int
parse_match(struct parser *parser, enum keyword keyword, const char *value,
            struct rule *rule)
{
    switch (keyword) {
    case MARK:
        return parse_mark(parser, value, rule);
    case PROTO:
        return words_parse_proto(value, &rule->proto, &parser->err);
    case SRC:
        return parse_prefix(parser, value, rule, rule->want, rule->mask);
    case DST:
        return parse_prefix(parser, value, rule, rule->want + 2,
                            rule->mask + 2);
    case SPORT:
        rule->has_ports = true;
        return words_parse_ports(value, &rule->sport, &parser->err);
    case DPORT:
        rule->has_ports = true;
        return words_parse_ports(value, &rule->dport, &parser->err);
    case FRAGMENT:
        rule->later_fragment = true;
        return 0;
    case N_KEYWORDS:
    default:
        return words_error(&parser->err, "\"%s\" is not known: expected "
                           "mark, proto, src, sport, dst, dport or fragment",
                           value);
    }
}

/* Refuses a rule that would never match, rather than let its author believe
 * that it does something. */
static int
check_rule(struct parser *parser, const struct rule *rule)
{
    struct nf_error *err = &parser->err;

    if (rule->has_ports
        && (rule->proto < 0 || !flow_proto_has_ports(rule->proto))) {
        return words_error(err, "ports need \"proto\" tcp, udp, sctp, dccp "
                           "or udplite");
    }
    if (rule->has_ports && rule->later_fragment) {
        return words_error(err, "\"fragment\" with ports never matches: only "
                           "the first fragment has ports");
    }
    if (rule->proto == IPPROTO_ICMPV6 && rule->family == FLOW_IPV4) {
        return words_error(err, "icmp6 with IPv4 addresses never matches: "
                           "icmp is meant?");
    }
    if (rule->proto == IPPROTO_ICMP && rule->family == FLOW_IPV6) {
        return words_error(err, "icmp with IPv6 addresses never matches: "
                           "icmp6 is meant?");
    }
    return 0;
}

static int
parse_matches(struct parser *parser, struct rule *rule)
{
    bool seen[N_KEYWORDS] = { false };
    const char *word;

    while ((word = next_word(parser))) {
        enum keyword keyword = find_keyword(word);
        const char *value = word;
        int error;

        if (keyword < FRAGMENT) {
            value = next_word(parser);
            if (!value) {
                return words_error(&parser->err, "\"%s\" lacks its value",
                                   word);
            }
        }
        if (keyword < N_KEYWORDS && seen[keyword]) {
            return words_error(&parser->err, "\"%s\" is there twice", word);
        }
        error = parse_match(parser, keyword, value, rule);
        if (error) {
            return error;
        }
        seen[keyword] = true;
    }
    return check_rule(parser, rule);
}

/* Makes 'text' what 'words' says, with single blanks.  Returns false if there
 * is no memory. */
static bool
squeeze(const char *words, char **text)
{
    char *to = malloc(strlen(words) + 1);

    *text = to;
    if (!to) {
        return false;
    }
    for (; *words; words += strspn(words, BLANKS)) {
        size_t n = strcspn(words, BLANKS);

        if (n && to != *text) {
            *to++ = ' ';
        }
        memcpy(to, words, n);
        to += n;
        words += n;
    }
    *to = '\0';
    return true;
}

static struct rule *
add_rule(struct rules *rules)
{
    if (rules->n == rules->allocated) {
        size_t allocated = rules->allocated ? 2 * rules->allocated : 16;
        struct rule *new = realloc(rules->rules, allocated * sizeof *new);

        if (!new) {
            return NULL;
        }
        rules->rules = new;
        rules->allocated = allocated;
    }
    return &rules->rules[rules->n++];
}

static int
parse_rule(struct parser *parser, const char *line, bool allow)
{
    struct rule rule = {
        .proto = -1,
        .sport = ANY_PORT,
        .dport = ANY_PORT,
        .allow = allow,
        .line = parser->line,
    };
    struct rule *new;
    int error = parse_matches(parser, &rule);

    if (error) {
        return error;
    }
    if (!squeeze(line, &rule.text)) {
        return no_memory(parser);
    }
    new = add_rule(parser->rules);
    if (!new) {
        free(rule.text);
        return no_memory(parser);
    }
    *new = rule;
    return 0;
}

/* Parses what follows "default" or "non-ip", which is 'word'. */
static int
parse_policy(struct parser *parser, const char *line, const char *word,
             struct rule *policy, bool *seen)
{
    const char *value = next_word(parser);

    if (*seen) {
        return words_error(&parser->err, "\"%s\" is there twice", word);
    }
    if (!value || (strcmp(value, "allow") && strcmp(value, "deny"))
        || next_word(parser)) {
        return words_error(&parser->err, "expected \"%s allow\" or \"%s "
                           "deny\"", word, word);
    }
    free(policy->text);
    policy->allow = !strcmp(value, "allow");
    policy->line = parser->line;
    *seen = true;
    return squeeze(line, &policy->text) ? 0 : no_memory(parser);
}

/* Parses 'line', which the words are cut out of; 'copy' is the same. */
static int
parse_line(struct parser *parser, char *line, const char *copy)
{
    struct rules *rules = parser->rules;
    const char *word = strtok_r(line, BLANKS, &parser->rest);

    if (!word) {
        return 0;
    } else if (!strcmp(word, "allow")) {
        return parse_rule(parser, copy, true);
    } else if (!strcmp(word, "deny")) {
        return parse_rule(parser, copy, false);
    } else if (!strcmp(word, "default")) {
        return parse_policy(parser, copy, word, &rules->fallback,
                            &parser->default_seen);
    } else if (!strcmp(word, "non-ip")) {
        return parse_policy(parser, copy, word, &rules->non_ip,
                            &parser->non_ip_seen);
    }
    return words_error(&parser->err, "\"%s\" is not known: expected allow, "
                       "deny, default or non-ip", word);
}

static int
parse_stream(struct parser *parser, FILE *stream)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    int error = 0;

    while (!error && (n = getline(&line, &size, stream)) >= 0) {
        char *copy;

        parser->line++;
        if (memchr(line, '\0', n)) {
            error = words_error(&parser->err,
                                "a NUL byte: this is not a text file");
            break;
        }
        line[strcspn(line, "#")] = '\0';
        copy = strdup(line);
        error = copy ? parse_line(parser, line, copy) : no_memory(parser);
        free(copy);
    }
    if (!error && ferror(stream)) {
        error = errno ? errno : EIO;
        words_error(&parser->err, "cannot read on: %s", strerror(error));
    }
    free(line);
    return error;
}

static struct rules *
rules_create(const char *path)
{
    struct rules *rules = calloc(1, sizeof *rules);

    if (!rules) {
        return NULL;
    }
    rules->path = strdup(path);
    rules->fallback.text = strdup("default deny");
    rules->non_ip.text = strdup("non-ip allow");
    rules->non_ip.allow = true;
    rules->malformed.text = strdup("malformed deny");
    if (!rules->path || !rules->fallback.text || !rules->non_ip.text
        || !rules->malformed.text) {
        rules_destroy(rules);
        return NULL;
    }
    return rules;
}

/* Copies the message of 'parser' to 'err', with the place before it. */
static void
report_error(const struct parser *parser, const char *path,
             struct nf_error *err)
{
    if (err) {
        snprintf(err->text, sizeof err->text, "%.200s:%u: %.256s", path,
                 parser->line, parser->err.text);
    }
}

int
rules_parse(struct rules **rulesp, FILE *stream, const char *path,
            struct nf_error *err)
{
    struct parser parser = { .rules = rules_create(path) };
    int error;

    error = parser.rules ? parse_stream(&parser, stream) : no_memory(&parser);
    if (error) {
        report_error(&parser, path, err);
        rules_destroy(parser.rules);
    } else {
        *rulesp = parser.rules;
    }
    return error;
}

int
rules_load(struct rules **rulesp, const char *path, struct nf_error *err)
{
    FILE *stream = fopen(path, "r");
    int error;

    if (!stream) {
        error = errno;
        if (err) {
            snprintf(err->text, sizeof err->text, "cannot open %s: %s", path,
                     strerror(error));
        }
        return error;
    }
    error = rules_parse(rulesp, stream, path, err);
    fclose(stream);
    return error;
}
