// The types of a dashboard's JSON: those of @grafana/schema, with the options of each kind of panel.
import type { AnnotationQuery, Dashboard, DataQuery, FieldConfigSource, Panel, RowPanel } from '@grafana/schema';
import type * as heatmap from '@grafana/schema/dist/types/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen.js';
import type * as stat from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.js';
import type * as states from '@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen.js';
import type * as lines from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.js';

// JSON has the values of enumerations, not their names.
type Json<T> = T extends string
  ? `${T}`
  : T extends number
    ? `${T}` extends `${infer N extends number}` ? N : T
    : T extends object
      ? { [K in keyof T]: Json<T[K]> }
      : T;

interface PrometheusQuery extends DataQuery {
  expr: string;
  legendFormat?: string;
  range: boolean;
  instant: boolean;
  format?: 'heatmap' | 'table' | 'time_series';
}

// Grafana's data source of Prometheus reads the title; the schema does not have it.
type Annotation = AnnotationQuery<PrometheusQuery> & { titleFormat: string };

type Of<Kind extends string, Options, Custom> = Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> & {
  type: Kind;
  id: number;
  gridPos: { x: number; y: number; w: number; h: number };
  targets: PrometheusQuery[];
  options: Partial<Options>;
  fieldConfig: FieldConfigSource<Partial<Custom>>;
};

export type Board = Json<
  Omit<Dashboard, 'panels' | 'annotations'> & {
    annotations: { list: Annotation[] };
    panels: (
      | RowPanel
      | Of<'timeseries', lines.Options, lines.FieldConfig>
      | Of<'stat', stat.Options, Record<string, never>>
      | Of<'state-timeline', states.Options, states.FieldConfig>
      | Of<'heatmap', heatmap.Options, heatmap.FieldConfig>
    )[];
  }
>;
