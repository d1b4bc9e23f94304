// Pages: of documents and content items one by one, of sets by medium.
import { html, useMemo, useState } from "./html.js";
import { entities, mediaOf, pagesOf, statisticsOf } from "./api.js";
import { Link } from "./router.js";
import { Loading, Pager, Problem, useLoad } from "./load.js";
import { lazy } from "./lazy.js";
import { Text, number, plain } from "./format.js";
import { kinds, t } from "./texts.js";

const pageSize = 100;

// describe says what a medium is, apart from its name.
const describe = ({ type, size, width, height, color, weight }) => {
  const measures = size && typeof size === "object" ? size : { width, height };
  return [typeof size === "string" && size, type, [measures.width, measures.height].filter(Boolean).join(" × "), color, weight].filter(Boolean).map((one) => plain(String(one), 60)).join(" · ");
};

function Medium({ media }) {
  if (!media?.name) return html`<span class="quiet">${t.unknownMedium}</span>`;
  return html`<${Text} value=${media.name} most=${60} /> <span class="quiet">${describe(media)}</span>`;
}

function PageCounts({ pages }) {
  if (pages.length === 0) return html`<span class="quiet">${t.noPageDetails}</span>`;
  return pages.map((one, i) => html`<div key=${i}>${t.pagesOn(number(one.count), one.count)} <${Medium} media=${one.media} />${one.duplex && html` <span class="quiet">${t.duplex}</span>`}</div>`);
}

const shownPairs = 6;

// Pairs shows the first of the names and values of a page, and all on request.
function Pairs({ pairs }) {
  const [all, setAll] = useState(false);
  return html`${(all ? pairs.slice(0, 100) : pairs.slice(0, shownPairs)).map((pair, i) => html`<span key=${i} class="pair"><b><${Text} value=${pair.name} most=${40} /></b> <${Text} value=${pair.value} most=${60} /> </span>`)}
    ${pairs.length > shownPairs && html`<button type="button" class="link" onClick=${() => setAll(!all)}>${all ? t.less : t.allNames(number(pairs.length))}</button>`}`;
}

// Pages shows the pages of a document, or what the one page is that a content
// item is.
export function Pages({ entity, state }) {
  const isItem = entity.kind === "contentitem";
  const { data, error, loading, again } = useLoad((signal) => pagesOf(entity.id, { pageSize, position: state.pages }, signal), [entity.id, state.pages]);
  const rows = data?.pages ?? [];
  const next = data?.nextPageToken && String(rows.at(-1).position + 1);
  const pairs = rows.some((row) => row.properties || row.metadata);
  return html`<section class="pages-of" aria-busy=${loading}><div class="section-head"><h2>${isItem ? t.pageDetails : t.pagesTitle}</h2></div>
    ${error && html`<${Problem} error=${error} again=${again} />`}
    <${Loading} of=${{ data, loading }} />
    ${data && rows.length === 0 && html`<p class="empty">${t.noPages}</p>`}
    ${rows.length > 0 && html`<div class="table plain" tabindex="0" role="region" aria-label=${t.pagesTitle}><table>
      <thead><tr>${!isItem && html`<th scope="col" class="number">${t.place}</th><th scope="col">${kinds.contentitem.one}</th>`}
        <th scope="col">${kinds.datarecord.one}</th><th scope="col">${t.template}</th><th scope="col">${t.physicalPages}</th>${pairs && html`<th scope="col">${t.pairsOfPage}</th>`}</tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${row.position}>
        ${!isItem && html`<td class="number">${number(row.position + 1)}</td><td class="id"><${Link} to=${{ id: row.contentitem }} data-row>${row.contentitem}<//></td>`}
        <td class="id">${row.datarecord && html`<${Link} to=${{ id: row.datarecord }}>${row.datarecord}<//>`}</td>
        <td>${row.template && html`<${Text} value=${row.template} most=${60} />`}</td>
        <td class="media-of"><${PageCounts} pages=${row.pages} /></td>
        ${pairs && html`<td><${Pairs} pairs=${[...(row.properties ?? []), ...(row.metadata ?? [])]} /></td>`}
      </tr>`)}</tbody></table></div>`}
    ${data && html`<${Pager} to=${state} name="pages" token=${state.pages} next=${next} />`}
  </section>`;
}

// Media is a table of what is printed on how much, with bars to compare.
function Media({ rows }) {
  const all = rows.reduce((sum, row) => sum + row.count, 0);
  return html`<div class="table plain" tabindex="0" role="region" aria-label=${t.byMedium}><table class="media">
    <thead><tr><th scope="col">${t.medium}</th><th scope="col" class="number">${t.pagesTitle}</th><th scope="col">${t.shareOfAll}</th></tr></thead>
    <tbody>${rows.map((row, i) => html`<tr key=${i}><th scope="row"><${Medium} media=${row.media} /></th><td class="number">${number(row.count)}</td>
      <td><meter min="0" max=${all} value=${row.count} aria-label=${t.shareOfAll}></meter> <span class="quiet">${t.percent(row.count / all)}</span></td></tr>`)}</tbody></table></div>`;
}

// MediaOfSet shows the pages of a content set by medium.
export function MediaOfSet({ entity }) {
  const { data, error, loading, again } = useLoad((signal) => mediaOf(entity.id, signal), [entity.id]);
  return html`<section class="below" aria-busy=${loading}><div class="section-head"><h2>${t.byMedium}</h2></div>
    ${error && html`<${Problem} error=${error} again=${again} />`}
    <${Loading} of=${{ data, loading }} />
    ${data && (data.pages.length === 0 ? html`<p class="empty">${t.noPageDetailsInSet}</p>` : html`<${Media} rows=${data.pages} />`)}
  </section>`;
}

const mostBars = 500;
const Chart = lazy("./chart.js", "Chart");
const at = (i) => number(i + 1);

// partsOf returns what the chart compares: the jobs of a set; of a single job its
// document sets; of a single one of these the documents.
async function partsOf(entity, signal) {
  const { jobs, documentsets } = entity.counts;
  if (jobs > 1) {
    const found = await entities({ kind: "job", filter: `jobset = ${entity.id}`, orderBy: "id", fields: "id,counts", pageSize: mostBars }, signal);
    return { kind: "job", all: jobs, rows: found.entities.map((job) => ({ id: job.id, pages: job.counts?.pages ?? 0, sheets: job.counts?.sheets ?? 0 })) };
  }
  const kind = documentsets > 1 ? "documentset" : "document";
  const { rows } = await statisticsOf(entity.id, kind, mostBars, signal);
  return { kind, all: entity.counts[`${kind}s`], rows: rows.map((row) => ({ id: row[kind === "document" ? "documentId" : "documentSetId"], ...row.counts })) };
}

// Statistics shows what a job set prints, as a table and a chart.
export function Statistics({ entity }) {
  const { data, error, loading, again } = useLoad(async (signal) => ({ ...(await statisticsOf(entity.id, "documentset", 0, signal)), parts: await partsOf(entity, signal) }), [entity.id, entity.updateTime]);
  const media = (data?.head.media ?? []).map((one) => ({ media: one, count: one.count }));
  const { parts } = data ?? {};
  const series = useMemo(() => [
    { name: t.pagesTitle, values: (parts?.rows ?? []).map((row) => row.pages), colour: "--bar", size: 0.8 },
    { name: t.sheets, values: (parts?.rows ?? []).map((row) => row.sheets), colour: "--bar-strong", size: 0.5 },
  ], [parts]);
  return html`<section class="below statistics" aria-busy=${loading}><div class="section-head"><h2>${t.statistics}</h2>
      ${data && html`<span class="quiet">${t.totals(data.head.counts, number)}</span>`}</div>
    ${error && html`<${Problem} error=${error} again=${again} />`}
    <${Loading} of=${{ data, loading }} />
    ${data && media.length > 0 && html`<${Media} rows=${media} />`}
    ${data && media.length === 0 && html`<p class="empty">${t.noPageDetailsInSet}</p>`}
    ${parts?.rows.length > 1 && parts.rows.some((row) => row.pages || row.sheets) && html`<h3>${t.chartOf(kinds[parts.kind].many, number(parts.rows.length), parts.rows.length < parts.all && number(parts.all))}</h3>
      <${Chart} series=${series} at=${at} told=${(i) => `${kinds[parts.kind].one} ${parts.rows[i]?.id ?? ""}`} space=${48} label=${t.chartLabel(kinds[parts.kind].many)} />
      <details><summary>${t.asTableShort}</summary><div class="table plain" tabindex="0" role="region" aria-label=${t.statistics}><table>
        <thead><tr><th scope="col">${kinds[parts.kind].one}</th><th scope="col" class="number">${t.pagesTitle}</th><th scope="col" class="number">${t.sheets}</th></tr></thead>
        <tbody>${parts.rows.slice(0, 100).map((row) => html`<tr key=${row.id}><th scope="row" class="id"><${Link} to=${{ id: row.id }}>${row.id}<//></th><td class="number">${number(row.pages)}</td><td class="number">${number(row.sheets)}</td></tr>`)}</tbody></table></div>
        ${parts.rows.length > 100 && html`<p class="quiet">${t.firstOf(number(100), number(parts.all))}</p>`}</details>`}
  </section>`;
}
