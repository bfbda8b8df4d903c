/* Lines that begin with # are comments. */

#include "qsn_curve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>


int
qsn_curve_read(const char *path, char *key, char *error, size_t error_size)
{
    FILE *file = fopen(path, "re");
    char line[256];
    int found = 0;

    if (file == NULL) {
        (void) snprintf(error, error_size, "cannot read the key %.200s: %s",
                        path, strerror(errno));
        return -1;
    }

    while (!found && fgets(line, sizeof(line), file)) {
        line[strcspn(line, " \t\r\n")] = '\0';
        found = line[0] != '#' && strlen(line) == QSN_CURVE_KEY_SIZE - 1;
    }

    (void) fclose(file);

    if (!found) {
        (void) snprintf(error, error_size, "%.200s holds no key: a line of "
                        "%d characters", path, QSN_CURVE_KEY_SIZE - 1);
        return -1;
    }

    memcpy(key, line, QSN_CURVE_KEY_SIZE);

    return 0;
}
