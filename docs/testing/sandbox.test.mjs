// A client against a sandbox, with node:test and nothing else:
//
//	PLATEN=/usr/local/bin/platen node --test sandbox.test.mjs
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, beforeEach, test } from 'node:test';

let platen, sandbox; // the process, and what it says of itself

before(async () => {
  platen = spawn(process.env.PLATEN ?? 'platen', ['sandbox', '--listen', '127.0.0.1:0', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface(platen.stdout), 'line');
  sandbox = JSON.parse(line);
});
after(async () => {
  platen.kill('SIGTERM');
  await once(platen, 'exit');
});
beforeEach(() => control('POST', '/reset')); // each test begins with the demo's mail run

// control tells the sandbox something, as an admin.
async function control(method, path, body) {
  return native(method, `/sandbox${path}`, body);
}

async function native(method, path, body) {
  const answer = await fetch(`${sandbox.url}/api/v1${path}`, {
    method, body: body && JSON.stringify(body),
    headers: {
      'Content-Type': 'application/json',
      Authorization: `Basic ${Buffer.from(`${sandbox.user}:${sandbox.password}`).toString('base64')}`,
    },
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text && JSON.parse(text);
}

// A Client is what is tested here; yours stands in its place.
class Client {
  async login() {
    const answer = await fetch(`${sandbox.url}/rest/serverengine/authentication/login`, {
      method: 'POST', headers: { Authorization: `Basic ${Buffer.from(`${sandbox.user}:${sandbox.password}`).toString('base64')}` },
    });
    assert.equal(answer.status, 200);
    this.token = await answer.text();
  }

  // call sends a request, again if the server says so or the connection breaks: at
  // most five times.
  async call(method, path, body) {
    for (let left = 4; ; left--) {
      try {
        const answer = await fetch(`${sandbox.url}/rest/serverengine/entity${path}`, {
          method, body: body && JSON.stringify(body), headers: { auth_token: this.token, 'Content-Type': 'application/json' },
        });
        const text = await answer.text(); // throws if the answer is cut off
        if (left > 0 && answer.status === 401) await this.login();
        else if (left > 0 && (answer.status === 429 || answer.status === 503)) await wait(1000 * Number(answer.headers.get('Retry-After') ?? 0.01));
        else return { status: answer.status, text };
      } catch (error) {
        if (left === 0) throw error;
      }
    }
  }
}

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

async function loggedIn() {
  const client = new Client();
  await client.login();
  const sets = JSON.parse((await client.call('GET', '/jobsets')).text).identifiers;
  const jobs = JSON.parse((await client.call('GET', `/jobsets/${sets[0]}`)).text).identifiers;
  return { client, job: jobs[0] };
}

test('tag a job', async () => {
  const { client, job } = await loggedIn();
  const body = { id: job, properties: [{ name: 'status', value: 'printed' }] };
  assert.equal((await client.call('PUT', `/jobs/${job}/properties`, body)).text, 'true');
  assert.deepEqual(JSON.parse((await client.call('GET', `/jobs/${job}/properties`)).text), [{ name: 'status', value: 'printed' }]);
});

test('be refused, and find out why', async () => {
  const { client, job } = await loggedIn();
  assert.equal((await client.call('PUT', `/job/${job}/properties`, [])).status, 404);
  const refused = (await native('GET', '/requests?status=4xx')).requests;
  assert.equal(refused.length, 1);
  assert.match(refused[0].reason, /did you mean PUT \/rest\/serverengine\/entity\/jobs\/\{id\}\/properties\?/);
});

test('survive faults', async () => {
  const { client, job } = await loggedIn();
  const faults = [
    { name: 'busy', status: 503, to: 2 },
    { name: 'cut', cutAfter: 5, to: 1 },
    { name: 'expired', expireToken: true, to: 1 },
  ];
  await control('PUT', '/faults', { faults });
  assert.equal((await client.call('GET', `/jobs/${job}/properties`)).status, 200);
  const hits = (await control('GET', '/faults')).faults.map((fault) => fault.hits);
  assert.deepEqual(hits, [2, 1, 1]);
  assert.equal((await native('GET', '/requests/count?fault=busy&wait=5s&atLeast=2')).count, 2);
});

test('a token ends with its hour', async () => {
  const { client, job } = await loggedIn();
  const first = client.token;
  await control('PUT', '/clock', { advance: '1h' });
  assert.equal((await client.call('GET', `/jobs/${job}/properties`)).status, 200);
  assert.notEqual(client.token, first);
});

test('fifty resets', async () => {
  const { client, job } = await loggedIn();
  const start = (await client.call('GET', `/jobs/${job}/properties`)).text;
  for (let i = 0; i < 50; i++) {
    await client.call('PUT', `/jobs/${job}/properties`, { id: job, properties: [] });
    await control('POST', '/reset');
    assert.equal((await client.call('GET', `/jobs/${job}/properties`)).text, start);
  }
});
