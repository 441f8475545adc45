output "floating_address" {
  description = "Where the pipeline's ports are reached."
  value       = var.floating_address
  depends_on  = [terraform_data.node]
}

output "nodes" {
  description = "Address of each machine by its name."
  value       = { for name, node in terraform_data.node : name => node.triggers_replace.address }
}

output "volume" {
  description = "The data volume of node1."
  value       = { id = terraform_data.volume.id, name = local.data, mounted_at = "/mnt/data" }
}
