locals {
  default_sizes = {
    service = { cpu = 512, memory = 1024, copies = 2 }
    page    = { cpu = 256, memory = 1024, copies = 1 }
    watcher = { cpu = 512, memory = 2048, copies = 1 }
    airflow = { cpu = 1024, memory = 4096, copies = 1 }

    # without copies
    mlflow         = { cpu = 512, memory = 2048, copies = 0 }  # runs on the operators' host
    airflow-worker = { cpu = 1024, memory = 4096, copies = 0 } # tasks run in the scheduler's container
  }
  sizes   = merge(local.default_sizes, var.sizes)
  workers = local.sizes["airflow-worker"].copies
}

# All containers as data. Terraform creates the first revision; deployments add revisions with other images.
locals {
  inside    = aws_service_discovery_private_dns_namespace.this.name
  tracking  = "http://mlflow.${local.inside}:5000"
  artifacts = "s3://${aws_s3_bucket.this["artifacts"].bucket}/mlflow"
  state     = "/var/lib/carvalue"
  storage   = "s3://${aws_s3_bucket.this["artifacts"].bucket}/storage" # what Airflow and the watcher exchange
  published = "production"                                             # its folder with published versions

  # of every container with our code; what operators choose overrides the addresses of this platform
  settings = merge({
    MLFLOW_TRACKING_URI = local.tracking
    SERVICE_URL         = "http://service.${local.inside}:${local.ports.service}"
    WATCHER_URL         = "http://watcher.${local.inside}:${local.ports.watcher}"
    AIRFLOW_URL         = "http://airflow.${local.inside}:${local.ports.airflow}"
    STORAGE_URL         = local.storage
    BUNDLE_URL          = "${local.storage}/${local.published}" # a new task has a model while MLflow is down
    AWS_DEFAULT_REGION  = var.region
    }, {
    for name in ["PARALLEL_TASKS"] : name => tostring(local.workers) if local.workers > 0 # each has the processors of its container
  }, var.settings)

  # secret settings that a platform may do without -> the containers that read them
  optional_secrets = {
    RATE_LIMIT_REDIS   = ["service"]
    BUNDLE_SIGNING_KEY = ["airflow-api", "airflow-scheduler", "airflow-dag-processor", "airflow-worker", "migrate"]
  }

  airflow_environment = merge({
    AIRFLOW__CORE__EXECUTOR                  = local.workers > 0 ? "CeleryExecutor" : "LocalExecutor"
    AIRFLOW__API__BASE_URL                   = "http://localhost:8080" # operators use a tunnel
    AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE = "3"                     # a db.t4g.micro allows about 80 connections in total
  }, local.celery...)
  celery = [for broker in aws_elasticache_replication_group.broker : {
    AIRFLOW__CELERY__BROKER_URL         = "rediss://${broker.primary_endpoint_address}:${local.ports.broker}/0?ssl_cert_reqs=CERT_REQUIRED"
    AIRFLOW__CELERY__WORKER_CONCURRENCY = tostring(ceil(tonumber(local.settings["PARALLEL_TASKS"]) / local.workers)) # no task waits in the queue
  }]
  airflow_secrets = {
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN = "airflow-database"
    AIRFLOW__CORE__FERNET_KEY           = "airflow-fernet-key"
    AIRFLOW__API_AUTH__JWT_SECRET       = "airflow-jwt-secret"
    AIRFLOW_PASSWORD                    = "airflow-password"
    JOURNAL_URL                         = "journal-database" # a retraining reads reported sales
  }

  # metrics that CloudWatch keeps; it bills each
  metrics = {
    service = ["carvalue_quotes_total", "carvalue_warned_quotes_total", "carvalue_journal_lag_seconds", "carvalue_journal_dropped_total", "carvalue_model_version"]
    watcher = ["carvalue_drifted_features", "carvalue_live_error", "carvalue_live_coverage"]
  }

  # role -> the containers of one task; `port` accepts connections, and ECS calls `start.py healthy` with `health`
  tasks = {
    service = {
      size = local.sizes["service"]
      containers = {
        service = {
          image       = "service"
          port        = local.ports.service
          health      = ["http://127.0.0.1:${local.ports.service}/healthz"]
          environment = {}
          secrets     = { JOURNAL_URL = "journal-database", SERVICE_KEYS = "service-keys" }
        }
        metrics = {
          image       = "service"
          port        = null
          health      = []
          environment = {}
          secrets     = {}
          arguments   = concat(["http://127.0.0.1:${local.ports.service}/metrics", "${var.name}/service"], local.metrics.service)
        }
      }
    }
    page = {
      size = local.sizes["page"]
      containers = {
        page = {
          image       = "page"
          port        = local.ports.page
          health      = ["http://127.0.0.1:${local.ports.page}/_stcore/health"]
          environment = {}
          secrets     = { SERVICE_API_KEY = "page-key", OPERATOR_KEY = "operator-key" }
        }
      }
    }
    watcher = {
      size = local.sizes["watcher"]
      containers = {
        watcher = {
          image       = "watcher"
          port        = local.ports.watcher
          health      = ["http://127.0.0.1:${local.ports.watcher}/healthz"]
          environment = {}
          secrets     = { JOURNAL_URL = "journal-database", AIRFLOW_PASSWORD = "airflow-password", ALERT_URLS = "alert-urls" }
        }
        metrics = {
          image       = "watcher"
          port        = null
          health      = []
          environment = {}
          secrets     = {}
          arguments   = concat(["http://127.0.0.1:${local.ports.watcher}/metrics", "${var.name}/watcher"], local.metrics.watcher)
        }
      }
    }
    airflow = {
      size = local.sizes["airflow"]
      containers = {
        airflow-api           = merge(local.airflow_container, { port = local.ports.airflow, health = ["${local.airflow_here}/version"] })
        airflow-scheduler     = merge(local.airflow_container, { health = ["${local.airflow_here}/monitor/health", "scheduler"] })
        airflow-dag-processor = merge(local.airflow_container, { health = ["${local.airflow_here}/monitor/health", "dag_processor"] })
      }
    }
    airflow-worker = {
      size = local.sizes["airflow-worker"]
      containers = {
        airflow-worker = merge(local.airflow_container, {
          port = local.ports["airflow-worker"] # the log of a running task
          environment = merge(local.airflow_environment, {
            AIRFLOW__CORE__EXECUTION_API_SERVER_URL = "http://airflow.${local.inside}:${local.ports.airflow}/execution/"
            AIRFLOW__CORE__HOSTNAME_CALLABLE        = "airflow.utils.net.get_host_ip_address" # where Airflow finds that log
          })
        })
      }
    }
    mlflow = {
      size = local.sizes["mlflow"]
      containers = {
        mlflow = {
          image  = "mlflow"
          port   = local.ports.mlflow
          health = ["http://127.0.0.1:${local.ports.mlflow}/health"]
          environment = {
            MLFLOW_ARTIFACTS_DESTINATION = local.artifacts
            MLFLOW_SERVER_ALLOWED_HOSTS  = local.mlflow_hosts
            AWS_DEFAULT_REGION           = var.region
          }
          secrets = { MLFLOW_BACKEND_STORE_URI = "mlflow-database" }
        }
      }
    }
    journal = {
      size = { cpu = 512, memory = 2048, copies = 0 } # run once a day to archive old quotes
      containers = {
        journal = {
          image       = "watcher"
          port        = null
          health      = []
          environment = {}
          secrets     = { JOURNAL_URL = "journal-database" }
        }
      }
    }
    migrate = {
      size = { cpu = 512, memory = 1024, copies = 0 } # run once by each deployment, and for `publish`
      containers = {
        migrate = {
          image       = "airflow"
          port        = null
          health      = []
          environment = { DATABASE_HOST = aws_db_instance.this.address, DATABASE_OWNER = aws_db_instance.this.username }
          secrets = {
            AIRFLOW__DATABASE__SQL_ALCHEMY_CONN = "airflow-database"
            MLFLOW_BACKEND_STORE_URI            = "mlflow-database"
            JOURNAL_URL                         = "journal-database"
            AIRFLOW_PASSWORD                    = "airflow-password" # creates its user
          }
        }
      }
    }
  }
  airflow_here = "http://127.0.0.1:${local.ports.airflow}/api/v2" # the containers of a task share its network
  airflow_container = {
    image       = "airflow"
    port        = null
    health      = []
    environment = local.airflow_environment
    secrets     = local.airflow_secrets
  }
  # Fargate ignores the health check of the image. A check with a component reads its heartbeat from the database,
  # whose restart takes minutes; the end of Airflow's task would end a training.
  health_checks = {
    for role, task in local.tasks : role => {
      for name, item in task.containers : name => {
        command     = concat(["CMD", "python", "/app/containers/start.py", "healthy"], item.health)
        interval    = length(item.health) > 1 ? 60 : 15
        timeout     = 6
        retries     = length(item.health) > 1 ? 10 : 5 # ECS allows no more than 10
        startPeriod = 300                              # Airflow takes minutes
      } if length(item.health) > 0
    }
  }

  alone = toset(["airflow", "watcher"]) # never two: executor state and alert state have one writer

  # role -> container -> variable -> secret
  secrets = {
    for role, task in local.tasks : role => {
      for name, item in task.containers : name => merge(item.secrets, {
        for variable in var.optional_secrets : variable => local.optional_secret_names[variable] if contains(local.optional_secrets[variable], name)
      })
    }
  }
  optional_secret_names = { for variable in var.optional_secrets : variable => lower(replace(variable, "_", "-")) }
  secrets_of            = { for role, containers in local.secrets : role => distinct(flatten([for item in containers : values(item)])) }
  standing              = { for role, task in local.tasks : role => task if task.size.copies > 0 }
}

# The images that run, by digest; deployments write it, so that a change of settings keeps them.
resource "aws_ssm_parameter" "images" {
  # checkov:skip=CKV2_AWS_34:names of images are not secret
  name           = "/${var.name}/images"
  description    = "The images of the last successful deployment by target of the Dockerfile; deployments write it."
  type           = "String"
  insecure_value = "{}"

  lifecycle {
    ignore_changes = [insecure_value]
  }
}

locals {
  deployed_images = jsondecode(aws_ssm_parameter.images.insecure_value) # empty before the first deployment
}

resource "aws_ecs_cluster" "this" {
  # checkov:skip=CKV_AWS_65:Container Insights bills each metric; the alarms need only the free ECS metrics
  name = var.name

  setting {
    name  = "containerInsights"
    value = "disabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE"]
}

resource "aws_ecs_task_definition" "this" {
  for_each = local.tasks

  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.size.cpu
  memory                   = each.value.size.memory
  execution_role_arn       = aws_iam_role.execution[each.key].arn
  task_role_arn            = aws_iam_role.task[each.key].arn
  track_latest             = true # deployments add revisions, with the images that the parameter names
  skip_destroy             = true # services may run an earlier revision, or go back to it

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "ARM64" # a fifth cheaper than x86 for the same work
  }

  container_definitions = jsonencode([for name, item in each.value.containers : merge({
    name                   = name
    image                  = lookup(local.deployed_images, item.image, "${aws_ecr_repository.this[item.image].repository_url}:none")
    command                = concat([name], try(item.arguments, []))
    essential              = name != "metrics"
    readonlyRootFilesystem = true
    environment = [
      for key, value in merge({ for name, chosen in local.settings : name => chosen if item.image != "mlflow" }, item.environment) :
      { name = key, value = value }
    ]
    secrets = concat(
      [for key, secret in local.secrets[each.key][name] : { name = key, valueFrom = aws_secretsmanager_secret.this[secret].arn }],
      each.key == "migrate" ? [{ name = "DATABASE_PASSWORD", valueFrom = "${local.owner_secret}:password::" }] : [],
    )
    portMappings = item.port == null ? [] : [{ name = name, containerPort = item.port, hostPort = item.port, protocol = "tcp" }]
    mountPoints = concat(
      [{ sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }],
      [{ sourceVolume = "state", containerPath = local.state, readOnly = false }],
      contains(local.roles_with_files, name) ? [{ sourceVolume = "files", containerPath = "${local.state}/storage", readOnly = false }] : [],
    )
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this[each.key].name
        awslogs-region        = var.region
        awslogs-stream-prefix = name
      }
    }
    },
    length(item.health) == 0 ? {} : { healthCheck = local.health_checks[each.key][name] },
    name != "metrics" ? {} : { restartPolicy = { enabled = true, restartAttemptPeriod = 60 } }, # without it, alarms stay silent
  )])

  volume {
    name = "tmp"
  }
  volume {
    name = "state"
  }
  dynamic "volume" {
    for_each = contains(local.roles_with_files, each.key) ? aws_efs_access_point.shared : []

    content {
      name = "files"

      efs_volume_configuration {
        file_system_id     = volume.value.file_system_id
        transit_encryption = "ENABLED"

        authorization_config {
          access_point_id = volume.value.id
          iam             = "ENABLED"
        }
      }
    }
  }
}

resource "aws_service_discovery_service" "this" {
  for_each = toset(["service", "airflow", "watcher", "mlflow"]) # components with an internal host name

  name = each.key

  dns_config {
    namespace_id = aws_service_discovery_private_dns_namespace.this.id
    dns_records {
      type = "A"
      ttl  = 15
    }
  }
}

moved {
  from = aws_service_discovery_service.mlflow
  to   = aws_service_discovery_service.this["mlflow"]
}

resource "aws_ecs_service" "this" {
  for_each = local.standing

  name            = each.key
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.this[each.key].arn
  launch_type     = "FARGATE"
  desired_count   = local.deployed_images == {} ? 0 : each.value.size.copies # without an image, the first deployment sets it

  deployment_minimum_healthy_percent = contains(local.alone, each.key) ? 0 : 100
  deployment_maximum_percent         = contains(local.alone, each.key) ? 100 : 200
  health_check_grace_period_seconds  = contains(keys(aws_lb_target_group.this), each.key) ? 120 : null

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  # While a deployment runs, and for some minutes after it, errors of the price service return it to the release before.
  dynamic "alarms" {
    for_each = each.key == "service" ? ["${var.name}-service-errors"] : []

    content {
      alarm_names = [alarms.value] # by name: the alarms themselves depend on other services
      enable      = true
      rollback    = true
    }
  }

  network_configuration {
    subnets          = [for subnet in aws_subnet.private : subnet.id]
    security_groups  = [aws_security_group.this[each.key].id]
    assign_public_ip = false
  }

  dynamic "load_balancer" {
    for_each = contains(keys(aws_lb_target_group.this), each.key) ? [aws_lb_target_group.this[each.key].arn] : []

    content {
      target_group_arn = load_balancer.value
      container_name   = each.key
      container_port   = local.ports[each.key]
    }
  }

  dynamic "service_registries" {
    for_each = contains(keys(aws_service_discovery_service.this), each.key) ? [aws_service_discovery_service.this[each.key].arn] : []

    content {
      registry_arn = service_registries.value
    }
  }

  lifecycle {
    ignore_changes = [task_definition, desired_count] # deployments and autoscaling manage them
  }

  depends_on = [aws_lb_listener.https]
}

locals {
  scaled = {
    namespace = "ecs"
    dimension = "ecs:service:DesiredCount"
    resource  = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.this["service"].name}"
  }
}

resource "aws_appautoscaling_target" "service" {
  service_namespace  = local.scaled.namespace
  scalable_dimension = local.scaled.dimension
  resource_id        = local.scaled.resource
  min_capacity       = local.sizes["service"].copies
  max_capacity       = var.service_max_copies
}

resource "aws_appautoscaling_policy" "service" {
  name               = "${var.name}-service-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = local.scaled.namespace
  scalable_dimension = local.scaled.dimension
  resource_id        = local.scaled.resource
  depends_on         = [aws_appautoscaling_target.service]

  target_tracking_scaling_policy_configuration {
    target_value       = 60 # percent of CPU: room for a burst while the next copy starts
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
