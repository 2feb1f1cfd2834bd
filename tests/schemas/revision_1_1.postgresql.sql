-- Revision 1.1, which records the client of each quote and of each reported sale.
CREATE TABLE feedback (
	quote_id VARCHAR(32) NOT NULL,
	sale_price INTEGER NOT NULL,
	told_at TIMESTAMP WITH TIME ZONE NOT NULL,
	client VARCHAR(64),
	PRIMARY KEY (quote_id)
);
CREATE TABLE quotes (
	quote_id VARCHAR(32) NOT NULL,
	quoted_at TIMESTAMP WITH TIME ZONE NOT NULL,
	model_version VARCHAR(32) NOT NULL,
	price INTEGER NOT NULL,
	low INTEGER NOT NULL,
	high INTEGER NOT NULL,
	warnings JSON NOT NULL,
	listing JSON NOT NULL,
	client VARCHAR(64),
	PRIMARY KEY (quote_id)
);
INSERT INTO quotes (quote_id, quoted_at, model_version, price, low, high, warnings, listing) VALUES ('00000000000000000000000000000001', '2021-05-04 12:00:01+00', '3', 22450, 18900, 26100,
	'["odometer is missing"]', '{"manufacturer":"ford","model":"f-150","year":2015,"odometer":null}');
INSERT INTO feedback (quote_id, sale_price, told_at) VALUES ('00000000000000000000000000000001', 20000, '2021-06-01 00:00:00+00');
CREATE TABLE journal_schema (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT journal_schema_pkc PRIMARY KEY (version_num)
);
INSERT INTO journal_schema VALUES ('1.1');
