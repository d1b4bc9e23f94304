// What /api/v1/entities answers, as far as it can be had from the routes that
// every version has. A server that has that route never comes here.
const pageSize = 100;

export function dialect(call, entity, segments, { childOf, writable }) {
  const identifiers = async (path, signal) => (await call("GET", path, { signal })).data.identifiers;

  // ofKind lists sets; what is in them only their parents list.
  async function ofKind(kind, signal) {
    const parent = Object.keys(childOf).find((one) => childOf[one] === kind);
    if (!parent) return identifiers(`${entity}/${segments[kind]}`, signal);
    const found = [];
    for (const id of await ofKind(parent, signal)) found.push(...(await identifiers(`${entity}/${segments[parent]}/${id}`, signal)));
    return found;
  }

  // page cuts a page out of identifiers; its token is where the next begins.
  function page(ids, query) {
    const size = Number(query.pageSize) || pageSize;
    const from = Number(query.pageToken) || 0;
    return { ids: ids.slice(from, from + size), from, nextPageToken: from + size < ids.length ? String(from + size) : undefined };
  }

  async function row(kind, id, signal) {
    const lists = await Promise.all(writable[kind].map(async (list) =>
      [list, (await call("GET", `${entity}/${segments[kind]}/${id}/${list}`, { signal })).data]));
    return { kind, id, ancestors: [], ...Object.fromEntries(lists) };
  }

  return {
    async entities(query, signal) {
      const all = await ofKind(query.kind, signal);
      all.sort((a, b) => (query.orderBy === "id" ? a - b : b - a));
      const { ids, nextPageToken } = page(all, query);
      return { entities: ids.map((id) => ({ kind: query.kind, id })), nextPageToken, totalEstimate: all.length };
    },
    async entityOf(text, signal) {
      const id = Number(text);
      for (const kind of Object.keys(segments)) {
        try {
          return await row(kind, id, signal);
        } catch (error) {
          if (error.status !== 404) throw error;
        }
      }
      throw Object.assign(new Error(`entity ${id} not found`), { status: 404 });
    },
    async children(kind, id, query, signal) {
      const { ids, from, nextPageToken } = page(await identifiers(`${entity}/${segments[kind]}/${id}`, signal), query);
      return { children: ids.map((child, i) => ({ kind: childOf[kind], id: child, position: from + i })), nextPageToken };
    },
  };
}
