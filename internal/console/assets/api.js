// The calls to the server. Views know no path and no header.
const native = "/api/v1";
const entity = "/rest/serverengine/entity";

// What a kind is in the paths of the dialect.
const segments = {
  jobset: "jobsets", job: "jobs", jobsegment: "jobsegments", documentset: "documentsets", document: "documents",
  contentset: "contentsets", contentitem: "contentitems", dataset: "datasets", datarecord: "datarecords",
};

// sets are the kinds that can be imported, exported and deleted; the child of a
// kind is what it contains, and its lists are those that can be changed.
export const sets = ["jobset", "contentset", "dataset"];
export const childOf = {
  jobset: "job", job: "jobsegment", jobsegment: "documentset", documentset: "document",
  contentset: "contentitem", dataset: "datarecord", datarecord: "datarecord",
};
export const writable = {
  jobset: ["properties", "metadata"], job: ["properties", "metadata"], jobsegment: ["metadata"], documentset: ["metadata"],
  document: ["metadata"], contentset: ["properties"], contentitem: ["properties"], dataset: ["properties"], datarecord: ["properties"],
};
export const countsOf = {
  jobset: ["jobs", "jobsegments", "documentsets", "documents", "contentitems", "pages", "sheets"],
  job: ["jobsegments", "documentsets", "documents", "contentitems", "pages", "sheets"],
  contentset: ["contentitems"], dataset: ["datarecords"],
};

// A Failure is an answer that is an error; its status is 0 if there was no answer.
export class Failure extends Error {
  constructor(status, message, parameter = "", offset = undefined) {
    super(message);
    Object.assign(this, { status, parameter, offset });
  }

  // An expired or invalid session is told from a role that does not suffice by the
  // message's end, which the server's tests hold.
  get ended() {
    return this.status === 401 || (this.status === 403 && /log in again$/.test(this.message));
  }
}

// What the frame wants to hear: a session that has ended, and whether the
// server answers.
export const listeners = { sessionEnded() {}, reachable() {} };

// The header makes a request one of the console, which goes by its session.
const ours = { "X-Requested-With": "platen-console" };

function failure(status, text) {
  try {
    const { message, parameter, offset } = JSON.parse(text).error;
    return new Failure(status, message, parameter, offset);
  } catch {
    return new Failure(status, text.slice(0, 300) || `HTTP ${status}`);
  }
}

function searchOf(query = {}) {
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined && value !== "")).toString();
  return search && `?${search}`;
}

// send returns the answer to a request, if it is no error.
async function send(method, path, { query, body, headers, signal } = {}) {
  let answer;
  try {
    answer = await fetch(path + searchOf(query), {
      method, body, signal, credentials: "same-origin", redirect: "error",
      headers: { ...ours, Accept: "application/json", ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
    });
  } catch (error) {
    if (error.name === "AbortError" || error.name === "TimeoutError") throw error;
    throw unanswered(error);
  }
  listeners.reachable(true);
  if (answer.ok) return answer;
  const error = failure(answer.status, await answer.text());
  if (!(path === session && method === "POST") && error.ended) listeners.sessionEnded();
  throw error;
}

const longestRead = 60_000; // milliseconds, after which what is only read has no answer

async function call(method, path, options = {}) {
  const late = method === "GET" ? [AbortSignal.timeout(longestRead)] : [];
  const signals = [options.signal, ...late].filter(Boolean);
  try {
    const answer = await send(method, path, { ...options, signal: signals.length > 0 ? AbortSignal.any(signals) : undefined });
    return { data: parse(await answer.text()), tag: answer.headers.get("ETag") };
  } catch (error) {
    if (error.name === "TimeoutError") throw unanswered(error);
    throw error;
  }
}

// unanswered says that there was no answer, and returns the failure.
function unanswered(error) {
  listeners.reachable(false);
  return new Failure(0, error.message);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// get and act return the answer of a route of /api/v1; act changes something.
const get = (path, query, signal) => call("GET", `${native}/${path}`, { query, signal }).then(({ data }) => data);
const act = (method, path, body, options) =>
  call(method, `${native}/${path}`, { body: body === undefined ? undefined : JSON.stringify(body), ...options }).then(({ data }) => data);
const listPath = (kind, id, list) => `${entity}/${segments[kind]}/${id}/${list}`;

// me returns who is logged in, or null for nobody.
export async function me(signal) {
  try {
    return await get("me", {}, signal);
  } catch (error) {
    if (error.status === 401 || error.status === 403) return null;
    throw error;
  }
}

const session = "/console/session";

// waysIn returns by what people can log in besides a password: {provider}, or {}.
export const waysIn = (signal) => call("GET", "/console/login", { signal }).then(({ data }) => data);

// providerPath begins a login by the provider, which ends at a view.
export const providerPath = (view) => `/console/openid${searchOf({ return: view })}`;

export function logIn(user, password) {
  const text = new TextEncoder().encode(`${user}:${password}`);
  const basic = btoa(Array.from(text, (byte) => String.fromCharCode(byte)).join(""));
  return call("POST", session, { headers: { Authorization: `Basic ${basic}` } });
}

export const logOut = () => call("DELETE", session);

// renew goes on with the session. seconds is how long, and absent if nothing ends.
export const renew = () => call("PUT", session).then(({ data }) => data);

export const entities = (query, signal) => get("entities", query, signal);

const emptyPages = 5; // that are passed over

// filledPage returns the first page that has something on it, or one after several that
// have not: a page ends when it has taken the server some time.
export async function filledPage(query, signal) {
  let page = await entities(query, signal);
  for (let i = 0; i < emptyPages && page.entities.length === 0 && page.nextPageToken; i++) page = await entities({ ...query, pageToken: page.nextPageToken }, signal);
  return page;
}

export const entitiesPath = (query) => `${native}/entities${searchOf(query)}`;
export const entityPath = (id) => `${native}/entities/${id}`;
export const listPathAt = (id, list, readTime) => `${native}/entities/${id}/${list}${searchOf({ readTime })}`;

// partPaths are where more of what is shown of an entity is.
export const partPaths = ({ kind, id }) => [
  ...(childOf[kind] ? [`${native}/entities/${id}/children`] : []),
  ...(kind === "document" || kind === "contentitem" ? [`${native}/entities/${id}/pages`] : []),
  ...(kind === "datarecord" ? [`${listPath(kind, id, "values")}?recursive=true&explicitTypes=true`] : []),
  ...(kind === "jobset" ? [`/rest/serverengine/statistics/jobset/${id}`] : []),
  ...(kind === "contentset" ? [listPath(kind, id, "pages")] : []),
  `${native}/entities/${id}/history`,
];
export const createPath = "/rest/serverengine/workflow/jobcreation/default";
export const entityOf = (id, signal) => get(`entities/${encodeURIComponent(id)}`, {}, signal); // from the address, it can be any text
export const children = (id, query, signal) => get(`entities/${id}/children`, query, signal);

export const pagesOf = (id, query, signal) => get(`entities/${id}/pages`, query, signal);

// mediaOf returns the pages of a content set by medium.
export const mediaOf = (id, signal) => call("GET", listPath("contentset", id, "pages"), { signal }).then(({ data }) => data);

// schemaOf returns the types of the fields of a data record, and of the tables in it.
export const schemaOf = (id, signal) => call("GET", listPath("datarecord", id, "values"), { query: { explicitTypes: true }, signal }).then(({ data }) => data.schema ?? {});

// recordsOf returns data records with their tables; all their values are text.
export const recordsOf = (ids, signal) => call("POST", `${entity}/datarecords/values`, { body: JSON.stringify({ recordids: ids }), signal }).then(({ data }) => data);

// statisticsOf returns the sums of a job set, and the first of its document sets or
// documents, of which there may be millions: the rest of the answer is not read.
export async function statisticsOf(id, kind, most, signal) {
  const [level, list, member] = kind === "document" ? ["documentOnly", "documents", "documentId"] : ["documentSetOnly", "documentSets", "documentSetId"];
  const abort = new AbortController();
  const stop = () => abort.abort();
  signal.addEventListener("abort", stop, { once: true });
  try {
    const answer = await send("GET", `/rest/serverengine/statistics/jobset/${id}`, { query: { levelMode: level }, signal: abort.signal });
    const begin = `"${list}":[`; // a quote in a text would be escaped
    const between = `,{"${member}":`;
    let text = "";
    for await (const part of parts(answer.body.pipeThrough(new TextDecoderStream()))) {
      text += part;
      if (text.includes(begin) && text.split(between, most + 1).length > most) break;
    }
    const [head, rest] = text.split(begin);
    if (rest === undefined) return { head: parse(text), rows: [] };
    const rows = rest.split(between, most + 1).slice(0, most).map((one, i) => parse((i === 0 ? "" : `{"${member}":`) + one.replace(/\]\}$/, ""))).filter((row) => typeof row === "object");
    return { head: parse(head.replace(/,\s*$/, "") + "}"), rows };
  } finally {
    stop();
    signal.removeEventListener("abort", stop);
  }
}

// createJobs begins to make a job set of content sets, and returns the operation.
export const createJobs = (ids) => send("POST", createPath, { body: JSON.stringify({ identifiers: ids }) })
  .then((answer) => answer.headers.get("operationId"));

// readList returns a list of an entity with the tag that a change of it names.
export const readList = (kind, id, list, signal) =>
  call("GET", listPath(kind, id, list), { signal }).then(({ data, tag }) => ({ pairs: data, tag }));

// writeList replaces a list. Status 412: it is not the one that tag names.
export const writeList = (kind, id, list, pairs, tag) =>
  call("PUT", listPath(kind, id, list), {
    body: JSON.stringify({ id, [list]: pairs }), headers: tag ? { "If-Match": tag } : {},
  });

export const names = (query, signal) => get("names", query, signal);

// Views that are saved on the server. Status 412: it is not the one that revision names.
const ifMatch = (revision) => (revision ? { "If-Match": `"${revision}"` } : {});
export const views = (signal) => get("views", {}, signal).then((page) => page.views);
export const addView = (view) => act("POST", "views", view);
export const replaceView = (id, view, revision) => act("PUT", `views/${id}`, view, { headers: ifMatch(revision) });
export const deleteView = (id, revision) => act("DELETE", `views/${id}`, undefined, { headers: ifMatch(revision) });

// updateMany changes many entities at once, or with validateOnly says what would
// change. Large updates are operations, which have a state.
export const updateMany = (update, signal) => act("POST", "updates", update, { signal });
export const operation = (id, signal) => get(`operations/${id}`, {}, signal);
export const cancelOperation = (id) => act("POST", `operations/${id}/cancel`);

export const deleteSet = (id) => act("DELETE", `entities/${id}`);
export const deleted = (query, signal) => get("deleted", query, signal);
export const undelete = (id) => act("POST", `entities/${id}/undelete`);

export const history = (id, query, signal) => get(`entities/${id}/history`, query, signal);
export const serverFacts = (signal) => get("server", {}, signal);
export const listAt = (id, list, readTime, signal) => get(`entities/${id}/${list}`, { readTime }, signal);
export const changeOf = (change, signal) => get(`changes/${change}`, {}, signal);

// revert puts back what was before a change. Status 409: it was changed since,
// which force only goes past for the names that the change has touched.
export const revert = (change, force) => act("POST", `changes/${change}/revert`, { force });

const silence = 60_000; // milliseconds, after which a connection is taken for lost: there are comments every 15 seconds

// lastEvents returns events from the end of the log, or from before one.
export const lastEvents = (query, signal) => get("events", query, signal);

// listen follows the log of changes from an event on, or from now. It returns
// when the stream ends, and tells when it has begun, and of each event. Why it ends
// comes as well, without an id, and is no event to go on after.
export const listen = (after, signal, onBegin, onEvent) =>
  follow(`${native}/events`, { "Last-Event-ID": after }, signal, onBegin, ({ id, data }) => id && data && onEvent(id, { ...JSON.parse(data).data, key: id }));

// followRequests follows the journal of requests from a place on, or from now. It tells
// of each place. lost: some are missing.
export const followRequests = (query, after, signal, onPlace, onRequest, onLost) =>
  follow(`${native}/requests${searchOf(query)}`, { "Last-Event-ID": after }, signal, () => {}, ({ id, event, data }) => {
    if (id) onPlace(id);
    if (event === "lost") onLost();
    else if (event === "request") onRequest(JSON.parse(data));
  });

// follow reads server-sent events.
async function follow(path, headers, signal, onBegin, onMessage) {
  const abort = new AbortController();
  const stop = () => abort.abort();
  signal.addEventListener("abort", stop, { once: true });
  let timer = setTimeout(stop, silence);
  try {
    const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
    const answer = await send("GET", path, { signal: abort.signal, headers: { Accept: "text/event-stream", ...given } });
    onBegin();
    let text = "";
    for await (const part of parts(answer.body.pipeThrough(new TextDecoderStream()))) {
      clearTimeout(timer);
      timer = setTimeout(stop, silence);
      const messages = (text + part).split("\n\n");
      text = messages.pop();
      for (const message of messages) {
        onMessage(Object.fromEntries(message.split("\n").map((line) => line.split(/: (.*)/s))));
      }
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    stop(); // an answer that nobody reads to its end would keep its connection
  }
}

// parts reads a stream; not every browser iterates over one by itself.
async function* parts(stream) {
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}

export const exportPath = (kind, id) => `${native}/${segments[kind]}/${id}`;
export const importPath = (kind) => `${native}/${segments[kind]}`;

// importSet sends a file. It returns {done, stop}; progress hears how many
// bytes are sent. Only this old interface tells.
export function importSet(kind, file, progress) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.upload.onprogress = (event) => progress(event.loaded, event.total);
    request.upload.onload = () => progress(file.size, file.size);
    request.onload = () => {
      if (request.status === 201) return resolve(parse(request.responseText));
      const error = failure(request.status, request.responseText);
      if (error.ended) listeners.sessionEnded();
      reject(error);
    };
    request.onerror = () => reject(new Failure(0, ""));
    request.onabort = () => reject(new DOMException("stopped", "AbortError"));
  });
  request.open("POST", importPath(kind));
  for (const [name, value] of Object.entries({ ...ours, "Content-Type": "application/json" })) request.setRequestHeader(name, value);
  request.send(file);
  return { done, stop: () => request.abort() };
}

// loadDemo imports the demo's data: each set refers to the one before.
export async function loadDemo() {
  for (const kind of ["dataset", "contentset", "jobset"]) {
    const document = await fetch(`/console/demo-${segments[kind]}.json`);
    await call("POST", importPath(kind), { body: await document.text() });
  }
}

// What the overview shows.
export const intake = (query, signal) => get("intake", query, signal);
export const operations = (signal) => get("operations", { ended: 5 }, signal).then((found) => found.operations);

// Administration.
const resource = (name) => ({
  all: (query, signal) => get(name, query, signal),
  one: (id, signal) => get(`${name}/${encodeURIComponent(id)}`, {}, signal),
  add: (value) => act("POST", name, value),
  change: (id, value) => act("PATCH", `${name}/${encodeURIComponent(id)}`, value),
  remove: (id) => act("DELETE", `${name}/${encodeURIComponent(id)}`),
});
export const users = resource("users");
export const tokens = resource("tokens");
export const webhooks = {
  ...resource("webhooks"),
  attempts: (id, query, signal) => get(`webhooks/${id}/attempts`, query, signal),
  test: (id) => act("POST", `webhooks/${id}/test`),
  replay: (id, from) => act("POST", `webhooks/${id}/replay`, from),
  rotate: (id, how) => act("POST", `webhooks/${id}/rotate`, how),
};
export const rules = {
  ...resource("retention"),
  preview: (name, query, signal) => get(`retention/${encodeURIComponent(name)}/preview`, query, signal),
};
export const requests = {
  all: (query, signal) => get("requests", query, signal),
  one: (id, signal) => get(`requests/${encodeURIComponent(id)}`, {}, signal),
  curl: (id, signal) => send("GET", `${native}/requests/${encodeURIComponent(id)}/curl`, { signal, headers: { Accept: "text/plain" } }).then((answer) => answer.text()),
  remove: (id) => act("DELETE", `requests/${encodeURIComponent(id)}`),
  clear: (query) => act("DELETE", "requests", undefined, { query }),
};

// What a sandbox can do, and no other server.
export const sandbox = {
  state: (signal) => get("sandbox", {}, signal),
  reset: (how) => act("POST", "sandbox/reset", how),
  setClock: (change) => act("PUT", "sandbox/clock", change),
  take: (name) => act("PUT", `sandbox/snapshots/${encodeURIComponent(name)}`),
  forget: (name) => act("DELETE", `sandbox/snapshots/${encodeURIComponent(name)}`),
  add: (instance) => act("POST", "sandbox/instances", instance),
  end: (name) => act("DELETE", `sandbox/instances/${encodeURIComponent(name)}`),
  faults: (signal) => get("sandbox/faults", {}, signal).then((found) => found.faults),
  addFault: (fault) => act("POST", "sandbox/faults", fault),
  replaceFaults: (all) => act("PUT", "sandbox/faults", all),
  removeFault: (name) => act("DELETE", `sandbox/faults/${encodeURIComponent(name)}`),
  removeFaults: () => act("DELETE", "sandbox/faults"),
};

// routePaths are the paths of all routes, as faults name them.
export const routePaths = () => call("GET", "/serverengine/doc/openapi.json").then(({ data }) => Object.keys(data.paths));
