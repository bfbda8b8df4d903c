/*
 * The words of the statement, without strings and comments, tell what may
 * come: after FROM and JOIN a table, after NAME. its columns, elsewhere
 * columns, tables and keywords.  No grammar: a candidate too many costs
 * nothing.
 */

#include "sql_complete.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sql_command.h"
#include "sql_render.h"
#include "sql_scan.h"

#define WORDS_MAX   512
#define TYPED_SIZE  256

typedef struct {
    const char *text;
    size_t length;
    char after;                 /* the byte that follows, spaces skipped */
} word_t;

typedef struct {
    word_t words[WORDS_MAX];    /* whole ones: not that at the cursor */
    size_t count;
} words_t;

static int complete_command(sql_completion_t *completion, const char *text,
    size_t length, const sql_name_list_t *names);
static int complete_argument(sql_completion_t *completion,
    enum sql_command_takes takes, const char *text, size_t length,
    const sql_name_list_t *names);
static int complete_sql(sql_completion_t *completion, const char *text,
    size_t length, const sql_name_list_t *names);
static int complete_word(sql_completion_t *completion, const char *code,
    size_t length, const char *typed, const sql_name_list_t *names);
static int add_columns(sql_completion_t *completion, const char *typed,
    const char *table, size_t length, const sql_name_list_t *names);
static int add_all_columns(sql_completion_t *completion, const char *typed,
    const words_t *words, const sql_name_list_t *names);
static int add_tables(sql_completion_t *completion, const char *typed,
    const sql_name_list_t *names);
static int add_keywords(sql_completion_t *completion, const char *typed,
    const char *const *keywords);
static void split_words(words_t *words, const char *text, size_t length);
static const word_t *resolve(const words_t *words, const char *name,
    size_t length);
static int names_table(const words_t *words, const char *table);
static int expects_table(const words_t *words);
static int is_word(const word_t *word, const char *keyword);
static int is_any(const word_t *word, const char *const *keywords);
static int is_name_byte(char byte);

static const char *const keywords_all[] = {
    "ALL", "AND", "AS", "ASC", "BETWEEN", "BY", "CASE", "CAST", "COLLATE",
    "COUNT", "CROSS", "DESC", "DISTINCT", "ELSE", "END", "ESCAPE", "EXCEPT",
    "EXISTS", "FILTER", "FROM", "FULL", "GLOB", "GROUP", "GROUP_CONCAT",
    "HAVING", "IN", "INNER", "INTERSECT", "IS", "ISNULL", "JOIN", "LEFT",
    "LIKE", "LIMIT", "MAX", "MIN", "NATURAL", "NOCASE", "NOT", "NOTNULL",
    "NULL", "NULLS", "OFFSET", "ON", "OR", "ORDER", "OUTER", "OVER",
    "PARTITION", "RECURSIVE", "RIGHT", "SELECT", "SUM", "THEN", "UNION",
    "USING", "VALUES", "WHEN", "WHERE", "WINDOW", "WITH", NULL
};
static const char *const keywords_first[] = {
    "DESC", "EXPLAIN", "SELECT", "SET", "SHOW", "VALUES", "WITH", "quit",
    NULL
};
static const char *const keywords_show[] = {
    "CONNECTIONS", "INFO", "TABLES", "VIEWS", NULL
};
static const char *const keywords_set[] = { "use_write_db", NULL };
static const char *const before_table[] = {
    "FROM", "JOIN", "DESCRIBE", "VIEW", NULL
};
static const char *const no_alias[] = {
    "WHERE", "ON", "JOIN", "LEFT", "RIGHT", "INNER", "CROSS", "NATURAL",
    "FULL", "OUTER", "GROUP", "ORDER", "LIMIT", "UNION", "USING", "HAVING",
    "EXCEPT", "INTERSECT", NULL
};
static const char *const flags[] = { "off", "on", NULL };


int
sql_complete(sql_completion_t *completion, const char *text, size_t length,
    const sql_name_list_t *names)
{
    int rc;

    memset(completion, 0, sizeof(*completion));

    while (length > 0 && isspace((unsigned char) *text)) {
        text++;
        length--;
    }

    rc = length > 0 && *text == '.'
         ? complete_command(completion, text, length, names)
         : complete_sql(completion, text, length, names);

    if (completion->kind != SQL_COMPLETE_FILES && completion->count > 0) {
        completion->kind = SQL_COMPLETE_LIST;
        sql_completion_sort(completion);
    }

    return rc;
}


static int
complete_command(sql_completion_t *completion, const char *text,
    size_t length, const sql_name_list_t *names)
{
    enum sql_command_takes takes, taken = SQL_COMMAND_NOTHING;
    size_t name_length = 0;
    const char *name;
    int rc = 0;

    while (name_length < length && !isspace((unsigned char) text[name_length]))
    {
        name_length++;
    }

    int is_name = name_length == length;

    for (size_t i = 0; (name = sql_command_name(i, &takes)); i++) {
        if (strncasecmp(name, text, name_length) == 0) {
            taken = takes;
            rc |= is_name ? sql_completion_add(completion, name, strlen(name))
                          : 0;
        }
    }

    if (is_name) {
        completion->typed = length;
        return rc;
    }

    text += name_length;
    length -= name_length;

    return taken == SQL_COMMAND_STATEMENT
           ? complete_sql(completion, text, length, names)
           : complete_argument(completion, taken, text, length, names);
}


static int
complete_argument(sql_completion_t *completion,
    enum sql_command_takes takes, const char *text, size_t length,
    const sql_name_list_t *names)
{
    char typed[TYPED_SIZE];
    const char *name;
    int rc = 0;

    while (completion->typed < length
           && !isspace((unsigned char) text[length - completion->typed - 1]))
    {
        completion->typed++;
    }

    if (completion->typed >= sizeof(typed)) {
        return 0;
    }

    memcpy(typed, text + length - completion->typed, completion->typed);
    typed[completion->typed] = '\0';

    switch (takes) {

    case SQL_COMMAND_TABLE:
        return add_tables(completion, typed, names);

    case SQL_COMMAND_FLAG:
        return add_keywords(completion, typed, flags);

    case SQL_COMMAND_FILE:
        completion->kind = SQL_COMPLETE_FILES;
        return 0;

    case SQL_COMMAND_MODE:
        for (int i = 0; (name = sql_render_mode_name((enum sql_mode) i)); i++)
        {
            rc |= sql_completion_match(completion, typed, name);
        }

        return rc;

    case SQL_COMMAND_NAME:
        for (size_t i = 0; (name = sql_command_name(i, &takes)); i++) {
            rc |= sql_completion_match(completion, typed, name);
        }

        return rc;

    default:
        return 0;
    }
}


/* Only the statement that the cursor is in counts, and of it only code. */
static int
complete_sql(sql_completion_t *completion, const char *text, size_t length,
    const sql_name_list_t *names)
{
    sql_scan_t scan = { 0 };
    char typed[TYPED_SIZE];
    size_t start;
    char *code;
    int rc;

    while (sql_scan_next(&scan, text, length)) {
        text += scan.at;
        length -= scan.at;
        memset(&scan, 0, sizeof(scan));
    }

    start = length;

    while (start > 0 && is_name_byte(text[start - 1])) {
        start--;
    }

    if (scan.inside == '\'' || scan.inside == '-' || scan.inside == '*'
        || length - start >= sizeof(typed))
    {
        return 0;
    }

    code = strndup(text, start);

    if (code == NULL) {
        return -1;
    }

    sql_scan_blank(code, start);
    memcpy(typed, text + start, length - start);
    typed[length - start] = '\0';
    completion->typed = length - start;
    rc = complete_word(completion, code, start, typed, names);

    free(code);

    return rc;
}


static int
complete_word(sql_completion_t *completion, const char *code, size_t length,
    const char *typed, const sql_name_list_t *names)
{
    words_t words = { .count = 0 };
    int rc;

    split_words(&words, code, length);

    if (words.count == 0) {
        return *typed ? add_keywords(completion, typed, keywords_first) : 0;
    }

    if (code[length - 1] == '.') {
        const word_t *word = &words.words[words.count - 1];

        word = resolve(&words, word->text, word->length);
        return add_columns(completion, typed, word->text, word->length,
                           names);
    }

    if (words.count == 1 && is_word(&words.words[0], "SHOW")) {
        return add_keywords(completion, typed, keywords_show);
    }

    if (words.count == 1 && is_word(&words.words[0], "SET")) {
        return add_keywords(completion, typed, keywords_set);
    }

    rc = add_tables(completion, typed, names);

    if (!expects_table(&words)) {
        rc |= add_all_columns(completion, typed, &words, names);

        /* a keyword out of nothing helps nobody */
        rc |= *typed ? add_keywords(completion, typed, keywords_all) : 0;
    }

    return rc;
}


static int
add_tables(sql_completion_t *completion, const char *typed,
    const sql_name_list_t *names)
{
    int rc = 0;

    for (size_t i = 0; i < names->count; i++) {
        if (names->names[i].column == NULL) {
            rc |= sql_completion_match(completion, typed,
                                       names->names[i].table);
        }
    }

    return rc;
}


/* Columns of that table. */
static int
add_columns(sql_completion_t *completion, const char *typed,
    const char *table, size_t length, const sql_name_list_t *names)
{
    int rc = 0;

    for (size_t i = 0; i < names->count; i++) {
        const sql_name_t *name = &names->names[i];

        if (name->column && strlen(name->table) == length
            && strncasecmp(name->table, table, length) == 0)
        {
            rc |= sql_completion_match(completion, typed, name->column);
        }
    }

    return rc;
}


/* Columns of the tables that the statement names; while it names none, and
   something was typed, of all. */
static int
add_all_columns(sql_completion_t *completion, const char *typed,
    const words_t *words, const sql_name_list_t *names)
{
    size_t before = completion->count;
    int rc = 0;

    for (int all = 0; all < 2; all++) {
        for (size_t i = 0; i < names->count; i++) {
            const sql_name_t *name = &names->names[i];

            if (name->column && (all || names_table(words, name->table))) {
                rc |= sql_completion_match(completion, typed,
                                           name->column);
            }
        }

        if (completion->count > before || *typed == '\0') {
            break;
        }
    }

    return rc;
}


/* Keywords in the case in which they were begun. */
static int
add_keywords(sql_completion_t *completion, const char *typed,
    const char *const *keywords)
{
    int is_lower = islower((unsigned char) typed[0]);
    int rc = 0;

    for (size_t i = 0; keywords[i]; i++) {
        char word[32];
        size_t j = 0;

        for (/* void */; keywords[i][j] && j + 1 < sizeof(word); j++) {
            word[j] = is_lower
                ? (char) tolower((unsigned char) keywords[i][j])
                : keywords[i][j];
        }

        word[j] = '\0';
        rc |= sql_completion_match(completion, typed, word);
    }

    return rc;
}


/* Names and keywords; of a statement with too many, the last ones. */
static void
split_words(words_t *words, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        const char *word = text + i;

        if (!is_name_byte(*word)) {
            continue;
        }

        while (i < length && is_name_byte(text[i])) {
            i++;
        }

        if (words->count == WORDS_MAX) {
            memmove(words->words, words->words + 1,
                    (WORDS_MAX - 1) * sizeof(word_t));
            words->count--;
        }

        word_t *found = &words->words[words->count++];
        size_t next = i;

        while (next < length && (isspace((unsigned char) text[next])
                                 || strchr("\"`]", text[next])))
        {
            next++;
        }

        found->text = word;
        found->length = (size_t) (text + i - word);
        found->after = next < length ? text[next] : '\0';
        i--;
    }
}


/* What an alias stands for: the table before it, in FROM t a or JOIN t AS a
   or after a comma.  A name that is no alias stands for itself. */
static const word_t *
resolve(const words_t *words, const char *name, size_t length)
{
    const word_t *last = &words->words[words->count - 1];

    for (size_t i = 2; i + 1 < words->count; i++) {
        const word_t *word = &words->words[i];

        if (word->length != length
            || strncasecmp(word->text, name, length) != 0)
        {
            continue;
        }

        const word_t *table = word - 1 - (is_word(word - 1, "AS") && i > 2);

        if (is_any(table - 1, before_table) || table[-1].after == ',') {
            return table;
        }
    }

    return last;
}


static int
names_table(const words_t *words, const char *table)
{
    for (size_t i = 0; i < words->count; i++) {
        if (is_word(&words->words[i], table)) {
            return 1;
        }
    }

    return 0;
}


/* After FROM or JOIN, DESC as the first word, or a comma that goes on with
   a list of tables. */
static int
expects_table(const words_t *words)
{
    const word_t *last = &words->words[words->count - 1];

    if (is_any(last, before_table)
        || (words->count == 1 && is_word(last, "DESC")))
    {
        return 1;
    }

    if (last->after != ',') {
        return 0;
    }

    for (size_t i = words->count; i > 0; i--) {
        const word_t *word = &words->words[i - 1];

        if (is_word(word, "FROM")) {
            return 1;
        }

        if (is_word(word, "SELECT") || is_word(word, "BY")
            || is_any(word, no_alias))
        {
            return 0;
        }
    }

    return 0;
}


static int
is_word(const word_t *word, const char *keyword)
{
    return strlen(keyword) == word->length
           && strncasecmp(keyword, word->text, word->length) == 0;
}


static int
is_any(const word_t *word, const char *const *keywords)
{
    for (size_t i = 0; keywords[i]; i++) {
        if (is_word(word, keywords[i])) {
            return 1;
        }
    }

    return 0;
}


static int
is_name_byte(char byte)
{
    return isalnum((unsigned char) byte) || byte == '_' || byte == '$'
           || (unsigned char) byte >= 0x80;
}
