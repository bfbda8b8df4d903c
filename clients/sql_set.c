/* A statement of four words. */

#include "sql_set.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char *skip(const char *p, const char *end);
static void copy(char *to, const char *from, const char *end);


int
sql_set_parse(sql_set_t *set, const char *text, size_t length)
{
    const char *end = text + length;
    const char *p = skip(text, end);
    const char *from;

    if (end - p < 4 || strncasecmp(p, "set", 3) != 0
        || !isspace((unsigned char) p[3]))
    {
        return 0;
    }

    while (end > p && (end[-1] == ';' || isspace((unsigned char) end[-1]))) {
        end--;
    }

    from = p = skip(p + 3, end);

    while (p < end && *p != '=' && !isspace((unsigned char) *p)) {
        p++;
    }

    copy(set->name, from, p);
    p = skip(p, end);

    if (p < end && *p == '=') {
        p = skip(p + 1, end);
    }

    if (end - p >= 2 && (*p == '\'' || *p == '"') && end[-1] == *p) {
        p++;
        end--;
    }

    copy(set->value, p, end);

    return 1;
}


int
sql_set_flag(const char *value)
{
    static const char *const words[] = {
        "off", "on", "false", "true", "no", "yes", "0", "1"
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(words[i], value) == 0) {
            return (int) (i & 1);
        }
    }

    return -1;
}


static const char *
skip(const char *p, const char *end)
{
    while (p < end && isspace((unsigned char) *p)) {
        p++;
    }

    return p;
}


static void
copy(char *to, const char *from, const char *end)
{
    size_t length = end > from ? (size_t) (end - from) : 0;

    length = length < SQL_SET_SIZE ? length : SQL_SET_SIZE - 1;
    memcpy(to, from, length);
    to[length] = '\0';
}
