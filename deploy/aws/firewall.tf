# Allowed connections between the components and out of the platform. Security groups have no other rules.
locals {
  groups = {
    edge     = "the load balancer"
    service  = "the price service"
    page     = "the page"
    airflow  = "Airflow"
    watcher  = "the watcher"
    migrate  = "the migrations before a deployment"
    journal  = "the archiving of old quotes"
    mlflow   = "MLflow"
    host     = "the host through which operators come in"
    database = "PostgreSQL"
    broker   = "the queue of Airflow's tasks"
    files    = "the files that Airflow's workers share"

    airflow-worker = "Airflow's workers"
  }

  ports = { service = 9696, page = 8501, watcher = 9697, airflow = 8080, mlflow = 5000, database = 5432, broker = 6379, files = 2049, airflow-worker = 8793 }

  flows = {
    edge    = ["service", "page"]
    service = ["mlflow", "database"] # the production model; the journal
    page    = ["service", "watcher"]
    airflow = ["mlflow", "database", "service", "broker", "airflow-worker"] # the last: logs of running tasks
    watcher = ["mlflow", "database", "airflow"]                             # the model, quotes, outcome of pipeline runs
    migrate = ["database", "mlflow"]
    journal = ["database"]
    mlflow  = ["database"]
    host    = ["mlflow", "airflow", "service", "watcher"] # operators' tunnels

    airflow-worker = ["mlflow", "database", "service", "broker", "airflow", "files"]
  }

  arrows = merge([
    for source, targets in local.flows : { for target in targets : "${source}-${target}" => { from = source, to = target } }
  ]...)

  # Images, secrets, logs, S3 and (Airflow and its workers) Kaggle are reached over HTTPS; the watcher sends to webhooks over it.
  reach_https = toset(["service", "page", "airflow", "airflow-worker", "watcher", "migrate", "journal", "mlflow", "host"])
  mail_ports  = toset(["465", "587"]) # both are encrypted

  extra_egress = merge(flatten([
    for name, rule in var.extra_egress : [
      for path in setproduct(rule.from, rule.cidrs) :
      { "${name}-${path[0]}-${path[1]}" = { name = name, from = path[0], port = rule.port, cidr = path[1] } }
    ]
  ])...)
}

resource "aws_security_group" "this" {
  # checkov:skip=CKV2_AWS_5:ECS services and the migration task refer to them by name, which the scanner does not resolve
  for_each = local.groups

  name                   = "${var.name}-${each.key}"
  description            = each.value
  vpc_id                 = aws_vpc.this.id
  revoke_rules_on_delete = true
  tags                   = { Name = "${var.name}-${each.key}" }

  lifecycle {
    ignore_changes = [description] # AWS replaces the group, which is in use, to change it
  }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = local.arrows

  security_group_id            = aws_security_group.this[each.value.to].id
  referenced_security_group_id = aws_security_group.this[each.value.from].id
  ip_protocol                  = "tcp"
  from_port                    = local.ports[each.value.to]
  to_port                      = local.ports[each.value.to]
  description                  = "${each.value.from} to ${each.value.to}"
}

resource "aws_vpc_security_group_egress_rule" "this" {
  for_each = local.arrows

  security_group_id            = aws_security_group.this[each.value.from].id
  referenced_security_group_id = aws_security_group.this[each.value.to].id
  ip_protocol                  = "tcp"
  from_port                    = local.ports[each.value.to]
  to_port                      = local.ports[each.value.to]
  description                  = "${each.value.from} to ${each.value.to}"
}

resource "aws_vpc_security_group_ingress_rule" "visitors" {
  for_each = toset(var.allowed_cidrs)

  security_group_id = aws_security_group.this["edge"].id
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "clients, TLS only"
}

resource "aws_vpc_security_group_egress_rule" "https" {
  for_each = local.reach_https

  security_group_id = aws_security_group.this[each.value].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "images, secrets, logs, public data"
}

resource "aws_vpc_security_group_egress_rule" "mail" {
  for_each = local.mail_ports

  security_group_id = aws_security_group.this["watcher"].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = tonumber(each.value)
  to_port           = tonumber(each.value)
  description       = "alerts by mail"
}

resource "aws_vpc_security_group_egress_rule" "extra" {
  for_each = local.extra_egress

  security_group_id = aws_security_group.this[each.value.from].id
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  description       = each.value.name
}
