# The local site: three machines, a private network, a floating address and a data volume, as the cloud
# site has them, made of containers on this machine. No provider for containers is needed:
# terraform_data drives podman.
terraform {
  required_version = ">= 1.10"
  backend "local" {}
}

locals {
  network = "cx-${var.site}"
  data    = "cx-${var.site}-data"
}

resource "terraform_data" "network" {
  triggers_replace = { name = local.network, subnet = var.subnet }

  provisioner "local-exec" {
    command     = "podman network exists \"$NAME\" || podman network create --disable-dns --subnet \"$SUBNET\" \"$NAME\""
    environment = { NAME = self.triggers_replace.name, SUBNET = self.triggers_replace.subnet }
  }
  provisioner "local-exec" {
    when        = destroy
    command     = "! podman network exists \"$NAME\" || podman network rm \"$NAME\""
    environment = { NAME = self.triggers_replace.name }
  }
}

# What the cloud site has as a block volume: it holds what MinIO, PostgreSQL and Prometheus keep.
resource "terraform_data" "volume" {
  triggers_replace = { name = local.data }

  provisioner "local-exec" {
    command     = "podman volume exists \"$NAME\" || podman volume create \"$NAME\""
    environment = { NAME = self.triggers_replace.name }
  }
  provisioner "local-exec" {
    when        = destroy
    command     = "! podman volume exists \"$NAME\" || podman volume rm \"$NAME\""
    environment = { NAME = self.triggers_replace.name }
  }
}

resource "terraform_data" "supply" {
  depends_on = [terraform_data.network]
  triggers_replace = {
    name    = "cx-${var.site}-supply"
    network = local.network
    address = var.supply_address
    image   = var.supply_image
    script  = filesha256("${path.module}/supply")
    mirror  = var.mirror
    git     = var.git
  }

  provisioner "local-exec" {
    command     = "${path.module}/supply create"
    environment = self.triggers_replace
  }
  provisioner "local-exec" {
    when        = destroy
    command     = "${path.module}/supply destroy"
    environment = self.triggers_replace
  }
}

resource "terraform_data" "node" {
  for_each   = var.nodes
  depends_on = [terraform_data.network, terraform_data.volume]
  triggers_replace = {
    name            = "cx-${var.site}-${each.key}"
    hostname        = each.key
    network         = local.network
    address         = each.value
    image           = var.node_image
    script          = filesha256("${path.module}/node")
    authorized_keys = var.authorized_keys
    # The private network has no way out: of what isn't in the cluster its DNS says at once that there is no such name.
    dns   = var.supply_address
    hosts = join(" ", [for name, address in var.nodes : "${name}:${address}"])
    # The floating address and the volume belong to node1, as on the cloud site.
    floating_address = each.key == "node1" ? var.floating_address : ""
    ports            = each.key == "node1" ? join(" ", var.ports) : ""
    data             = each.key == "node1" ? local.data : ""
  }

  provisioner "local-exec" {
    command     = "${path.module}/node create"
    environment = self.triggers_replace
  }
  provisioner "local-exec" {
    when        = destroy
    command     = "${path.module}/node destroy"
    environment = self.triggers_replace
  }
}
