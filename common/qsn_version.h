#ifndef QSN_VERSION_H
#define QSN_VERSION_H

/* What --version of every program says. */
#define QSN_VERSION  "2.0.0"

#endif
