terraform {
  required_version = ">= 1.11"
  required_providers {
    pouncet = { source = "pouncet/pouncet" }
  }
}

provider "pouncet" {
  configuration = "access"
}

variable "audience" {
  type        = string
  default     = "https://pouncet.example.com"
  description = "The URL of the server. No other service accepts tokens for it."
}

resource "pouncet_environment" "prod" {
  name = "prod"
}

# Jobs of pull requests plan. They can neither read nor change a value.
resource "pouncet_oidc_trust" "github_pull_requests" {
  name     = "github-pull-requests"
  issuer   = "https://token.actions.githubusercontent.com"
  audience = var.audience
  claims = {
    repository = "acme/shop"
    event_name = "pull_request"
  }
  session_minutes = 30
}

# Jobs of the main branch apply.
resource "pouncet_oidc_trust" "github_main" {
  name     = "github-main"
  issuer   = "https://token.actions.githubusercontent.com"
  audience = var.audience
  claims = {
    repository = "acme/shop"
    ref        = "refs/heads/main"
    event_name = "push"
  }
}

# GitLab gives a job one token, which each process of the job presents: reuse accepts it until it expires.
resource "pouncet_oidc_trust" "gitlab_merge_requests" {
  name     = "gitlab-merge-requests"
  issuer   = "https://gitlab.com"
  audience = var.audience
  claims = {
    project_path    = "acme/shop"
    pipeline_source = "merge_request_event"
  }
  reuse = true
}

resource "pouncet_oidc_trust" "gitlab_main" {
  name     = "gitlab-main"
  issuer   = "https://gitlab.com"
  audience = var.audience
  claims = {
    project_path    = "acme/shop"
    ref             = "main"
    ref_type        = "branch"
    ref_protected   = "true"
    pipeline_source = "push"
  }
  reuse = true
}

locals {
  planning = { github = pouncet_oidc_trust.github_pull_requests.name, gitlab = pouncet_oidc_trust.gitlab_merge_requests.name }
  applying = { github = pouncet_oidc_trust.github_main.name, gitlab = pouncet_oidc_trust.gitlab_main.name }
}

resource "pouncet_role_binding" "plan" {
  for_each    = local.planning
  name        = "${each.key}-plan"
  role        = "planner"
  to          = "trust:${each.value}"
  project     = "default"
  environment = pouncet_environment.prod.name
}

resource "pouncet_role_binding" "apply" {
  for_each    = local.applying
  name        = "${each.key}-apply"
  role        = "editor"
  to          = "trust:${each.value}"
  project     = "default"
  environment = pouncet_environment.prod.name
}
