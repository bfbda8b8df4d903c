// A result as a file or a line that goes elsewhere.

import { base } from './api.js';
import { cell, isNumber } from './format.js';
import { h } from './dom.js';

export function csv(names, rows) {
    const quote = (value) => value === null ? ''
        : /[",\r\n]/.test(value) || value === '' ? `"${
            String(value).replaceAll('"', '""')}"` : String(value);

    return [names, ...rows].map((row) => row.map(quote).join(',') + '\r\n')
        .join('');
}

// An array of objects; integers keep their 64 bits.
export function json(names, rows) {
    const text = (value) => typeof value === 'bigint' ? String(value)
        : JSON.stringify(value);

    return '[' + rows.map((row) => '{' + names.map((name, i) =>
        `${JSON.stringify(name)}: ${text(row[i])}`).join(', ') + '}')
        .join(',\n ') + ']\n';
}

export function markdown(names, rows) {
    const text = (value) => value === null ? ''
        : cell(value).replace(/[\\|`*_<>[\]]/g, '\\$&');
    const right = names.map((_, i) => rows.some((row) => row[i] !== null)
        && rows.every((row) => row[i] === null || isNumber(row[i])));
    const line = (cells) => `| ${cells.join(' | ')} |\n`;

    return line(names.map(text))
        + `|${right.map((r) => r ? '---:' : '---').join('|')}|\n`
        + rows.map((row) => line(row.map(text))).join('');
}

const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

export function curl(sql) {
    return `curl -G ${shell(`${location.origin}${base}request`)}${
        location.protocol === 'https:' ? ' -u NAME' : ''} -d op=query`
        + ` -d format=text --data-urlencode ${shell(`sql=${sql}`)}`;
}

export function qasinoSql(sql) {
    const tls = location.protocol === 'https:';
    const port = location.port || (tls ? 443 : 80);

    return `qasino-sql ${tls ? '-t -u NAME' : '--use-http'} -H ${
        location.hostname} -p ${port} -q ${shell(sql)}`;
}

export function download(name, type, text) {
    const url = URL.createObjectURL(new Blob([text], { type }));
    const link = h('a', { href: url, download: name });

    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
}
