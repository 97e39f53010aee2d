// Lighthouse's audits of ARD manifests and of llms.txt, without its browser. usage: node lighthouse.mjs FOLDER MANIFEST MANIFEST LLMS_TXT
// FOLDER has node_modules/lighthouse. Warnings are printed, errors are the exit status.
import fs from 'node:fs';
import path from 'node:path';
import {pathToFileURL} from 'node:url';

const [folder, ...files] = process.argv.slice(2);
const at = (...names) => pathToFileURL(path.join(folder, 'node_modules', 'lighthouse', ...names)).href;
const {ConformanceTester} = await import(at('third-party', 'ard', 'ard.js'));
const {default: LlmsTxt} = await import(at('core', 'audits', 'agentic', 'llms-txt.js'));
let errors = 0;

for (const file of files.slice(0, 2)) {
  const tester = new ConformanceTester();
  tester.validate_manifest(fs.readFileSync(file, 'utf8'), path.basename(file));
  for (const {element, message} of tester.errors) console.log(`error ${path.basename(file)} ${element}: ${message}`);
  console.log(`${path.basename(file)}: ${tester.errors.length} errors, ${tester.warnings.length} warnings`);
  for (const text of new Set(tester.warnings.map(w => w.message.replace(/'[^']*'/g, '..')))) console.log(`  warning: ${text}`);
  errors += tester.errors.length;
}
const audit = LlmsTxt.audit({LlmsTxt: {status: 200, content: fs.readFileSync(files[2], 'utf8')}});
console.log(`llms.txt: score ${audit.score}`);
process.exit(errors === 0 && audit.score === 1 ? 0 : 1);
