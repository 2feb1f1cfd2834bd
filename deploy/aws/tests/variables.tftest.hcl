# Invalid values are rejected before anything is created.
mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["us-east-1a", "us-east-1b"] }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
}

variables {
  entropy           = "0000000000000000000000000000000000000000000000000000000000000000"
  certificate_arn   = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"
  allowed_cidrs     = ["203.0.113.0/24"]
  github_repository = "example/carvalue"
  alert_email       = "ops@example.com"
}

run "texts" {
  command = plan

  variables {
    certificate_arn   = "none"
    github_repository = "example/*"
    alert_email       = "somebody"
    allowed_cidrs     = []
    name              = "Too Long And With Spaces"
    network_cidr      = "10.0.0.0/24"
    database_class    = "db.m5.large"
  }

  expect_failures = [
    var.certificate_arn, var.github_repository, var.alert_email, var.allowed_cidrs, var.name, var.network_cidr, var.database_class,
  ]
}

run "numbers" {
  command = plan

  variables {
    backup_days         = 0
    database_storage_gb = 5
    log_days            = 2
    monthly_budget_usd  = 0
    service_max_copies  = 1
  }

  expect_failures = [
    var.backup_days, var.database_storage_gb, var.log_days, var.monthly_budget_usd, var.service_max_copies,
  ]
}

run "sizes_that_fargate_does_not_offer" {
  command = plan

  variables {
    sizes = {
      service = { cpu = 300, memory = 100, copies = 1 }
      page    = { cpu = 256, memory = 512, copies = 1 }
      watcher = { cpu = 512, memory = 2048, copies = 2 }
      airflow = { cpu = 1024, memory = 4096, copies = 2 }
    }
  }

  expect_failures = [var.sizes]
}

run "no_copy_of_the_price_service" {
  command = plan

  variables {
    sizes = { service = { cpu = 512, memory = 1024, copies = 0 } }
  }

  expect_failures = [var.sizes]
}

run "no_copy_of_the_page" {
  command = plan

  variables {
    sizes = { page = { cpu = 256, memory = 1024, copies = 0 } }
  }

  expect_failures = [var.sizes]
}

run "half_a_copy" {
  command = plan

  variables {
    sizes = { mlflow = { cpu = 512, memory = 2048, copies = 0.5 } }
  }

  expect_failures = [var.sizes]
}

run "fewer_copies_than_none" {
  command = plan

  variables {
    sizes = { airflow-worker = { cpu = 1024, memory = 4096, copies = -1 } }
  }

  expect_failures = [var.sizes]
}

run "egress_of_no_component_or_to_no_address" {
  command = plan

  variables {
    extra_egress = {
      everything = { from = ["database"], port = 0, cidrs = ["everywhere"] }
    }
  }

  expect_failures = [var.extra_egress]
}

run "names_that_are_no_settings_of_containers" {
  command = plan

  variables {
    settings         = { DATA_SOURSE = "sample", JOURNAL_URL = "postgresql://user:password@host/journal", SERVICE_PORT = "80" }
    optional_secrets = ["JOURNAL_URL"]
  }

  expect_failures = [var.settings, var.optional_secrets]
}
