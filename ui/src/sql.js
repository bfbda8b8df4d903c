// SQL that the UI writes, and where in SQL an error is.

export function name(identifier) {
    return /^[a-z_][a-z0-9_]*$/i.test(identifier) && !reserved.has(
        identifier.toLowerCase()) ? identifier
        : `"${identifier.replaceAll('"', '""')}"`;
}

export function literal(value) {
    if (value === null) {
        return 'NULL';
    }
    return typeof value === 'number' || typeof value === 'bigint'
        ? String(value) : `'${String(value).replaceAll("'", "''")}'`;
}

// static.x is a table of the other database.
export function table(tablename) {
    return tablename.startsWith('static.')
        ? `static.${name(tablename.slice(7))}` : name(tablename);
}

export const operators = {
    '=': 'is', '<>': 'is not', '<': 'below', '<=': 'at most', '>': 'above',
    '>=': 'at least', contains: 'contains', begins: 'begins with',
    null: 'is empty', notnull: 'is not empty',
};

// { column, op, value } as a condition; numeric tells the column's type.
export function condition({ column, op, value }, numeric) {
    const c = name(column);
    const like = (before, after) => {
        const escaped = String(value).replace(/[\\%_]/g, '\\$&');

        return `${c} LIKE ${literal(before + escaped + after)}${
            escaped === String(value) ? '' : " ESCAPE '\\'"}`;
    };

    switch (op) {
    case 'null':
        return numeric ? `${c} IS NULL` : `coalesce(${c}, '') = ''`;
    case 'notnull':
        return numeric ? `${c} IS NOT NULL` : `coalesce(${c}, '') <> ''`;
    case 'contains':
        return like('%', '%');
    case 'begins':
        return like('', '%');
    default:
        if (value === null) {
            return `${c} IS ${op === '=' ? '' : 'NOT '}NULL`;
        }
        return `${c} ${op} ${numeric && value !== '' && isFinite(value)
            ? value : literal(value)}`;
    }
}

export function where(filters, columns) {
    const numeric = new Set(columns.filter((c) => c.numeric)
        .map((c) => c.name));

    return filters.length ? ' WHERE ' + filters.map((f) =>
        condition(f, numeric.has(f.column))).join(' AND ') : '';
}

// What SQLite's message is about, as [from, to] in the statement; null where
// it does not tell.
export function errorPlace(message, text) {
    if (/incomplete|Incomplete/.test(message)) {
        return [Math.max(0, text.trimEnd().length - 1), text.trimEnd().length];
    }

    const found = message.match(/near "((?:[^"]|"")*)": syntax error/)
        ?? message.match(/unrecognized token: "(.*)"/)
        ?? message.match(/no such (?:column|table|function): "?([\w.]+)/)
        ?? message.match(/ambiguous column name: ([\w.]+)/)
        ?? message.match(/(?:function|misuse of aggregate:?) (\w+)/)
        ?? message.match(/[Tt]able "?([\w.]+)"? not found/);

    if (!found) {
        return null;
    }

    const wanted = found[1];
    const parts = wanted.split('.').map((part) =>
        part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    const word = /^\w/.test(wanted);
    const pattern = new RegExp(`${word ? '(?<![\\w])' : ''}["\`[]?${
        parts.join('["\`\\]]?\\s*\\.\\s*["\`[]?')}["\`\\]]?${
        /\w$/.test(wanted) ? '(?![\\w])' : ''}`, 'gi');
    const bare = text.replace(/'(?:[^']|'')*'|--[^\n]*|\/\*[^]*?\*\//g,
        (m) => /^'/.test(wanted) ? m : ' '.repeat(m.length));
    const places = [...bare.matchAll(pattern)];

    if (!places.length) {
        return null;
    }

    // a syntax error is where SQLite stopped reading: the last of several is
    // the likelier one; a name is wrong from its first use on
    const place = /syntax error/.test(message) ? places.at(-1) : places[0];

    return [place.index, place.index + place[0].length];
}

const reserved = new Set(('add all alter and as between by case check collate'
    + ' commit constraint create cross current_date current_time'
    + ' current_timestamp default deferrable delete distinct drop else escape'
    + ' except exists foreign from full group having in index inner insert'
    + ' intersect into is isnull join left limit natural not notnull null on'
    + ' or order outer primary references right rollback select set table then'
    + ' to transaction union unique update using values when where with')
    .split(' '));
