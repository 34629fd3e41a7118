// Draws the rows of a dashboard with Grafana's own React panels and the data of a Prometheus. What Grafana itself does around
// them (menus, marks over the panels) is not drawn.
import React from 'react';
import { createRoot } from 'react-dom/client';
import { createTheme, toDataFrame, FieldType, getDisplayProcessor, ThemeContext, dateTime } from '@grafana/data';
import { TimeSeries, BigValue, PanelChrome, GlobalStyles } from '@grafana/ui';

const WIDTH = 1200, UNIT = 34, GAP = 8;
const theme = createTheme({ colors: { mode: 'light' } });
const query = new URLSearchParams(location.search);
const end = Math.floor(Date.now() / 1000), start = end - Number(query.get('seconds'));
const filled = (text) => text.replaceAll('$__rate_interval', '1m').replace(/\$\w+/g, '.+');
const legend = (target, labels) => target.legendFormat.replace(/\{\{(\w+)\}\}/g, (_, name) => labels[name] ?? '');

async function series(target) {
  const kind = target.instant ? `query?time=${end}` : `query_range?start=${start}&end=${end}&step=5`;
  const answer = await fetch(`${query.get('prometheus')}/api/v1/${kind}&query=${encodeURIComponent(filled(target.expr))}`);
  return (await answer.json()).data.result.map((each) => ({ labels: each.metric, name: legend(target, each.metric), values: each.values ?? [each.value] }));
}

async function frames(panel) {
  const all = (await Promise.all((panel.targets ?? []).map(series))).flat();
  return all.map(({ labels, name, values }, seriesIndex) => {
    const frame = toDataFrame({ name, fields: [
      { name: 'Time', type: FieldType.time, values: values.map(([at]) => at * 1000) },
      { name: 'Value', type: FieldType.number, labels, values: values.map(([, value]) => Number(value)),
        config: { ...panel.fieldConfig.defaults, displayNameFromDS: name } }] });
    for (const field of frame.fields) {
      field.state = { seriesIndex };
      field.display = getDisplayProcessor({ field, theme, timeZone: 'utc' });
    }
    return frame;
  });
}

function Body({ panel, data, width, height }) {
  if (panel.type === 'timeseries') {
    const timeRange = { from: dateTime(start * 1000), to: dateTime(end * 1000), raw: { from: 'now-5m', to: 'now' } };
    return data.length ? <TimeSeries frames={data} structureRev={1} width={width} height={height} timeZone="utc" timeRange={timeRange}
      legend={panel.options.legend} options={panel.options} /> : <p>No data</p>;
  }
  const shown = data.length ? data.map(({ fields: [, field] }) => field.display(field.values[0])) : [{ text: panel.fieldConfig.defaults.noValue }];
  return shown.map((value, index) => <BigValue key={index} theme={theme} width={width / shown.length} height={height}
    value={value} colorMode="value" graphMode="none" />);
}

function Panel({ panel, data }) {
  const { x, y, w, h } = panel.gridPos, column = WIDTH / 24, width = w * column - GAP, height = h * UNIT - GAP;
  const place = { position: 'absolute', left: x * column, top: y * UNIT, width, height };
  if (panel.type === 'row') return <div style={{ ...place, fontWeight: 500, lineHeight: `${height}px` }}>{panel.title}</div>;
  return <div style={place}><PanelChrome title={panel.title} width={width} height={height}>
    {(w, h) => <div style={{ display: 'flex' }}><Body panel={panel} data={data} width={w} height={h} /></div>}</PanelChrome></div>;
}

// The panels of the rows with these titles, one row below the other.
function placed(panels, titles) {
  const rows = panels.filter(({ type }) => type === 'row'), found = [];
  let bottom = 0;
  for (const row of rows.filter(({ title }) => titles.includes(title))) {
    const next = rows[rows.indexOf(row) + 1]?.gridPos.y ?? Infinity;
    const own = panels.filter(({ gridPos }) => gridPos.y >= row.gridPos.y && gridPos.y < next);
    found.push(...own.map((panel) => ({ ...panel, gridPos: { ...panel.gridPos, y: panel.gridPos.y - row.gridPos.y + bottom } })));
    bottom = Math.max(...found.map(({ gridPos: { y, h } }) => y + h));
  }
  return [found, bottom];
}

// Draws the rows with these titles, and resolves to what is wrong: panels without data, and titles that are cut off.
window.draw = async (board, titles) => {
  const [wanted, bottom] = placed(board.panels, titles), root = document.getElementById('root');
  const data = await Promise.all(wanted.map(frames));
  Object.assign(root.style, { position: 'relative', width: `${WIDTH - GAP}px`, height: `${bottom * UNIT - GAP}px` });
  createRoot(root).render(<ThemeContext.Provider value={theme}><GlobalStyles />
    {wanted.map((panel, index) => <Panel key={index} panel={panel} data={data[index]} />)}</ThemeContext.Provider>);
  await new Promise((drawn) => setTimeout(drawn, 2000));
  const empty = wanted.filter((panel, index) => panel.type !== 'row' && !data[index].length).map((panel) => `no data: ${panel.title}`);
  const cut = [...root.querySelectorAll('h2')].filter((box) => box.scrollWidth > box.clientWidth).map((box) => `cut off: ${box.title || box.textContent}`);
  return [...empty, ...cut];
};
