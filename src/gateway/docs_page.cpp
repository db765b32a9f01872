#include "gateway/docs_page.hpp"

namespace opaline::gateway {

const std::string_view kDocsPage = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Opaline API</title>
<link rel="icon" href="/opaline.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/page.css">
<script src="/docs/page.js" defer></script>
</head>
<body>
<header>
<h1>Opaline API <small id="version"></small></h1>
<p>The same, for machines: <a href="/openapi.json">/openapi.json</a></p>
<label>API key, if this server asks for one <input id="key" type="password" autocomplete="off"></label>
</header>
<main id="routes"><noscript>This page needs JavaScript; <a href="/openapi.json">/openapi.json</a> does not.</noscript></main>
</body>
</html>
)html";

const std::string_view kDocsStyle =
    R"css(:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 small { font-weight: normal; opacity: .7; }
h2 { margin-top: 2rem; border-bottom: 1px solid; }
summary { cursor: pointer; padding: .35rem 0; }
.method { display: inline-block; min-width: 4.2rem; font: bold .85rem ui-monospace, monospace; }
.GET { color: light-dark(#075985, #7dd3fc); }
.POST { color: light-dark(#166534, #86efac); }
.DELETE { color: light-dark(#991b1b, #fca5a5); }
code, pre, textarea { font: .85rem/1.4 ui-monospace, monospace; }
pre { overflow: auto; max-height: 24rem; padding: .75rem; border: 1px solid; border-radius: .4rem; }
textarea { box-sizing: border-box; width: 100%; min-height: 7rem; }
input { font: inherit; }
.about { opacity: .8; margin-left: .5rem; }
:focus-visible { outline: 2px solid #7c3aed; outline-offset: 2px; }
)css";

const std::string_view kDocsScript = R"js('use strict';

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function pretty(value) { return typeof value === 'string' ? value : JSON.stringify(value, null, 2); }

function example(message) {
  if (!message || !message.content) return null;
  const [type, body] = Object.entries(message.content)[0];
  return {type, example: body.example, schema: body.schema};
}

function resolved(schema, all, depth) {
  if (!schema || depth > 6) return schema;
  if (schema.$ref) return resolved(all[schema.$ref.split('/').pop()], all, depth + 1);
  return schema;
}

function fields(message, all) {
  const schema = resolved(message && message.schema, all, 0);
  if (!schema || !schema.properties) return [];
  const list = element('ul');
  for (const [name, property] of Object.entries(schema.properties)) {
    const must = (schema.required || []).includes(name) ? ', required' : '';
    const type = property.type || (property.$ref ? property.$ref.split('/').pop() : 'any');
    list.append(element('li', null, element('code', null, name), ` ${type}${must}. ${property.description || ''}`));
  }
  return [list];
}

function request(method, path, body, type) {
  const headers = {};
  const key = document.getElementById('key').value;
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body !== null) headers['Content-Type'] = type;
  return fetch(path, {method, headers, body});
}

async function show(reply, output) {
  output.textContent = `${reply.status} ${reply.statusText}\n\n`;
  if (!reply.body) return;
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const {value, done} = await reader.read();
    if (done) break;
    text += value;
    output.textContent = `${reply.status} ${reply.statusText}\n\n${text}`;
  }
  try { output.textContent = `${reply.status} ${reply.statusText}\n\n${pretty(JSON.parse(text))}`; } catch { /* not JSON */ }
}

function trial(method, path, sent) {
  const parts = [];
  const address = element('input', {value: path, size: Math.max(30, path.length + 10), 'aria-label': 'Path'});
  parts.push(element('p', null, address));
  let body = null;
  if (sent) {
    body = element('textarea', {'aria-label': 'Body', spellcheck: 'false'});
    body.value = sent.example === undefined ? '' : pretty(sent.example);
    parts.push(body);
  }
  const button = element('button', {type: 'button'}, 'Send');
  const output = element('pre', {'aria-live': 'polite', hidden: ''});
  button.addEventListener('click', async () => {
    output.hidden = false;
    output.textContent = '…';
    try {
      await show(await request(method, address.value, body && body.value, sent && sent.type), output);
    } catch (error) {
      output.textContent = String(error);
    }
  });
  parts.push(element('p', null, button), output);
  return parts;
}

function route(method, path, operation, all) {
  const sent = example(operation.requestBody);
  const got = example(operation.responses['200']);
  const details = element('details', null,
    element('summary', null, element('span', {class: `method ${method}`}, method), element('code', null, path),
            element('span', {class: 'about'}, operation.summary)));
  // Filled when it is first opened: the page starts at once.
  details.addEventListener('toggle', () => {
    if (!details.open || details.dataset.filled) return;
    details.dataset.filled = 'yes';
    if (sent) details.append(element('h4', null, 'Request'), ...fields(sent, all));
    const form = sent && sent.type === 'multipart/form-data';
    if (form && sent.example) details.append(element('pre', null, pretty(sent.example)));
    else details.append(...trial(method, path, sent));
    if (got && got.example !== undefined) {
      details.append(element('h4', null, 'Reply'), ...fields(got, all),
                     element('pre', null, pretty(got.example)));
    }
  }, false);
  return details;
}

async function start() {
  const main = document.getElementById('routes');
  const api = await (await fetch('/openapi.json')).json();
  document.getElementById('version').textContent = api.info.version;
  const groups = new Map();
  for (const [path, operations] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const tag = operation.tags[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(route(method.toUpperCase(), path, operation, api.components.schemas));
    }
  }
  for (const [tag, routes] of groups) main.append(element('h2', null, tag), ...routes);
}

start().catch((error) => { document.getElementById('routes').textContent = String(error); });
)js";

}  // namespace opaline::gateway
