// Numbers, times and cells as people read them.

const group = new Intl.NumberFormat('en');
const clock = new Intl.DateTimeFormat([], { hour: '2-digit',
    minute: '2-digit', second: '2-digit', hour12: false });

export function count(n) {
    return n === null || n === undefined ? '' : group.format(n);
}

export function plural(n, one, many = one + 's') {
    return `${count(n)} ${n === 1 ? one : many}`;
}

export function compact(n) {
    return n < 10000 ? count(n) : Intl.NumberFormat('en', {
        notation: 'compact', maximumFractionDigits: 1 }).format(n);
}

export function time(epoch) {
    return clock.format(new Date(epoch * 1000));
}

export function age(seconds) {
    const n = Math.max(0, Math.round(seconds));

    if (n < 90) {
        return `${n} s`;
    }
    if (n < 5400) {
        return `${Math.round(n / 60)} min`;
    }
    return n < 129600 ? `${Math.round(n / 3600)} h`
        : `${Math.round(n / 86400)} d`;
}

export function bytes(n) {
    return n < 1024 ? `${n} B` : n < 1048576 ? `${(n / 1024).toFixed(1)} KB`
        : `${(n / 1048576).toFixed(1)} MB`;
}

export function ms(n) {
    return n < 1000 ? `${Math.round(n)} ms` : `${(n / 1000).toFixed(2)} s`;
}

// One line, whatever is in it: control characters are shown, also those
// that would turn the direction of the text around.
export function cell(value) {
    const text = String(value);

    return /[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/.test(text)
        ? text.replace(/[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g,
            (c) => c === '\n' ? '⏎' : c === '\t' ? '⇥'
                : `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
        : text;
}

export function isNumber(value) {
    return typeof value === 'number' || typeof value === 'bigint';
}
