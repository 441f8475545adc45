Feature: Cluster
  Ansible turns the machines into a Kubernetes cluster with storage, a registry and Argo in it.

  Background:
    Given the cluster

  Scenario: Every play was carried out
    Then these plays ran on the machines without a failure
      | play       |
      | Ping       |
      | Hello host |
      | Pre-k8s    |
      | Kubernetes |
      | Post-k8s   |

  Scenario: Running the plays again changes nothing
    When the plays have run on a cluster that is as they say
    Then they changed nothing

  Scenario: Every machine is a Kubernetes node
    Then every machine has
      | kind           | name                                                                                    | wanted             |
      | service        | containerd                                                                              | running, enabled   |
      | service        | kubelet                                                                                 | running, enabled   |
      | service        | nftables                                                                                | off                |
      | service        | ufw                                                                                     | off                |
      | kernel setting | net.ipv4.ip_forward                                                                     | 1                  |
      | kernel setting | net.ipv6.conf.all.disable_ipv6                                                          | 1                  |
      | file           | /etc/containerd/config.toml                                                             | /etc/containerd/certs.d |
      | file           | /etc/containerd/certs.d/registry.kube-system.svc.cluster.local:5000/hosts.toml          | http://            |
      | disk           | /var/lib/containerd                                                                     | at least 5 GiB free |
    And Kubernetes lists every machine as Ready

  Scenario: Pods find and reach each other, and keep what they write
    Given a pod that writes to a volume of the default storage class
    And a pod on every machine
    Then every pod reaches every other by its name
    And a name that nobody has is denied within 1 second
    And a Service still answers when its pod has moved to another machine
    And the volume's next pod reads what was written

  Scenario: The registry of the cluster is there
    Then the registry of the cluster answers
