// Builds dist/ (or the directory given) from src/: what nginx serves.  The
// same sources and packages give the same bytes; names have the contents'
// hash in them, so that a browser may keep them for ever.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync }
    from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, 'dist');

rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, 'ui'), { recursive: true });

const { metafile } = await build({
    absWorkingDir: here,
    entryPoints: ['src/app.js', 'src/style.css'],
    outdir: join(out, 'ui'),
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    target: ['chrome123', 'firefox121', 'safari17.5'],
    minify: true,
    metafile: true,
    legalComments: 'none',      // licenses.txt has them
    logLevel: 'warning',
});

const names = {};

for (const [path, { entryPoint }] of Object.entries(metafile.outputs)) {
    if (entryPoint) {
        names[entryPoint.match(/src\/(\w+)\.\w+$/)[1]] = path.split('/').pop();
    }
}

const icon = readFileSync(join(here, 'src/icon.svg'));

names.icon = `icon-${createHash('sha256').update(icon).digest('hex')
    .slice(0, 8).toUpperCase()}.svg`;
writeFileSync(join(out, 'ui', names.icon), icon);
writeFileSync(join(out, 'index.html'),
    readFileSync(join(here, 'src/index.html'), 'utf8')
        .replace(/\{\{(\w+)\}\}/g, (_, name) => names[name]));

// the packages that are in it, and their licenses
const packages = [...new Set(Object.keys(metafile.inputs)
    .map((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1])
    .filter(Boolean))].sort();

writeFileSync(join(out, 'ui', 'licenses.txt'), packages.map((name) => {
    const dir = join(here, 'node_modules', name);
    const { version } = JSON.parse(readFileSync(join(dir, 'package.json')));
    const file = readdirSync(dir).find((f) => /^licen[sc]e/i.test(f));

    return `${name} ${version}\n\n${readFileSync(join(dir, file), 'utf8')
        .replaceAll('\r\n', '\n').trim()}\n`;
}).join(`\n${'-'.repeat(72)}\n\n`));
