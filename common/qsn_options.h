#ifndef QSN_OPTIONS_H
#define QSN_OPTIONS_H

/*
 * The table of options: what each is called, takes and sets.  For
 * qsn_settings.c, which reads them.
 */

#include "qsn_settings.h"

enum qsn_option_kind {
    KIND_TEXT,
    KIND_PATH,                  /* made absolute */
    KIND_NUMBER,
    KIND_SECONDS,               /* stored in milliseconds */
    KIND_BYTES,                 /* takes k, m, g */
    KIND_FLAG                   /* no argument on the command line */
};

typedef struct {
    const char *name;           /* as in the file */
    char letter;                /* short option or 0 */
    enum qsn_option_kind kind;
    size_t offset;
    const char *fallback;       /* as in the file; "" depends on others */
    double min;                 /* in the unit the user writes */
    double max;
    const char *help;
} qsn_option_t;

extern const qsn_option_t qsn_options[];
extern const size_t qsn_options_count;

/* By name, with - and _ alike, or by letter; NULL: there is none. */
const qsn_option_t *qsn_options_find(const char *name, size_t length);
const qsn_option_t *qsn_options_find_letter(char letter);

/* Checks kind and bounds.  0, or -1 with what is wrong in error, after where
   it was written. */
int qsn_options_set(qsn_settings_t *settings, const qsn_option_t *option,
    const char *value, const char *where, char *error);

void qsn_options_print_help(const char *program);

#endif
