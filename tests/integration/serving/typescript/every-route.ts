// Calls every route of a price service with the generated types, and prints the answers by operation id.
import createClient from "openapi-fetch";
import type { components, paths } from "./price-service.js";

type Schemas = components["schemas"];

const [, , baseUrl, key] = process.argv;
const client = createClient<paths>({ baseUrl, headers: { "X-API-Key": key } });
const body: Schemas["Listing"] = { make: "ford", model: "f-150 xlt", year: 2015, odometer: "80,000" };

function answered<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

const quote = answered(await client.POST("/v1/predict", { body })) as Schemas["Quote"];
const path = { quote_id: quote.quote_id };
const explained: Schemas["ExplainedQuote"] = answered(await client.POST("/v1/explain", { body }));
const curves: Schemas["Curves"] = answered(
  await client.POST("/v1/curves", { body, params: { query: { odometer: [50_000] } } }),
);
const distribution: Schemas["Distribution"] = answered(
  await client.POST("/v1/distribution", { body, params: { query: { asking_price: 9_000 } } }),
);
const missing: Schemas["MissingAnswers"] = answered(await client.POST("/v1/missing", { body }));
const feedback: Schemas["StoredFeedback"] = answered(
  await client.POST("/v1/feedback", { body: { quote_id: quote.quote_id, sale_price: 9_000 } }),
);
const rating: Schemas["StoredRating"] = answered(
  await client.PUT("/v1/quotes/{quote_id}/rating", { params: { path }, body: { rating: "useful" } }),
);
const stored: Schemas["StoredQuote"] = answered(await client.GET("/v1/quotes/{quote_id}", { params: { path } }));
const options: Schemas["Options"] = answered(
  await client.GET("/v1/options", { params: { query: { make: "ford" } } }),
);
const model: Schemas["Model"] = answered(await client.GET("/v1/model"));
const batch: string = answered(
  await client.POST("/v1/predict/batch", {
    body: "make,model,year\nford,f-150,2015\n",
    bodySerializer: (file) => file,
    headers: { "Content-Type": "text/csv" },
    parseAs: "text",
  }),
);
const health: Schemas["Health"] = answered(await client.GET("/healthz"));
const ready: Schemas["Readiness"] = answered(await client.GET("/readyz"));
const metrics: string = answered(await client.GET("/metrics", { parseAs: "text" }));
const deleted = await client.DELETE("/v1/quotes/{quote_id}", { params: { path } });
const gone = await client.GET("/v1/quotes/{quote_id}", { params: { path } });
const refused = await client.POST("/v1/predict", { body: { ...body, year: 1 } });

console.log(
  JSON.stringify({
    post_predict: quote.price,
    post_batch: batch.split("\n")[1],
    post_explain: explained.reasons.items[0].amount,
    post_curves: curves.odometer[0].price,
    post_distribution: distribution.asking?.share_above,
    post_missing: missing.missing.length,
    post_feedback: feedback.currency,
    put_rating: rating.rating,
    get_quote: stored.quote.price,
    delete_quote: deleted.response.status === 204,
    get_options: options.distance_unit,
    get_model: model.card.currency,
    get_healthz: health.status,
    get_readyz: ready.status,
    get_metrics: metrics.includes("carvalue_quotes_total"),
    gone: gone.error?.status,
    refused: refused.error?.errors?.map((error) => error.field),
  }),
);
