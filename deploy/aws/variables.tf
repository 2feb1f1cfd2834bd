# Variables without a default must be set.

variable "certificate_arn" {
  description = "ARN of the ACM certificate of the public host name, in the same region."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+$", var.certificate_arn))
    error_message = "Expected an ACM certificate ARN; plain HTTP is not supported."
  }
}

variable "allowed_cidrs" {
  description = "Address ranges that may reach the page and the price service; [\"0.0.0.0/0\"] is everyone."
  type        = list(string)

  validation {
    condition     = length(var.allowed_cidrs) > 0 && alltrue([for cidr in var.allowed_cidrs : can(cidrhost(cidr, 0))])
    error_message = "Expected at least one IPv4 range such as 203.0.113.0/24."
  }
}

variable "github_repository" {
  description = "Repository whose workflows may deploy, as owner/name."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", var.github_repository))
    error_message = "Expected owner/name, without wildcards."
  }
}

variable "alert_email" {
  description = "E-mail address for alarms and budget notifications."
  type        = string

  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", var.alert_email))
    error_message = "Expected an e-mail address."
  }
}

variable "entropy" {
  description = "Random value for passwords, never stored: export TF_VAR_entropy=$(openssl rand -hex 32) in each shell."
  type        = string
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = length(var.entropy) >= 64
    error_message = "Expected at least 64 characters, such as `openssl rand -hex 32` prints."
  }
}

variable "name" {
  description = "Prefix of every resource; two platforms in one account need different prefixes."
  type        = string
  default     = "carvalue"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,15}$", var.name))
    error_message = "Expected 3 to 16 lower-case letters, digits or hyphens, starting with a letter."
  }
}

variable "region" {
  description = "AWS region of all resources."
  type        = string
  default     = "us-east-1"
}

variable "github_environment" {
  description = "GitHub environment that may deploy; limit it to the main branch in the repository's settings."
  type        = string
  default     = "production"
}

variable "github_oidc_provider_arn" {
  description = "ARN of GitHub's identity provider if the account already has one; an account can have only one."
  type        = string
  default     = null
}

variable "network_cidr" {
  description = "Address range of the VPC."
  type        = string
  default     = "10.20.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.network_cidr, 8, 0)) && tonumber(split("/", var.network_cidr)[1]) <= 20
    error_message = "Expected an IPv4 range of /20 or larger."
  }
}

variable "nat_per_zone" {
  description = "One NAT gateway per zone (survives the loss of a zone, costs twice as much) instead of one."
  type        = bool
  default     = false
}

variable "database_class" {
  description = "Instance class of PostgreSQL."
  type        = string
  default     = "db.t4g.micro"

  validation {
    condition     = can(regex("^db\\.[a-z0-9]+g[a-z]*\\.[a-z0-9]+$", var.database_class))
    error_message = "Expected a Graviton class such as db.t4g.micro."
  }
}

variable "database_multi_az" {
  description = "A standby database in the second zone."
  type        = bool
  default     = false
}

variable "database_storage_gb" {
  description = "Initial storage; it grows automatically up to five times this."
  type        = number
  default     = 20

  validation {
    condition     = var.database_storage_gb >= 20 && var.database_storage_gb <= 6000
    error_message = "Expected 20 to 6000 GB."
  }
}

variable "backup_days" {
  description = "Retention of database backups."
  type        = number
  default     = 7

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "Expected 1 to 35 days: RDS supports no longer retention, and 0 turns backups off."
  }
}

variable "mlflow_instance_type" {
  description = "Instance type of the operators' host, on which MLflow runs too unless it has a size of its own; t4g.nano is enough without it."
  type        = string
  default     = "t4g.small"

  validation {
    condition     = can(regex("^[a-z0-9]+g[a-z]*\\.[a-z0-9]+$", var.mlflow_instance_type))
    error_message = "Expected a Graviton type such as t4g.small: images are built for arm64."
  }
}

variable "sizes" {
  description = "CPU units (1024 = one), memory in MiB and number of copies of container services, where they differ from default_sizes in services.tf. mlflow with copies runs on Fargate instead of on the host; airflow-worker with copies takes the tasks of Airflow from a queue."
  type        = map(object({ cpu = number, memory = number, copies = number }))
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.sizes), keys(local.default_sizes))) == 0
    error_message = "Expected names out of ${join(", ", keys(local.default_sizes))}."
  }
  validation {
    condition     = alltrue([for size in var.sizes : contains([256, 512, 1024, 2048, 4096, 8192, 16384], size.cpu)])
    error_message = "Fargate offers 256, 512, 1024, 2048, 4096, 8192 or 16384 CPU units."
  }
  validation {
    condition     = alltrue([for size in var.sizes : size.memory >= size.cpu * 2 && size.memory <= size.cpu * 8])
    error_message = "Fargate needs 2 to 8 MiB of memory per CPU unit."
  }
  validation {
    condition     = alltrue([for size in var.sizes : size.copies >= 0 && floor(size.copies) == size.copies])
    error_message = "Expected whole numbers of copies, not below 0."
  }
  validation {
    condition     = alltrue([for role in ["service", "page"] : try(var.sizes[role].copies, 1) >= 1])
    error_message = "The load balancer needs at least one copy of the price service and of the page."
  }
  validation {
    condition     = alltrue([for role in ["airflow", "watcher"] : try(var.sizes[role].copies, 1) == 1])
    error_message = "Airflow's three processes share one task, and two watchers would send each alert twice: give them more CPU, or Airflow an airflow-worker, not more copies."
  }
}

variable "settings" {
  description = "Settings of the containers by name, such as { RETRAIN_SCHEDULE = \"@weekly\" }; deploy/settings.env.example explains each."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.settings), local.setting_names)) == 0
    error_message = "Not a setting of containers: ${join(", ", setsubtract(keys(var.settings), local.setting_names))}. Secrets belong into optional_secrets."
  }
  validation {
    condition     = tonumber(lookup(var.settings, "TRAINING_WORKERS", "0")) == 0 || tonumber(lookup(var.settings, "TRAINING_WORKERS", "0")) + 2 <= try(var.sizes["airflow-worker"].copies, 0)
    error_message = "TRAINING_WORKERS, their scheduler and a step each take an airflow-worker: set sizes.airflow-worker.copies to TRAINING_WORKERS + 2 or more."
  }
}

variable "optional_secrets" {
  description = "Settings that are secret and have a default, which containers read from Secrets Manager instead; put their values there before the next deployment."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.optional_secrets, keys(local.optional_secrets))) == 0
    error_message = "Expected names out of ${join(", ", keys(local.optional_secrets))}."
  }
}

variable "extra_egress" {
  description = "Further TCP ports that components may connect to, by a name of your choice; settings that name a Redis, a collector of spans, an Alertmanager or a training cluster need one."
  type        = map(object({ from = set(string), port = number, cidrs = set(string) }))
  default     = {}

  validation {
    condition     = alltrue([for rule in var.extra_egress : length(setsubtract(rule.from, ["service", "page", "watcher", "airflow", "airflow-worker"])) == 0])
    error_message = "Expected from out of service, page, watcher, airflow and airflow-worker."
  }
  validation {
    condition     = alltrue([for rule in var.extra_egress : rule.port >= 1 && rule.port <= 65535 && floor(rule.port) == rule.port])
    error_message = "Expected ports from 1 to 65535."
  }
  validation {
    condition     = alltrue(flatten([for rule in var.extra_egress : [for cidr in rule.cidrs : can(cidrhost(cidr, 0))]]))
    error_message = "Expected IPv4 ranges such as 10.30.0.0/24."
  }
}

variable "service_max_copies" {
  description = "Maximum number of copies of the price service."
  type        = number
  default     = 6

  validation {
    condition     = var.service_max_copies >= local.sizes["service"].copies
    error_message = "Expected at least sizes.service.copies."
  }
}

variable "log_days" {
  description = "Retention of logs."
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_days)
    error_message = "Expected a period that CloudWatch offers, such as 30, 90 or 365."
  }
}

variable "monthly_budget_usd" {
  description = "A mail is sent at 80 % of it, and when the forecast exceeds it."
  type        = number
  default     = 250

  validation {
    condition     = var.monthly_budget_usd > 0
    error_message = "Expected an amount above 0."
  }
}

variable "protect_data" {
  description = "Refuse to destroy the database and non-empty buckets; use false only for temporary platforms."
  type        = bool
  default     = true
}

variable "secrets_version" {
  description = "Increase by one to rotate every generated password, then run the deploy workflow."
  type        = number
  default     = 1
}
