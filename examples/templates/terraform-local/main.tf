# A workspace on the daemon's own host, made by Terraform without any provider to download: a folder, and
# an agent in it. Shows everything that a template for real infrastructure needs.

terraform {
  required_version = ">= 1.4" # the first with terraform_data
}

variable "workspaces" {
  description = "Folder on the daemon's host below which the workspaces live."
  type        = string

  validation {
    condition     = length(split("'", var.workspaces)) == 1
    error_message = "The path may not contain a single quote: scripts would read it in another way."
  }
}

variable "size" {
  description = "How much the workspace may cost."
  type        = string
  default     = "small"

  validation {
    condition     = contains(["small", "large"], var.size)
    error_message = "The size is small or large."
  }
}

variable "greeting" {
  description = "What the start-up script says."
  type        = string
  default     = "Hello"
}

# Filled in by chattool for every build.
variable "chattool_workspace_id" { type = string }
variable "chattool_workspace_name" { type = string }
variable "chattool_workspace_transition" { type = string }
variable "chattool_build_id" { type = string }

locals {
  started   = var.chattool_workspace_transition == "start"
  directory = "${pathexpand(var.workspaces)}/${var.chattool_workspace_name}-${substr(var.chattool_workspace_id, 0, 8)}"
  costs     = { small = 10, large = 30 }
}

# Stays through stops; removed with the workspace.
resource "terraform_data" "home" {
  input = local.directory

  provisioner "local-exec" {
    command = "mkdir -p '${self.input}'"
  }

  provisioner "local-exec" {
    when    = destroy
    command = "rm -rf -- '${self.input}'"
  }
}

# Made anew by every start, because its token changes with every build.
resource "terraform_data" "agent" {
  count            = local.started ? 1 : 0
  input            = terraform_data.home.output
  triggers_replace = [var.chattool_build_id]

  provisioner "local-exec" {
    command = "sh '${path.module}/agent.sh' start '${self.input}'"
  }

  provisioner "local-exec" {
    when    = destroy
    command = "sh '${path.module}/agent.sh' stop '${self.input}'"
  }
}

output "agents" {
  value = [for _ in terraform_data.agent : {
    name           = "main"
    startup_script = "echo '${var.greeting} from ${var.chattool_workspace_name}, a ${var.size} workspace'"
  }]
}

# Credits per day.
output "daily_cost" {
  value = local.started ? local.costs[var.size] : 2
}

output "directory" {
  value = terraform_data.home.output
}
