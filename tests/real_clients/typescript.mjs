// A client of the official TypeScript SDK, 1.x or 2.x: node typescript.mjs PACKAGES MAJOR URL PLAN
// prints what it saw.

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [packages, major, url, plan] = process.argv.slice(2);
const require = createRequire(`${packages}/`);
const load = name => import(pathToFileURL(require.resolve(name)).href);

const asked = [];
const progress = [];
const log = [];
const answers = {
  'elicitation/create': request => {
    const fields = Object.keys(request.params.requestedSchema.properties);
    return { action: 'accept', content: Object.fromEntries(fields.map(name => [name, 'Ann'])) };
  },
  'sampling/createMessage': () => {
    return { role: 'assistant', content: { type: 'text', text: 'Paris' }, model: 'none' };
  },
  'roots/list': () => ({ roots: [{ uri: 'file:///a/root', name: 'A root' }] })
};
const info = { name: 'typescript', version: major };
const capabilities = { elicitation: {}, sampling: {}, roots: {} };

let client;
let transport;
if (major === '1') {
  const { Client } = await load('@modelcontextprotocol/sdk/client/index.js');
  const http = await load('@modelcontextprotocol/sdk/client/streamableHttp.js');
  const types = await load('@modelcontextprotocol/sdk/types.js');
  client = new Client(info, { capabilities });
  const schemas = {
    'elicitation/create': types.ElicitRequestSchema,
    'sampling/createMessage': types.CreateMessageRequestSchema,
    'roots/list': types.ListRootsRequestSchema
  };
  for (const [method, schema] of Object.entries(schemas)) {
    client.setRequestHandler(schema, async request => (asked.push(method), answers[method](request)));
  }
  client.setNotificationHandler(types.LoggingMessageNotificationSchema, told => {
    log.push(told.params.data);
  });
  transport = new http.StreamableHTTPClientTransport(new URL(url));
} else {
  const sdk = await load('@modelcontextprotocol/client');
  client = new sdk.Client(info, { capabilities, versionNegotiation: { mode: 'auto' } });
  for (const method of Object.keys(answers)) {
    client.setRequestHandler(method, async request => (asked.push(method), answers[method](request)));
  }
  client.setNotificationHandler('notifications/message', told => {
    log.push(told.params.data);
  });
  transport = new sdk.StreamableHTTPClientTransport(new URL(url));
}

await client.connect(transport);
if (major === '1' && client.getServerCapabilities().logging) await client.setLoggingLevel('info');
const tools = (await client.listTools()).tools.map(tool => tool.name);
const said = [];
for (const [name, given] of JSON.parse(plan)) {
  const options = { onprogress: step => progress.push(step.progress) };
  const call = { name, arguments: given };
  const result = await (major === '1'
    ? client.callTool(call, undefined, options)
    : client.callTool(call, options));
  said.push(result.content.filter(block => block.type === 'text').map(block => block.text).join(' '));
}
const version = client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion;
await client.close();
process.stdout.write(JSON.stringify({ version, tools, said, asked, progress, log }));
