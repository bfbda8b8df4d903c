// What the browser remembers, apart for each server (that is, each prefix).
// Storage may be full or forbidden: then it is forgotten with the page.

import { base } from './api.js';

const memory = new Map();

export function load(key, fallback) {
    try {
        const text = localStorage.getItem(`qasino ${base} ${key}`);

        return text === null ? memory.get(key) ?? fallback : JSON.parse(text);
    } catch {
        return memory.get(key) ?? fallback;
    }
}

export function save(key, value) {
    memory.set(key, value);
    try {
        localStorage.setItem(`qasino ${base} ${key}`, JSON.stringify(value));
    } catch {
        // the memory has it
    }
}

// History, newest first, each statement once; saved queries by name.
export function remember(sql) {
    const text = sql.trim();
    const all = load('history', []).filter((entry) => entry.sql !== text);

    save('history', [{ sql: text, at: Date.now() }, ...all].slice(0, 100));
}

// The list of tables that was seen before this generation's, to tell what is
// new, grown, shrunk or gone.  Returns { since, rows } or null.
export function compareTables(generation, rows) {
    const seen = load('tables', null);

    if (seen?.now.generation === generation) {
        return seen.before;
    }

    const before = seen && generation > seen.now.generation
        ? seen.now : null;

    save('tables', { before, now: { generation, rows } });

    return before;
}

// Who has ever reported, under a name ("" for the server, else a table):
// { identity: [epoch, tables, rows] }.  Of those not seen for a day nothing
// is kept.
const DAY = 86400;

export function comparePublishers(subject, generation, now) {
    const known = load(`publishers ${subject}`, {});
    const missing = {};

    for (const [identity, seen] of Object.entries(known)) {
        if (!Object.hasOwn(now, identity) && seen[0] > generation - DAY) {
            missing[identity] = seen;
        }
    }
    save(`publishers ${subject}`, { ...missing, ...now });

    return missing;
}
