// The one way to the server: /request, relative to where the page is, so
// that any prefix works.

export const base = location.pathname.replace(/[^/]*$/, '');

const GET_MAX = 4000;           // a longer statement is POSTed

export class RequestError extends Error {
    constructor(message, status) {
        super(message);
        this.status = status;
    }
}

export async function query(sql, { signal } = {}) {
    const begun = performance.now();
    const target = `${base}request?op=query&values=native`;
    const short = sql.length < GET_MAX;
    let answer, text;

    try {
        answer = await fetch(short
            ? `${target}&sql=${encodeURIComponent(sql)}` : target, {
            signal,
            ...(short ? {} : { method: 'POST', body: JSON.stringify({ sql }) }),
        });
        text = await answer.text();
    } catch (e) {
        if (e.name === 'AbortError') {
            throw e;
        }
        throw new RequestError(answer
            ? 'The result broke off: its deadline came, or its query process'
              + ' ended' : 'The server cannot be reached', 0);
    }

    const document = parse(text, answer.status);

    return {
        columns: document.table?.column_names ?? [],
        rows: document.table?.rows ?? [],
        truncated: Boolean(document.truncated),
        identity: document.identity ?? '',
        generation: Number(answer.headers.get('Qasino-Generation')) || 0,
        ms: performance.now() - begun,
        bytes: text.length,
    };
}

// Rows as objects.
export async function objects(sql, options) {
    const { columns, rows } = await query(sql, options);

    return rows.map((row) =>
        Object.fromEntries(columns.map((name, i) => [name, row[i]])));
}

function parse(text, status) {
    let document;

    try {
        document = parseExact(text);
    } catch {
        throw new RequestError(status >= 400 ? `HTTP ${status}`
            : 'The answer is no JSON', status);
    }

    if (document.response_op === 'error' || status >= 400) {
        throw new RequestError(document.error_message ?? `HTTP ${status}`,
            status);
    }

    return document;
}

// Integers keep their 64 bits: those that a double cannot hold become
// BigInts.  They are rare, so the text is only rewritten where one shows.
const MARK = '\u0001int:';

export function parseExact(text) {
    if (!/[[,:]\s*-?\d{16,}\s*[,\]}]/.test(text)) {
        return JSON.parse(text);
    }

    return JSON.parse(text.replace(
        /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g,
        (m) => m[0] === '"' ? m : `"\\u0001int:${m}"`), (key, value) => {
        if (typeof value === 'string' && value.startsWith(MARK)) {
            const big = BigInt(value.slice(MARK.length));
            return Number.isSafeInteger(Number(big)) ? Number(big) : big;
        }
        return value;
    });
}
