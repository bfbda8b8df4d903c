"""Random tables and queries, through the server and through plain SQLite.

  differential.py SOCKET SECONDS SEED

The tables are published over the worker's socket; the same rows go into an
SQLite database in memory, of the same version.  Then random queries go to
both, and their answers are compared cell by cell (values=native, so types
count, too), in order where the query has one.  The seed that is printed
gives the same tables and queries again.  Exit status 0: no difference.
"""

import json
import math
import random
import socket
import sqlite3
import struct
import sys
import time

REQUEST, MORE, ABORT, NATIVE = 1, 1, 2, 8
ADD_TABLE, QUERY = 1, 4
SQL = 3

TYPES = {'int': 'INTEGER', 'real': 'REAL', 'text': 'TEXT'}
WORDS = ['', 'a', 'b', 'ab', 'abc', 'Abc', 'x y', "it's", '"q"', '%', '_',
         'é', '€é', '😀', '10', '9', '2.5', '-1', '1e3', ' 7', '0', '<b>',
         'null', '\t', '\n', 'ß', 'zz', '\\']
NUMBERS = [0, 1, -1, 2, 3, 7, 10, 255, -128, 2 ** 31, 2 ** 53 + 1,
           2 ** 63 - 1, -2 ** 63, 10 ** 15]
REALS = [0.0, 0.5, -0.5, 1.0, 2.5, 1e10, 1e300, -1e-300, 3.14159, 0.1,
         1e15, 123456789.125]


class Worker:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.bytes = b''
        self.id = 0

    def take(self, count):
        while len(self.bytes) < count:
            more = self.socket.recv(1 << 18)
            if not more:
                raise SystemExit('the worker hung up')
            self.bytes += more
        taken, self.bytes = self.bytes[:count], self.bytes[count:]
        return taken

    def request(self, op, args=b'', body=b'', flags=0):
        self.id += 1
        self.socket.sendall(struct.pack(
            '<4s4BQHHIQ', b'QSNF', 1, REQUEST, op, 0, self.id, flags, 0,
            len(args), len(body)) + args + body)
        status, answer, more = None, b'', True
        while more:
            head = struct.unpack('<4s4BQHHIQ', self.take(32))
            status = head[7] if status is None else status
            more = head[6] & MORE
            self.take(head[8])
            if head[6] & ABORT:         # past a limit, and says which
                return 504, self.take(head[9]).decode()
            answer += self.take(head[9])
        return status, json.loads(answer)

    def query(self, sql):
        text = sql.encode()
        return self.request(QUERY, struct.pack('<HHI', SQL, 0, len(text))
                            + text, flags=NATIVE)

    def publish(self, name, columns, rows):
        status, answer = self.request(ADD_TABLE, body=json.dumps({
            'op': 'add_table_data', 'identity': 'differential', 'persist': 1,
            'table': {'tablename': name, 'rows': rows,
                      'column_names': [c for c, _ in columns],
                      'column_types': [t for _, t in columns]}}).encode())
        if status != 200:
            raise SystemExit(f'{name}: {answer}')


def value(kind, r):
    if r.random() < 0.15:
        return None
    if kind == 'text':
        return r.choice(WORDS)
    if kind == 'real':
        return r.choice(REALS + [r.uniform(-100, 100)])
    return r.choice(NUMBERS + [r.randint(-20, 20)] * 8)


def make_tables(r):
    tables = {}
    for i in range(4):
        columns = [(f'c{j}', r.choice(list(TYPES)))
                   for j in range(r.randint(1, 6))]
        rows = [[value(kind, r) for _, kind in columns]
                for _ in range(r.choice([0, 1, 5, 40, 200]))]
        tables[f't{i}'] = (columns, rows)
    return tables


class Queries:
    """A small grammar.  Nothing in it is left to chance by SQL itself: no
    bare columns beside aggregates, no LIMIT without a whole order."""

    def __init__(self, tables, r):
        self.tables, self.r = tables, r
        self.template = None

    def literal(self):
        r = self.r
        kind = r.random()
        if kind < 0.1:
            return 'NULL'
        if kind < 0.5:
            return str(r.choice(NUMBERS[:9] + list(range(-3, 12))))
        if kind < 0.65:
            return repr(r.choice(REALS))
        if kind < 0.7:
            return "x'" + r.choice(['', '00', '61', 'c3a9', 'ff00']) + "'"
        return "'" + r.choice(WORDS).replace("'", "''") + "'"

    def expression(self, names, depth=3):
        r = self.r
        if depth == 0 or r.random() < 0.3:
            return r.choice(names) if names and r.random() < 0.7 \
                else self.literal()
        e = lambda: self.expression(names, depth - 1)
        return r.choice([
            lambda: f'({e()} {r.choice(["+", "-", "*", "/", "%"])} {e()})',
            lambda: f'({e()} {r.choice(["=", "<>", "<", "<=", ">", "is", "is not", "and", "or", "||", "&", "|", "<<"])} {e()})',
            lambda: f'(not {e()})',
            lambda: f'(- {e()})',
            lambda: f'({e()} between {e()} and {e()})',
            lambda: f'({e()} in ({e()}, {e()}, {e()}))',
            lambda: f'({e()} {r.choice(["like", "glob", "not like"])} {e()})',
            lambda: f'(case when {e()} then {e()} else {e()} end)',
            lambda: f'cast({e()} as {r.choice(["integer", "real", "text", "blob"])})',
            lambda: f'{r.choice(["abs", "length", "upper", "lower", "typeof", "hex", "quote", "trim", "ltrim", "rtrim", "unicode", "soundex", "sign", "json_quote", "round"])}({e()})',
            lambda: f'{r.choice(["coalesce", "ifnull", "nullif", "instr", "max", "min", "substr", "trim", "ltrim", "rtrim", "json_array"])}({e()}, {e()})',
            lambda: f'{r.choice(["replace", "substr", "iif"])}({e()}, {e()}, {e()})',
            lambda: f"printf({r.choice(['%d', '%s|%s', '%.3f', '%5d', '%-5s|', '%x', '%c%c', '%q', '%,d']).__repr__()}, {e()}, {e()})",
            lambda: f"json_set('{{}}', '$.a', {e()})",
        ])()

    def aggregate(self, names):
        r = self.r
        e = self.expression(names, 1)
        return r.choice([
            'count(*)', f'count({e})', f'count(distinct {e})', f'min({e})',
            f'max({e})', f'sum(length({e}))', f'total(length({e}))',
            f'avg(length({e}))', f"group_concat(typeof({e}), '')"])

    def source(self):
        r = self.r
        chosen = [r.choice(list(self.tables))
                  for _ in range(r.choice([1, 1, 1, 2]))]
        names, parts = [], []
        for i, table in enumerate(chosen):
            columns, rows = self.tables[table]
            names += [f's{i}.{c}' for c, _ in columns]
            parts.append(f'{table} s{i}')
        join = r.choice([' join ', ' left join ', ', '])
        text = join.join(parts)
        if len(parts) == 2 and join != ', ':
            text += f' on {self.expression(names, 1)}'
        return text, names

    def comparisons(self):
        """The last query with other values, or a new one of a kind: the
        server keeps such prepared without them."""
        r = self.r
        if self.template is None or r.random() < 0.2:
            source, names = self.source()
            order = ', '.join(str(i + 1) for i in range(len(names)))
            terms = [f'{self.expression(names, r.choice([0, 0, 1]))}'
                     f' {r.choice(["=", "==", "<>", "!=", "<", ">="])} @'
                     for _ in range(r.randint(1, 3))]
            self.template = (
                f'select {", ".join(names)} from {source} where '
                + r.choice([' and ', ' or ']).join(terms)
                + f' order by {order}')
        first, *rest = self.template.split('@')
        return first + ''.join(self.literal() + part for part in rest)

    def query(self):
        r = self.r
        if r.random() < 0.25:
            return self.comparisons(), True
        source, names = self.source()
        where = f' where {self.expression(names)}' if r.random() < 0.5 else ''
        kind = r.random()
        if kind < 0.25:
            group = self.expression(names, 1)
            return (f'select typeof({group}), {group}, '
                    f'{self.aggregate(names)}, {self.aggregate(names)} '
                    f'from {source}{where} group by 1, 2'), False
        cells = [self.expression(names) for _ in range(r.randint(1, 4))]
        order = ', '.join(str(i + 1) for i in range(len(cells)))
        if kind < 0.4:
            other, more = self.source()
            cells2 = [self.expression(more) for _ in cells]
            op = r.choice(['union', 'union all', 'except', 'intersect'])
            return (f'select {", ".join(cells)} from {source}{where} {op} '
                    f'select {", ".join(cells2)} from {other}'), False
        distinct = 'distinct ' if kind < 0.5 else ''
        text = f'select {distinct}{", ".join(cells)} from {source}{where}'
        if kind < 0.7:
            return (f'select * from ({text}) order by {order}', True)
        return text, False


def canonical(cell):
    """As JSON has it: a blob is a string, and so is infinity."""
    if isinstance(cell, bytes):
        try:
            return cell.decode()
        except UnicodeDecodeError:
            return "x'" + cell.hex() + "'"
    if isinstance(cell, float):
        if math.isinf(cell):
            return 'inf' if cell > 0 else '-inf'
        return ('real', repr(cell))
    return ('int', cell) if isinstance(cell, int) else cell


def rows_of(rows, ordered):
    rows = [[canonical(cell) for cell in row] for row in rows]
    return rows if ordered else sorted(rows, key=repr)


def main():
    path, seconds, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    r = random.Random(seed)
    worker = Worker(path)
    plain = sqlite3.connect(':memory:')
    # the server's, which not only errors depend on (substr() from -10^8 on)
    plain.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 256)
    plain.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, (1024 + 64) * 1024)
    plain.text_factory = lambda data: data.decode('utf-8', 'replace')
    tables = make_tables(r)

    print(f'# seed {seed}, SQLite {sqlite3.sqlite_version}')
    for name, (columns, rows) in tables.items():
        worker.publish(name, columns, rows)
        plain.execute(f'create table {name} (' + ', '.join(
            f'{c} {TYPES[t]}' for c, t in columns) + ')')
        plain.executemany(f'insert into {name} values ('
                          + ', '.join('?' * len(columns)) + ')', rows)

    while worker.query(f'select count(*) from {name}')[0] != 200:
        time.sleep(0.05)

    queries = Queries(tables, r)
    end = time.monotonic() + seconds
    asked = compared = errors = cut = 0

    while time.monotonic() < end or compared < 50:
        sql, ordered = queries.query()
        asked += 1
        stop = time.monotonic() + 2
        plain.set_progress_handler(lambda: time.monotonic() > stop, 10000)
        try:
            expected = plain.execute(sql).fetchall()
        except (sqlite3.Error, OverflowError) as error:
            expected = str(error)
        status, answer = worker.query(sql)

        if status in (413, 503, 504) or expected == 'interrupted':
            cut += 1            # a limit of ours, or of this script
            continue
        if isinstance(expected, str) or status != 200:
            if isinstance(expected, str) != (status != 200):
                print(f'{sql}\n  SQLite: {expected!r:.300}\n'
                      f'  server: {status} {answer!r:.300}')
                return 1
            errors += 1
            continue

        compared += 1
        one = rows_of(expected, ordered)
        two = rows_of(answer['table']['rows'], ordered)
        if one != two:
            here = [row for row in one if row not in two]
            there = [row for row in two if row not in one]
            print(f'{sql}\n  {len(one)} rows of SQLite, not the server\'s: '
                  f'{here[:3]}\n  {len(two)} rows of the server, not '
                  f'SQLite\'s: {there[:3]}')
            return 1

    print(f'# {asked} queries: {compared} answers compared, {errors} errors '
          f'on both sides, {cut} cut off')
    return 0


sys.exit(main())
